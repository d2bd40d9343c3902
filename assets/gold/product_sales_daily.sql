-- Sales per product and UTC day: the measures of product_sales, recounted, since one buyer may buy in several windows.
SELECT
    product_id,
    max(brand)                                                               AS brand,
    units(price)                                                             AS units,
    orders(user_id, user_session, event_time, price)                         AS orders,
    buyers(user_id, price)                                                   AS buyers,
    revenue(price)                                                           AS revenue,
    refunds(price)                                                           AS refunds,
    max(ingested_at)                                                         AS updated_at,
    event_date
FROM purchases
GROUP BY ALL
