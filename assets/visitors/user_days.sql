-- What a user did on a UTC day: the counts from which active users, cohorts and features are computed.
SELECT
    user_id,
    count(*) FILTER (event_type = 'view')                                    AS views,
    count(*) FILTER (event_type = 'cart')                                    AS carts,
    count(*) FILTER (event_type = 'remove_from_cart')                        AS removals,
    count(*) FILTER (event_type = 'purchase')                                AS purchases,
    coalesce(sum(price) FILTER (event_type = 'purchase'), 0)                 AS revenue,
    count(DISTINCT user_session)                                             AS sessions,
    count(DISTINCT product_id)                                               AS products,
    min(event_time)                                                          AS first_event_at,
    max(event_time)                                                          AS last_event_at,
    max(ingested_at)                                                         AS updated_at,
    event_date
FROM events
GROUP BY user_id, event_date
