-- What was sold in buckets of time; one without a purchase row has no row.
SELECT bucket_start,
       revenue(price)::DECIMAL(18, 2) AS revenue, units(price) AS units, refunds(price)::DECIMAL(18, 2) AS refunds,
       orders(user_id, user_session, event_time, price) AS orders, buyers(user_id, price) AS buyers
FROM purchases
GROUP BY 1
ORDER BY 1
