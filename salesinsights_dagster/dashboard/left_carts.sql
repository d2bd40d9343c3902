-- Who left the most money in a cart.
SELECT user_id, count(*) AS items, sum(cart_value)::DECIMAL(18, 2) AS cart_value, max(carted_at) AS carted_at
FROM carts
GROUP BY user_id
ORDER BY cart_value DESC, user_id
LIMIT 20
