-- The best customers who are not active any more: the most revenue first.
SELECT user_id, revenue, orders, probability_alive::DECIMAL(3, 2) AS probability_alive, last_order_at, segment
FROM customers
WHERE NOT is_active
ORDER BY revenue DESC, user_id
LIMIT 20
