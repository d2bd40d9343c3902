-- Per user and product, on some days: the first and the last day with a purchase, and the days from each to the next.
SELECT
    user_id,
    product_id,
    min(event_date)                                                          AS first_day,
    max(event_date)                                                          AS last_day,
    coalesce(list(gap) FILTER (gap IS NOT NULL), [])                         AS gaps
FROM (
    SELECT *, event_date - lag(event_date) OVER (PARTITION BY user_id, product_id ORDER BY event_date) AS gap
    FROM (SELECT DISTINCT user_id, product_id, event_date FROM purchases WHERE price >= 0)
)
GROUP BY user_id, product_id
