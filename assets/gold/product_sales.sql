-- Sales per product and window of event time; windows start at midnight UTC and are getvariable('window_seconds') long.
-- An order is all purchase rows of one user and session in the same second.
SELECT
    time_bucket(to_seconds(getvariable('window_seconds')), event_time, date_trunc('day', event_time)) AS window_start,
    window_start + to_seconds(getvariable('window_seconds'))                 AS window_end,
    product_id,
    max(brand)                                                               AS brand,
    count(*) FILTER (price >= 0)                                             AS units,
    count(DISTINCT (user_id, user_session, date_trunc('second', event_time))) AS orders,
    count(DISTINCT user_id)                                                  AS buyers,
    sum(price)                                                               AS revenue,
    coalesce(-sum(price) FILTER (price < 0), 0)                              AS refunds,
    max(ingested_at)                                                         AS updated_at,
    event_date
FROM purchases
GROUP BY ALL
