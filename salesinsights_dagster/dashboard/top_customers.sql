-- The customers who have brought in the most.
SELECT user_id, revenue, orders, average_order_value, last_order_at, segment
FROM customers
ORDER BY revenue DESC, user_id
LIMIT 20
