-- The products with the most revenue in the span, the greatest first.
SELECT product_id, max(brand) AS brand, sum(revenue) AS revenue, sum(units)::BIGINT AS units
FROM sales
WHERE sold_at >= make_timestamptz(getvariable('start'))
GROUP BY product_id
ORDER BY revenue DESC, product_id
LIMIT getvariable('top')
