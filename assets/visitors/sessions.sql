-- What a user did without 30 minutes of silence: the events of one user and visit (`user_session`), or of one user where
-- there is no visit, cut where the next one comes more than 30 minutes later. A session lies under the day of its start.
WITH timed AS (
    SELECT *, lag(event_time) OVER (PARTITION BY user_id, user_session ORDER BY event_time) AS before FROM events
),
numbered AS (
    SELECT
        *,
        count(*) FILTER (before IS NULL OR event_time - before > INTERVAL 30 MINUTE)
            OVER (PARTITION BY user_id, user_session ORDER BY event_time)    AS number
    FROM timed
)
SELECT
    user_id,
    user_session,
    min(event_time)                                                          AS started_at,
    max(event_time)                                                          AS ended_at,
    views(event_type)                                                        AS views,
    carts(event_type)                                                        AS carts,
    removals(event_type)                                                     AS removals,
    purchases(event_type, price)                                             AS purchases,
    returns(event_type, price)                                               AS returns,
    count(DISTINCT product_id)                                               AS products,
    revenue(price, event_type)                                               AS revenue,
    CASE WHEN purchases > 0 THEN 'bought' WHEN carts > 0 THEN 'carted' ELSE 'browsed' END AS outcome,
    max(ingested_at)                                                         AS updated_at,
    started_at::DATE                                                         AS event_date
FROM numbered
GROUP BY user_id, user_session, number
