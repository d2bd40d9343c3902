-- The active customers from whom the most is expected within the longer horizon, where the models can tell.
SELECT user_id, predicted_value, predicted_value_low, predicted_value_high,
       predicted_purchases::DECIMAL(12, 2) AS predicted_purchases,
       probability_alive::DECIMAL(3, 2) AS probability_alive, revenue, segment
FROM customers
WHERE predicted_value IS NOT NULL AND is_active
ORDER BY predicted_value DESC, user_id
LIMIT 20
