-- What each buyer bought on some days: all that their value is computed from. The parts of a buyer can be combined.
-- On a day of returns alone nothing was bought: it is no first, last or repeat day, but its money counts.
SELECT
    user_id,
    sum(orders)::BIGINT                                          AS orders,
    sum(units)::BIGINT                                           AS units,
    sum(revenue)                                                 AS revenue,
    sum(refunds)                                                 AS refunds,
    min(first_order_at)                                          AS first_order_at,
    max(last_order_at)                                           AS last_order_at,
    min(event_date) FILTER (orders > 0)                          AS first_day,
    max(event_date) FILTER (orders > 0)                          AS last_day,
    count(*) FILTER (orders > 0)                                 AS days,
    sum(revenue) FILTER (is_first_day)                           AS first_revenue,
    max(updated_at)                                              AS updated_at
FROM (
    SELECT *, event_date = min(event_date) FILTER (orders > 0) OVER (PARTITION BY user_id) AS is_first_day
    FROM customer_days
)
GROUP BY user_id
