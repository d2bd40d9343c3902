-- What was sold on whole days, from what each user bought.
SELECT event_date::TIMESTAMPTZ AS bucket_start, sum(revenue)::DECIMAL(18, 2) AS revenue, sum(units)::BIGINT AS units,
       sum(refunds)::DECIMAL(18, 2) AS refunds, sum(orders)::BIGINT AS orders
FROM customer_days
GROUP BY 1
ORDER BY 1
