-- The carts, removals and purchases of some days that may still count: carts that nothing has emptied since, and what
-- emptied a place last. With later events they amount to what all events of the days do.
SELECT * EXCLUDE emptied_at
FROM (
    SELECT *, max(event_time) FILTER (event_type <> 'cart') OVER (PARTITION BY user_id, product_id) AS emptied_at FROM events
)
WHERE event_type = 'cart' AND (emptied_at IS NULL OR event_time > emptied_at) OR event_type <> 'cart' AND event_time = emptied_at
