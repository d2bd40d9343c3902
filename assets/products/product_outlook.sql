-- For each product of the catalogue: when it was last sold, its margin of 30 days, and how long its stock lasts.
--   stock_left  = stock - units sold since the stock was stated
--   units_a_day = units of 30 days / days, which are 30, or as many as passed since the product's first sale
--   days_left   = stock_left / units_a_day
-- `sales` are those of the 30 days, `sold` the first and last day of each product, `since` the units since its stock.
WITH measured AS (
    SELECT
        product_id,
        sum(units)                                                           AS units_30d,
        sum(revenue)                                                         AS revenue_30d,
        sum(known_cost_revenue)                                              AS known_cost_revenue_30d,
        sum(known_cost_revenue) - sum(cost)                                  AS margin_30d
    FROM sales
    GROUP BY product_id
),
newest AS (SELECT max(last_sold_on) AS as_of FROM sold)
SELECT
    catalog.product_id,
    name,
    category,
    brand,
    first_sold_on,
    last_sold_on,
    coalesce(units_30d, 0)                                                   AS units_30d,
    coalesce(revenue_30d, 0)                                                 AS revenue_30d,
    known_cost_revenue_30d,
    margin_30d,
    stock,
    stock_at,
    CASE WHEN stock_at IS NOT NULL THEN coalesce(since.units, 0) END         AS sold_since,
    CASE WHEN stock_at IS NOT NULL THEN greatest(stock - sold_since, 0) END  AS stock_left,
    coalesce(units_30d, 0) / least(30, as_of - first_sold_on + 1)            AS units_a_day,
    stock_left / nullif(units_a_day, 0)                                      AS days_left,
    as_of
FROM catalog
CROSS JOIN newest
LEFT JOIN measured ON measured.product_id = catalog.product_id
LEFT JOIN sold ON sold.product_id = catalog.product_id
LEFT JOIN since ON since.product_id = catalog.product_id
