-- The products whose number starts with a text, or whose brand or name holds it, the greatest revenue first.
SELECT product_id, max(brand) AS brand, sum(revenue) AS revenue, sum(units)::BIGINT AS units
FROM sales
WHERE starts_with(product_id::VARCHAR, (SELECT wanted FROM search))
   OR contains(lower(brand), (SELECT lower(wanted) FROM search))
   OR product_id IN (SELECT product_id FROM by_name)
GROUP BY product_id
ORDER BY revenue DESC, product_id
LIMIT 20
