-- The steps to a purchase on a UTC day: over all events, and by category, brand and product; `level` says which.
-- Users and visits are counted separately at each level, since one of them may view many products. An event without a
-- visit counts for its user alone.
SELECT
    CASE grouping(category_id, brand, product_id)
        WHEN 7 THEN 'all' WHEN 3 THEN 'category' WHEN 5 THEN 'brand' ELSE 'product'
    END                                                                      AS level,
    product_id,
    CASE grouping(product_id) WHEN 0 THEN max(events.category_id) ELSE category_id END AS category_id,
    CASE level WHEN 'category' THEN max(category_code) WHEN 'product' THEN max(category_code) END AS category_code,
    CASE grouping(product_id) WHEN 0 THEN max(events.brand) ELSE brand END   AS brand,
    views(event_type)                                                        AS views,
    carts(event_type)                                                        AS carts,
    removals(event_type)                                                     AS removals,
    purchases(event_type, price)                                             AS purchases,
    returns(event_type, price)                                               AS returns,
    count(DISTINCT user_id) FILTER (event_type = 'view')                     AS users_viewing,
    count(DISTINCT user_id) FILTER (event_type = 'cart')                     AS users_carting,
    count(DISTINCT user_id) FILTER (is_sold(event_type, price))              AS users_buying,
    count(DISTINCT user_session) FILTER (event_type = 'view')                AS sessions_viewing,
    count(DISTINCT user_session) FILTER (event_type = 'cart')                AS sessions_carting,
    count(DISTINCT user_session) FILTER (is_sold(event_type, price))         AS sessions_buying,
    max(ingested_at)                                                         AS updated_at,
    event_date
FROM events
GROUP BY event_date, GROUPING SETS ((), (category_id), (brand), (product_id))
