-- What a user did on a UTC day: the counts from which active users, cohorts and features are computed.
SELECT
    user_id,
    views(event_type)                                                        AS views,
    carts(event_type)                                                        AS carts,
    removals(event_type)                                                     AS removals,
    purchases(event_type, price)                                             AS purchases,
    returns(event_type, price)                                               AS returns,
    revenue(price, event_type)                                               AS revenue,
    count(DISTINCT user_session)                                             AS sessions,
    count(DISTINCT product_id)                                               AS products,
    min(event_time)                                                          AS first_event_at,
    max(event_time)                                                          AS last_event_at,
    max(ingested_at)                                                         AS updated_at,
    event_date
FROM events
GROUP BY user_id, event_date
