-- The best customers who have more likely left than not: the most revenue first.
SELECT user_id, revenue, round(probability_alive, 2) AS probability_alive, last_order_at, segment
FROM customers
WHERE probability_alive < 0.5
ORDER BY revenue DESC, user_id
LIMIT 20
