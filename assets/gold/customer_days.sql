-- What each user bought on a UTC day.
SELECT
    user_id,
    orders(user_id, user_session, event_time)                        AS orders,
    units(price)                                                     AS units,
    revenue(price)                                                   AS revenue,
    refunds(price)                                                   AS refunds,
    min(event_time)                                                  AS first_order_at,
    max(event_time)                                                  AS last_order_at,
    max(ingested_at)                                                 AS updated_at,
    event_date
FROM purchases
GROUP BY ALL
