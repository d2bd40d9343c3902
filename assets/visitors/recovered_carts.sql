-- Items that had been left in a cart for getvariable('minutes') when they were bought, of the carts of the last
-- getvariable('days'). "Now" is getvariable('now') in microseconds since 1970.
SELECT
    user_id,
    product_id,
    max(brand) FILTER (is_sold(event_type, price))                   AS brand,
    max(event_time) FILTER (event_type = 'cart')                     AS carted_at,
    carted_at + to_minutes(getvariable('minutes'))                   AS abandoned_at,
    out_at                                                           AS recovered_at,
    purchases(event_type, price)                                     AS units,
    sum(price) FILTER (is_sold(event_type, price))                   AS revenue
FROM (SELECT *, out_at(event_time, event_type, price, user_id, product_id) AS out_at FROM events)
WHERE event_time > make_timestamptz(getvariable('now')) - to_days(getvariable('days'))
GROUP BY user_id, product_id, out_at
HAVING abandoned_at <= recovered_at AND units > 0
