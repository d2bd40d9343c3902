-- Sales per product and window of event time; windows start at midnight UTC and are getvariable('window_seconds') long.
SELECT
    time_bucket(to_seconds(getvariable('window_seconds')), event_time, date_trunc('day', event_time)) AS window_start,
    window_start + to_seconds(getvariable('window_seconds'))                 AS window_end,
    product_id,
    max(brand)                                                               AS brand,
    units(price)                                                             AS units,
    orders(user_id, user_session, event_time, price)                         AS orders,
    buyers(user_id, price)                                                   AS buyers,
    revenue(price)                                                           AS revenue,
    refunds(price)                                                           AS refunds,
    max(ingested_at)                                                         AS updated_at,
    event_date
FROM purchases
GROUP BY ALL
