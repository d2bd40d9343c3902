-- The totals of a span, from what was sold in its buckets of time and who bought; no row where nothing was sold.
SELECT sum(revenue)::DECIMAL(18, 2) AS revenue, sum(units)::BIGINT AS units, sum(refunds)::DECIMAL(18, 2) AS refunds,
       sum(orders)::BIGINT AS orders, (SELECT count(DISTINCT user_id) FROM bought) AS buyers,
       average(sum(revenue), sum(orders))::DECIMAL(18, 2) AS average_order_value
FROM buckets
HAVING count(*) > 0
