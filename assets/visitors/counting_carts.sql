-- The carts, removals and purchases of some days that may still count: carts of items that nothing took out since, and
-- what last took an item out. Of items that were bought also what first took them out, and sales of what had been left,
-- each with the last cart before it. With later events they give the same abandoned and recovered carts as all events of
-- these days.
WITH items AS (
    SELECT
        *,
        max(event_time) FILTER (takes_out(event_type, price)) OVER item AS emptied_at,
        bool_or(is_sold(event_type, price)) OVER item                   AS is_bought
    FROM events
    WINDOW item AS (PARTITION BY user_id, product_id)
),
ended AS (
    SELECT *, out_at(event_time, event_type, price, user_id, product_id) AS out_at FROM items WHERE is_bought
),
carts AS (
    SELECT
        *,
        max(event_time) FILTER (event_type = 'cart') OVER cart AS last_at,
        bool_or(is_sold(event_type, price)) OVER cart          AS is_sale,
        min(out_at) OVER (PARTITION BY user_id, product_id)    AS first_out
    FROM ended
    WINDOW cart AS (PARTITION BY user_id, product_id, out_at)
)
SELECT * EXCLUDE (emptied_at, is_bought)
FROM items
WHERE event_type = 'cart' AND (emptied_at IS NULL OR event_time > emptied_at)
   OR takes_out(event_type, price) AND event_time = emptied_at
UNION ALL
SELECT * EXCLUDE (emptied_at, is_bought, out_at, last_at, is_sale, first_out)
FROM carts
WHERE (event_type = 'cart' AND event_time = last_at OR takes_out(event_type, price) AND event_time < emptied_at)
  AND (out_at = first_out OR is_sale AND out_at >= last_at + to_minutes(getvariable('minutes')))
