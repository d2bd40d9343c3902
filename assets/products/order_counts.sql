-- How many orders of some days had two products in common, how many had one product, and how many there were. Counts of
-- disjoint sets of users add up, since an order belongs to one. A return is in no order, and makes none.
WITH baskets AS (
    SELECT list_distinct(list(product_id)) AS products
    FROM purchases
    WHERE price >= 0
    GROUP BY user_id, user_session, date_trunc('second', event_time)
),
items AS (SELECT unnest(products) AS product_id, products FROM baskets),
pairs AS (
    SELECT product_id, unnest(list_filter(products, lambda other: other > product_id)) AS other_product_id
    FROM items
    WHERE len(products) <= getvariable('largest')
)
SELECT product_id, other_product_id, count(*) AS orders, NULL::VARCHAR AS brand FROM pairs GROUP BY ALL
UNION ALL
SELECT product_id, NULL, count(*), any_value(named.brand)
FROM items JOIN (SELECT product_id, max(brand) AS brand FROM purchases GROUP BY ALL) AS named USING (product_id)
GROUP BY product_id
UNION ALL
SELECT NULL, NULL, count(*), NULL FROM baskets
