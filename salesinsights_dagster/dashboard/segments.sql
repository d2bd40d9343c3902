-- Customers by segment, the most revenue first.
SELECT coalesce(segment, 'not computed yet') AS segment, count(*) AS customers, sum(revenue)::DECIMAL(18, 2) AS revenue,
       average(sum(revenue), count(*))::DECIMAL(18, 2) AS revenue_per_customer
FROM customers
GROUP BY 1
ORDER BY revenue DESC, segment
