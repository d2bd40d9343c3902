-- Abandoned items: put in a cart at least getvariable('minutes') and less than getvariable('days') ago, and neither
-- removed nor bought since. "Now" is getvariable('now') in microseconds since 1970. What takes an item out counts in the
-- same second as later than the cart.
WITH emptied AS (
    SELECT *, max(event_time) FILTER (takes_out(event_type, price)) OVER (PARTITION BY user_id, product_id) AS emptied_at
    FROM events
    WHERE event_time > make_timestamptz(getvariable('now')) - to_days(getvariable('days'))
)
SELECT
    user_id,
    product_id,
    max(brand)                                                               AS brand,
    max(user_session) FILTER (event_time = last_at)                          AS user_session,
    count(*)                                                                 AS quantity,
    max(price) FILTER (event_time = last_at)                                 AS price,
    quantity * max(price) FILTER (event_time = last_at)                      AS cart_value,
    any_value(last_at)                                                       AS carted_at,
    carted_at + to_minutes(getvariable('minutes'))                           AS abandoned_at
FROM (
    SELECT *, max(event_time) OVER (PARTITION BY user_id, product_id) AS last_at
    FROM emptied
    WHERE event_type = 'cart' AND (emptied_at IS NULL OR event_time > emptied_at)
)
GROUP BY user_id, product_id
HAVING abandoned_at <= make_timestamptz(getvariable('now'))
