-- How soon customers bought a product again: the days from a day on which they bought it to the next such day. The
-- quartiles are days that occurred. Who has not bought it again (yet) is counted in buyers alone.
WITH joined AS (
    SELECT *, first_day - lag(last_day) OVER (PARTITION BY user_id, product_id ORDER BY first_day) AS between_parts
    FROM purchase_gaps
),
of_user AS (
    SELECT
        user_id,
        product_id,
        flatten(list(CASE WHEN between_parts IS NULL THEN gaps ELSE list_append(gaps, between_parts) END)) AS gaps
    FROM joined
    GROUP BY user_id, product_id
),
counted AS (
    SELECT product_id, count(*) AS buyers, count(*) FILTER (len(gaps) > 0) AS returning_buyers
    FROM of_user
    GROUP BY product_id
)
SELECT
    product_id,
    buyers,
    returning_buyers,
    returning_buyers / buyers                                                AS returning_share,
    count(*)                                                                 AS repurchases,
    quantile_disc(gap, 0.25)                                                 AS quarter_days,
    quantile_disc(gap, 0.5)                                                  AS median_days,
    quantile_disc(gap, 0.75)                                                 AS three_quarter_days
FROM counted JOIN (SELECT product_id, unnest(gaps) AS gap FROM of_user) USING (product_id)
GROUP BY product_id, buyers, returning_buyers
