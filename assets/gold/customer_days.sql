-- What each user bought on a UTC day. Of a day of returns alone, there are no orders and no times of orders.
SELECT
    user_id,
    orders(user_id, user_session, event_time, price)                 AS orders,
    units(price)                                                     AS units,
    revenue(price)                                                   AS revenue,
    refunds(price)                                                   AS refunds,
    min(event_time) FILTER (price >= 0)                              AS first_order_at,
    max(event_time) FILTER (price >= 0)                              AS last_order_at,
    max(ingested_at)                                                 AS updated_at,
    event_date
FROM purchases
GROUP BY ALL
