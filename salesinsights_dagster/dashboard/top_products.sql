-- The products with the most revenue, the greatest first.
SELECT product_id, max(brand) AS brand, sum(revenue)::DECIMAL(18, 2) AS revenue, sum(units)::BIGINT AS units
FROM sales
GROUP BY product_id
ORDER BY revenue DESC, product_id
LIMIT getvariable('top')
