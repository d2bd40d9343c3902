-- A cohort is the users whose first activity of a kind was in one month: how many of them had one in each month since.
-- The users of a month, added up over the cohorts, are the distinct users of that month.
WITH months AS (SELECT activity, user_id, month, sum(revenue) AS revenue FROM user_months GROUP BY ALL),
begun AS (SELECT *, min(month) OVER (PARTITION BY activity, user_id) AS cohort FROM months),
sizes AS (SELECT activity, cohort, count(*) AS cohort_users FROM begun WHERE month = cohort GROUP BY ALL)
SELECT
    activity,
    cohort,
    month,
    datediff('month', cohort, month)                                         AS months_since,
    any_value(cohort_users)                                                  AS cohort_users,
    count(*)                                                                 AS users,
    count(*) / any_value(cohort_users)                                       AS retention,
    sum(revenue)                                                             AS revenue
FROM begun JOIN sizes USING (activity, cohort)
GROUP BY activity, cohort, month
