-- What each user bought on a UTC day. An order is all purchase rows of one user and session in the same second.
SELECT
    user_id,
    count(DISTINCT (user_session, date_trunc('second', event_time))) AS orders,
    count(*) FILTER (price >= 0)                                     AS units,
    sum(price)                                                       AS revenue,
    coalesce(-sum(price) FILTER (price < 0), 0)                      AS refunds,
    min(event_time)                                                  AS first_order_at,
    max(event_time)                                                  AS last_order_at,
    max(ingested_at)                                                 AS updated_at,
    event_date
FROM purchases
GROUP BY ALL
