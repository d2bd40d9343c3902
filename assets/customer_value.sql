-- What each buyer was worth. Days are UTC days; as_of is the newest day on which anybody bought.
-- recency, frequency, monetary_value: as in the buy-till-you-die literature (Fader, Hardie, Lee 2005), counted in days:
-- frequency = days with a purchase after the first; recency = age at the last of them; monetary_value = revenue per
-- such repeat day, null for those who bought on one day only.
WITH newest AS (SELECT max(event_date) AS as_of FROM customer_days),
     numbered AS (
         SELECT *, event_date = min(event_date) OVER (PARTITION BY user_id) AS is_first_day FROM customer_days
     )
SELECT
    user_id,
    sum(orders)                                          AS orders,
    sum(units)                                           AS units,
    sum(revenue)                                         AS revenue,
    round(sum(revenue) / sum(orders), 2)                 AS average_order_value,
    min(first_order_at)                                  AS first_order_at,
    max(last_order_at)                                   AS last_order_at,
    any_value(as_of) - min(event_date)                   AS tenure_days,
    max(event_date) - min(event_date)                    AS recency,
    count(*) - 1                                         AS frequency,
    round(sum(revenue) FILTER (NOT is_first_day) / nullif(count(*) - 1, 0), 2) AS monetary_value,
    any_value(as_of)                                     AS as_of
FROM numbered, newest
GROUP BY user_id
