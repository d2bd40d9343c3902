-- Products that were in the same orders at least getvariable('fewest') times, and for each of them the
-- getvariable('most') products that it shared most orders with.
-- Agrawal, Imielinski, Swami (SIGMOD 1993): support and confidence; Brin et al. (SIGMOD 1997): lift, there "interest".
WITH summed AS (
    SELECT product_id, other_product_id, sum(orders)::BIGINT AS orders, max(brand) AS brand
    FROM order_counts
    GROUP BY ALL
),
products AS (SELECT product_id, orders, brand FROM summed WHERE product_id IS NOT NULL AND other_product_id IS NULL),
everything AS (SELECT sum(orders)::BIGINT AS all_orders FROM summed WHERE product_id IS NULL),
pairs AS (SELECT * FROM summed WHERE other_product_id IS NOT NULL AND orders >= getvariable('fewest')),
directed AS (
    SELECT product_id, other_product_id, orders FROM pairs
    UNION ALL
    SELECT other_product_id, product_id, orders FROM pairs
)
SELECT
    directed.product_id,
    other_product_id,
    other.brand                                                              AS other_brand,
    directed.orders                                                          AS orders_together,
    product.orders                                                           AS orders,
    other.orders                                                             AS other_orders,
    all_orders,
    orders_together / all_orders                                             AS support,
    orders_together / product.orders                                         AS confidence,
    orders_together::DOUBLE * all_orders / (product.orders::DOUBLE * other.orders) AS lift
FROM directed CROSS JOIN everything
JOIN products AS product ON product.product_id = directed.product_id
JOIN products AS other ON other.product_id = other_product_id
QUALIFY row_number() OVER (
    PARTITION BY directed.product_id ORDER BY orders_together DESC, lift DESC, other_product_id
) <= getvariable('most')
