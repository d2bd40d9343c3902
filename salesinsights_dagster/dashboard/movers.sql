-- Products, brands and categories whose revenue rose and fell the most: of each, `each` that rose and as many that fell.
-- `sold` is revenue by product, now and in the earlier times; usual is the mean of `times` earlier ones.
WITH products AS (
         SELECT product_id, max(brand) AS brand, coalesce(sum(revenue) FILTER (is_now), 0) AS revenue,
                coalesce(sum(revenue) FILTER (NOT is_now), 0) AS earlier
         FROM sold
         GROUP BY product_id
     ),
     levels AS (
         SELECT CASE grouping(products.product_id, brand, category)
                    WHEN 3 THEN 'product' WHEN 5 THEN 'brand' ELSE 'category'
                END AS level,
                products.product_id,
                CASE grouping(products.product_id) WHEN 0 THEN max(products.brand) ELSE brand END AS brand, category,
                sum(revenue)::DECIMAL(18, 2) AS revenue,
                average(sum(earlier), getvariable('times'))::DECIMAL(18, 2) AS usual
         FROM products LEFT JOIN categories ON categories.product_id = products.product_id
         GROUP BY GROUPING SETS ((products.product_id), (brand), (category))
     )
SELECT level, product_id, brand, category, revenue, usual, (revenue - usual)::DECIMAL(18, 2) AS change,
       CASE WHEN usual > 0 THEN round(100 * change::DOUBLE / usual::DOUBLE, 1) END AS per_cent
FROM levels
WHERE coalesce(product_id::VARCHAR, brand, category) IS NOT NULL AND change <> 0
QUALIFY row_number() OVER (PARTITION BY level, change > 0 ORDER BY abs(change) DESC, product_id, brand, category)
        <= getvariable('each')
ORDER BY level, change DESC, product_id, brand, category
