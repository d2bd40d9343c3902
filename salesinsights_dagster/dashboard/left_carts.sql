-- Who left the most money in a cart, and what kind of customer they are; without a purchase they have no segment.
SELECT user_id, any_value(segment) AS segment, count(*) AS items, sum(cart_value)::DECIMAL(18, 2) AS cart_value,
       max(carted_at) AS carted_at
FROM carts LEFT JOIN customers USING (user_id)
GROUP BY user_id
ORDER BY cart_value DESC, user_id
LIMIT 20
