-- The totals of a span and of the span before it: one row each, none where nothing happened.
-- `sales` is product_sales or product_sales_daily with the moment `sold_at` of each row; `orders` says who ordered how often.
WITH sold AS (
         SELECT sold_at < make_timestamptz(getvariable('start')) AS is_before,
                sum(revenue) AS revenue, sum(units)::BIGINT AS units, sum(refunds) AS refunds,
                count(DISTINCT product_id) AS products
         FROM sales GROUP BY 1
     ),
     ordered AS (
         SELECT sold_at < make_timestamptz(getvariable('start')) AS is_before,
                sum(orders)::BIGINT AS orders, count(DISTINCT user_id) FILTER (orders > 0) AS buyers
         FROM orders GROUP BY 1
     )
SELECT is_before, revenue, units, refunds, products, orders, buyers,
       average(revenue, orders)::DECIMAL(18, 2) AS average_order_value
FROM sold LEFT JOIN ordered USING (is_before)
