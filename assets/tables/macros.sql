-- What is counted and summed, said once. The queries of the tables use these names.

-- An order is all purchase rows of one user and session in the same second.
CREATE MACRO orders(user_id, user_session, event_time) AS
    count(DISTINCT (user_id, user_session, date_trunc('second', event_time)));

-- A purchase with a negative price is a refund, and no unit.
CREATE MACRO units(price) AS count(*) FILTER (price >= 0);

CREATE MACRO refunds(price) AS coalesce(-sum(price) FILTER (price < 0), 0);

-- Of purchases alone, or of events of any type. Refunds are taken off.
CREATE MACRO revenue
    (price) AS sum(price),
    (price, event_type) AS coalesce(sum(price) FILTER (event_type = 'purchase'), 0);

CREATE MACRO views(event_type) AS count(*) FILTER (event_type = 'view');

CREATE MACRO carts(event_type) AS count(*) FILTER (event_type = 'cart');

CREATE MACRO removals(event_type) AS count(*) FILTER (event_type = 'remove_from_cart');

CREATE MACRO purchases(event_type) AS count(*) FILTER (event_type = 'purchase');
