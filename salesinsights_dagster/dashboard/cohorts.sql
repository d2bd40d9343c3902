-- Customers by the month of their first order: how many, how many ordered on a later day too, and what they brought in.
SELECT cohort, count(*) AS customers, count(*) FILTER (frequency > 0) AS came_back, sum(orders)::BIGINT AS orders,
       sum(revenue)::DECIMAL(18, 2) AS revenue, average(sum(revenue), count(*))::DECIMAL(18, 2) AS revenue_per_customer
FROM customers
GROUP BY cohort
ORDER BY cohort DESC
