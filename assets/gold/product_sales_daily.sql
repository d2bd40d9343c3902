-- Sales per product and UTC day: the measures of product_sales, recounted, since one buyer may buy in several windows.
SELECT
    product_id,
    max(brand)                                                               AS brand,
    count(*) FILTER (price >= 0)                                             AS units,
    count(DISTINCT (user_id, user_session, date_trunc('second', event_time))) AS orders,
    count(DISTINCT user_id)                                                  AS buyers,
    sum(price)                                                               AS revenue,
    coalesce(-sum(price) FILTER (price < 0), 0)                              AS refunds,
    max(ingested_at)                                                         AS updated_at,
    event_date
FROM purchases
GROUP BY ALL
