-- What is counted and summed, said once. The queries of the tables use these names.

-- A purchase row with a negative price is a return (or a voucher): its price is taken off revenue, and it counts for
-- nothing else: it is no unit, no order, makes nobody a buyer, and takes nothing out of a cart.
CREATE MACRO is_sold(event_type, price) AS event_type = 'purchase' AND price >= 0;

-- An order is all purchase rows of one user and session in the same second, if one of them is no return.
CREATE MACRO orders(user_id, user_session, event_time, price) AS
    count(DISTINCT (user_id, user_session, date_trunc('second', event_time))) FILTER (price >= 0);

CREATE MACRO buyers(user_id, price) AS count(DISTINCT user_id) FILTER (price >= 0);

CREATE MACRO units(price) AS count(*) FILTER (price >= 0);

CREATE MACRO refunds(price) AS coalesce(-sum(price) FILTER (price < 0), 0);

-- Cents per number, as a whole number: half a cent goes to the even one.
CREATE MACRO rounded_cents(cents, number) AS
    cents // number + CASE
        WHEN 2 * abs(cents % number) > number THEN sign(cents)
        WHEN 2 * abs(cents % number) = number AND (cents // number) % 2 <> 0 THEN sign(cents)
        ELSE 0
    END;

-- Money per count; null for a count of zero. Computed in whole cents: a quotient of decimals is a float in DuckDB, and
-- 1.15 / 2 would be a little less than 0.575.
CREATE MACRO average(money, number) AS
    rounded_cents((money * 100)::HUGEINT, nullif(number, 0)::HUGEINT)::DECIMAL(20, 0) * 0.01::DECIMAL(3, 2);

-- Of purchases alone, or of events of any type. Refunds are taken off.
CREATE MACRO revenue
    (price) AS sum(price),
    (price, event_type) AS coalesce(sum(price) FILTER (event_type = 'purchase'), 0);

CREATE MACRO views(event_type) AS count(*) FILTER (event_type = 'view');

CREATE MACRO carts(event_type) AS count(*) FILTER (event_type = 'cart');

CREATE MACRO removals(event_type) AS count(*) FILTER (event_type = 'remove_from_cart');

CREATE MACRO purchases(event_type, price) AS count(*) FILTER (is_sold(event_type, price));

CREATE MACRO returns(event_type, price) AS count(*) FILTER (event_type = 'purchase' AND price < 0);

-- A removal or a purchase takes all of an item out of the cart.
CREATE MACRO takes_out(event_type, price) AS event_type = 'remove_from_cart' OR is_sold(event_type, price);

-- When an item was next taken out of the cart; null if it lies there still.
CREATE MACRO out_at(event_time, event_type, price, user_id, product_id) AS
    min(event_time) FILTER (takes_out(event_type, price)) OVER (
        PARTITION BY user_id, product_id ORDER BY event_time RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
    );
