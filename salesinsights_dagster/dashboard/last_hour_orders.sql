-- Orders per user and second of purchases that are read row by row: gold counts orders by whole days only.
-- An order is all purchase rows of one user and session in the same second.
SELECT date_trunc('second', event_time) AS sold_at, user_id,
       count(DISTINCT (user_session, date_trunc('second', event_time))) AS orders
FROM purchases
GROUP BY ALL
