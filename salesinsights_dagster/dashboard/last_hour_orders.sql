-- Orders per user and second of purchases that are read row by row: gold counts orders by whole days only.
SELECT date_trunc('second', event_time) AS sold_at, user_id,
       orders(user_id, user_session, event_time, price) AS orders
FROM purchases
GROUP BY ALL
