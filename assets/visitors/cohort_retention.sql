-- A cohort is the users whose first activity of a kind was in one month: how many of them had one in each month since,
-- and what all of them bought in it, active or not. The users of a month, added up over the cohorts, are the distinct
-- users of that month. A month in which nobody was active has a row only if there was revenue.
WITH months AS (
    SELECT
        user_id, month, bool_or(has_viewed) AS has_viewed, bool_or(has_carted) AS has_carted,
        bool_or(has_bought) AS has_bought, sum(revenue) AS revenue
    FROM user_months
    GROUP BY user_id, month
),
done AS (
    SELECT user_id, month, revenue, unnest(['any', 'view', 'cart', 'purchase']) AS activity,
           unnest([true, has_viewed, has_carted, has_bought]) AS is_active
    FROM months
),
begun AS (SELECT *, min(month) FILTER (is_active) OVER (PARTITION BY activity, user_id) AS cohort FROM done),
sizes AS (SELECT activity, cohort, count(*) AS cohort_users FROM begun WHERE month = cohort GROUP BY ALL)
SELECT
    activity,
    cohort,
    month,
    datediff('month', cohort, month)                                         AS months_since,
    any_value(cohort_users)                                                  AS cohort_users,
    count(*) FILTER (is_active)                                              AS users,
    count(*) FILTER (is_active) / any_value(cohort_users)                    AS retention,
    sum(revenue)                                                             AS revenue
FROM begun JOIN sizes USING (activity, cohort)
WHERE month >= cohort
GROUP BY activity, cohort, month
HAVING count(*) FILTER (is_active) > 0 OR sum(revenue) <> 0
