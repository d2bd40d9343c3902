-- The carts, removals and purchases of some days that may still count: carts of items that nothing took out since, and
-- what last took an item out. With later events they give the same abandoned carts as all events of these days.
SELECT * EXCLUDE emptied_at
FROM (
    SELECT *, max(event_time) FILTER (takes_out(event_type, price)) OVER (PARTITION BY user_id, product_id) AS emptied_at
    FROM events
)
WHERE event_type = 'cart' AND (emptied_at IS NULL OR event_time > emptied_at)
   OR takes_out(event_type, price) AND event_time = emptied_at
