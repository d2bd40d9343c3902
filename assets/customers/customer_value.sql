-- What each buyer was worth. Days are UTC days; as_of is the newest day on which anybody bought.
-- recency, frequency, monetary_value: as in the buy-till-you-die literature (Fader, Hardie, Lee 2005), counted in days:
-- frequency = days with a purchase after the first; recency = age at the last of them; monetary_value = revenue per
-- such repeat day, null for those who bought on one day only. A return is no purchase: whoever has returns alone has no
-- row. Its money is taken off the revenue, and off the repeat days' unless it came back on the first day.
WITH newest AS (SELECT max(last_day) AS as_of FROM history),
     -- The parts of a buyer's history hold different days, so only one of them holds the first day.
     whole AS (
         SELECT
             user_id,
             sum(orders)                                          AS orders,
             sum(units)                                           AS units,
             sum(revenue)                                         AS revenue,
             sum(refunds)                                         AS refunds,
             min(first_order_at)                                  AS first_order_at,
             max(last_order_at)                                   AS last_order_at,
             min(first_day)                                       AS first_day,
             max(last_day)                                        AS last_day,
             sum(days)::BIGINT                                    AS days,
             arg_min(first_revenue, first_day)                    AS first_revenue
         FROM history
         GROUP BY user_id
         HAVING sum(days) > 0
     )
SELECT
    user_id, orders, units, revenue, refunds, first_order_at, last_order_at,
    average(revenue, orders)                                      AS average_order_value,
    as_of - first_day                                             AS tenure_days,
    last_day - first_day                                          AS recency,
    days - 1                                                      AS frequency,
    average(revenue - first_revenue, days - 1)                    AS monetary_value,
    date_trunc('month', first_day)                                AS cohort,
    as_of
FROM whole, newest
