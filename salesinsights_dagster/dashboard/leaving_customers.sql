-- The best customers who are not active any more, by their segments: the most revenue first.
SELECT user_id, revenue, round(probability_alive, 2) AS probability_alive, last_order_at, segment
FROM customers
WHERE segment IN (SELECT segment FROM lost)
ORDER BY revenue DESC, user_id
LIMIT 20
