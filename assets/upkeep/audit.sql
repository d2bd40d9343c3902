-- What is wrong with the lake, one row per finding; no row is the proof. Each layer is compared with the ledger, and
-- gold with silver, up to the batch that the layer covered when it was opened (the variables *_batch).
WITH ledger AS (SELECT * FROM silver_batches WHERE batch <= getvariable('silver_events_batch')),

     torn AS (
         SELECT source, "partition", batch, start_offset, end_offset,
                lag(end_offset, 1, start_offset) OVER (PARTITION BY source, "partition" ORDER BY batch) AS expected
         FROM ledger
     ),

     landed AS (
         SELECT batch, "partition", count(*) AS messages, count(DISTINCT "offset") AS offsets,
                min("offset") AS lowest, max("offset") AS highest
         FROM bronze_events WHERE source <> 'archive' AND batch <= getvariable('silver_events_batch') GROUP BY ALL
     ),

     accepted AS (
         SELECT batch, "partition", count(*) AS messages, count(DISTINCT "offset") AS offsets
         FROM silver_events WHERE source <> 'archive' AND batch <= getvariable('silver_events_batch') GROUP BY ALL
     ),

     quarantined AS (
         SELECT batch, "partition", count(*) AS messages
         FROM silver_quarantine WHERE source <> 'archive' AND batch <= getvariable('silver_events_batch') GROUP BY ALL
     ),

     months AS (SELECT year(month) * 100 + month(month) AS "partition", * FROM bronze_archive_months),

     lines AS (
         SELECT "partition", count(*) AS lines, count(DISTINCT "offset") AS offsets
         FROM bronze_events WHERE source = 'archive' GROUP BY ALL
     ),

     kept AS (
         SELECT "partition", count(*) AS lines, count(DISTINCT "offset") AS offsets
         FROM silver_events WHERE source = 'archive' GROUP BY ALL
     ),

     refused AS (SELECT "partition", count(*) AS lines FROM silver_quarantine WHERE source = 'archive' GROUP BY ALL),

     bought AS (SELECT * FROM silver_events WHERE event_type = 'purchase'),

     copies AS (
         SELECT true AS is_copy, event_date, hash(event_time, product_id, brand, price, user_id, user_session, source,
                                                  kafka_timestamp, ingested_at, batch) AS content
         FROM silver_purchases
         UNION ALL
         SELECT false, event_date, hash(event_time, product_id, brand, price, user_id, user_session, source,
                                        kafka_timestamp, ingested_at, batch)
         FROM bought WHERE batch <= getvariable('silver_purchases_batch')
     ),

     -- A sum of hashes does not depend on the order of the rows.
     copied AS (
         SELECT event_date, count(*) FILTER (is_copy) AS copies, count(*) FILTER (NOT is_copy) AS due,
                sum(content) FILTER (is_copy) IS DISTINCT FROM sum(content) FILTER (NOT is_copy) AS is_wrong
         FROM copies GROUP BY ALL
     ),

     -- Each purchase in the window that product_sales has for it; null if it has none. So windows may have any length.
     placed AS (
         SELECT b.*, CASE WHEN event_time < window_end THEN window_start END AS window_start
         FROM bought b ASOF LEFT JOIN (SELECT event_date, product_id, window_start, window_end FROM product_sales) w
           ON b.event_date = w.event_date AND b.product_id = w.product_id AND b.event_time >= w.window_start
         WHERE batch <= getvariable('product_sales_batch')
     ),

     earned AS (
         SELECT 'product_sales' AS name, event_date, product_id AS id, window_start, units(price) AS units,
                revenue(price) AS revenue, refunds(price) AS refunds
         FROM placed GROUP BY ALL
         UNION ALL
         SELECT 'product_sales_daily', event_date, product_id, event_date::TIMESTAMPTZ, units(price), revenue(price), refunds(price)
         FROM bought WHERE batch <= getvariable('product_sales_daily_batch') GROUP BY ALL
         UNION ALL
         SELECT 'customer_days', event_date, user_id, event_date::TIMESTAMPTZ, units(price), revenue(price), refunds(price)
         FROM bought WHERE batch <= getvariable('customer_days_batch') GROUP BY ALL
     ),

     told AS (
         SELECT 'product_sales' AS name, event_date, product_id AS id, window_start, sum(units) AS units,
                sum(revenue) AS revenue, sum(refunds) AS refunds, max(updated_at) AS updated_at
         FROM product_sales GROUP BY ALL
         UNION ALL
         SELECT 'product_sales_daily', event_date, product_id, event_date::TIMESTAMPTZ, sum(units), sum(revenue), sum(refunds),
                max(updated_at)
         FROM product_sales_daily GROUP BY ALL
         UNION ALL
         SELECT 'customer_days', event_date, user_id, event_date::TIMESTAMPTZ, sum(units), sum(revenue), sum(refunds),
                max(updated_at)
         FROM customer_days GROUP BY ALL
     ),

     -- When a table last got a column, in microseconds: rows from before may lack it, or have only a part of it.
     gained AS (
         SELECT * FROM (VALUES ('product_sales', getvariable('product_sales_gained')),
                               ('product_sales_daily', getvariable('product_sales_daily_gained')),
                               ('customer_days', getvariable('customer_days_gained'))) names(name, gained)
     ),

     gold AS (
         SELECT name, event_date, id, window_start, t.revenue AS told, e.revenue AS earned,
                t.revenue IS DISTINCT FROM e.revenue
                OR (coalesce(epoch_us(t.updated_at), gained) >= gained
                    AND (t.units, t.refunds) IS DISTINCT FROM (e.units, e.refunds)) AS is_wrong
         FROM told t FULL JOIN earned e USING (name, event_date, id, window_start) JOIN gained USING (name)
     ),

     -- What each buyer was worth, if customer_value is made from the rows that customer_days has now.
     worth AS (
         SELECT user_id, sum(orders) AS orders, sum(units) AS units, sum(revenue) AS revenue, sum(refunds) AS refunds,
                min(first_order_at) AS first_order_at, max(last_order_at) AS last_order_at
         FROM customer_days WHERE getvariable('customers_follow') = 1 GROUP BY ALL HAVING sum(orders) > 0
     ),

     valued AS (
         SELECT user_id, sum(orders) AS orders, sum(units) AS units, sum(revenue) AS revenue, sum(refunds) AS refunds,
                min(first_order_at) AS first_order_at, max(last_order_at) AS last_order_at
         FROM customer_value WHERE getvariable('customers_follow') = 1 GROUP BY ALL
     )

SELECT CASE WHEN expected < start_offset THEN 'gap' ELSE 'overlap' END AS finding,
       format('{} partition {}, batch {}: expected offset {}, starts at {}', source, "partition", batch, expected,
              start_offset) AS detail,
       NULL::BIGINT AS batch, NULL::INTEGER AS "partition"
FROM torn WHERE expected <> start_offset

UNION ALL
SELECT 'unaccounted',
       format('{} partition {}, batch {}: {} messages, but {} accepted + {} quarantined + {} duplicates', source,
              "partition", batch, messages, accepted, quarantined, duplicates), NULL, NULL
FROM ledger WHERE messages <> accepted + quarantined + duplicates

UNION ALL
SELECT 'negative',
       format('{} partition {}, batch {}: {} messages, {} accepted, {} quarantined, {} duplicates, {} markers, {} lost: '
              'no count can be below zero', source, "partition", batch, messages, accepted, quarantined, duplicates,
              markers, coalesce(lost, 0)), NULL, NULL
FROM ledger WHERE least(messages, accepted, quarantined, duplicates, markers, lost) < 0

UNION ALL
SELECT 'negative',
       format('{}: {} lines, {} accepted, {} quarantined, {} duplicates: no count can be below zero', file, lines,
              accepted, quarantined, duplicates), NULL, NULL
FROM months WHERE least(lines, accepted, quarantined, duplicates) < 0

UNION ALL
SELECT 'bronze',
       format('{} partition {}, batch {} [{}, {}): the ledger has {} messages, bronze has {} at {} offsets{}',
              source, "partition", batch, start_offset, end_offset, l.messages, coalesce(b.messages, 0),
              coalesce(b.offsets, 0), coalesce(format(' in [{}, {}]', b.lowest, b.highest), '')), NULL, NULL
FROM ledger l LEFT JOIN landed b USING (batch, "partition")
WHERE l.messages <> coalesce(b.messages, 0) OR b.offsets <> b.messages OR b.lowest < start_offset
   OR b.highest >= end_offset

UNION ALL
SELECT 'bronze', format('partition {}, batch {}: {} messages are not in the ledger', "partition", batch, messages),
       NULL, NULL
FROM landed ANTI JOIN ledger USING (batch, "partition")

UNION ALL
SELECT 'silver',
       format('{} partition {}, batch {}: the ledger has {} accepted, silver has {} at {} offsets', source, "partition",
              batch, accepted, coalesce(s.messages, 0), coalesce(s.offsets, 0)), batch, "partition"
FROM ledger l LEFT JOIN accepted s USING (batch, "partition")
WHERE l.accepted <> coalesce(s.messages, 0) OR s.offsets <> s.messages

UNION ALL
SELECT 'quarantine',
       format('{} partition {}, batch {}: the ledger has {} quarantined, the table has {}', source, "partition", batch,
              quarantined, coalesce(q.messages, 0)), batch, "partition"
FROM ledger l LEFT JOIN quarantined q USING (batch, "partition") WHERE l.quarantined <> coalesce(q.messages, 0)

UNION ALL
SELECT 'archive',
       format('{}: the ledger has {} lines = {} accepted + {} quarantined + {} duplicates, bronze has {} at {} numbers{}',
              file, m.lines, accepted, quarantined, duplicates, coalesce(b.lines, 0), coalesce(b.offsets, 0),
              CASE WHEN sha256 = '' THEN '; unless its load is under way, complete it: salesinsights backfill --from '
                   || strftime(month, '%Y-%m') ELSE '' END),
       NULL, NULL
FROM months m LEFT JOIN lines b USING ("partition")
WHERE m.lines <> accepted + quarantined + duplicates OR m.lines <> coalesce(b.lines, 0) OR b.offsets <> b.lines

UNION ALL
SELECT 'archive', format('month {}: {} lines in bronze are in no ledger; load the month again', "partition", lines),
       NULL, NULL
FROM lines ANTI JOIN months USING ("partition")

UNION ALL
SELECT 'silver',
       format('{}: the ledger has {} accepted, silver has {} at {} numbers', file, accepted, coalesce(s.lines, 0),
              coalesce(s.offsets, 0)), 0, "partition"
FROM months m LEFT JOIN kept s USING ("partition") WHERE accepted <> coalesce(s.lines, 0) OR s.offsets <> s.lines

UNION ALL
SELECT 'quarantine',
       format('{}: the ledger has {} quarantined, the table has {}', file, quarantined, coalesce(q.lines, 0)),
       0, "partition"
FROM months m LEFT JOIN refused q USING ("partition") WHERE quarantined <> coalesce(q.lines, 0)

UNION ALL
SELECT 'purchases',
       format('silver_purchases of {}: {} rows, silver_events has {}{}', event_date, copies, due,
              CASE WHEN copies = due THEN ' others' ELSE '' END), NULL, NULL
FROM copied WHERE is_wrong

UNION ALL
SELECT 'gold',
       CASE WHEN sum(told) IS DISTINCT FROM sum(earned)
            THEN format('{} of {}: revenue {}, silver has {}', name, event_date,
                        coalesce(sum(told)::VARCHAR, 'missing'), coalesce(sum(earned)::VARCHAR, 'none'))
            ELSE format('{} of {}: the revenue is right, but {} rows differ from silver, such as that of {} {}', name,
                        event_date, count(*) FILTER (is_wrong),
                        CASE name WHEN 'customer_days' THEN 'user' ELSE 'product' END, min(id) FILTER (is_wrong))
       END, NULL, NULL
FROM gold GROUP BY name, event_date HAVING bool_or(is_wrong)

UNION ALL
SELECT 'customers',
       format('customer_value: {} buyers have other sums than in customer_days, such as user {}', count(*),
              min(user_id)), NULL, NULL
FROM worth w FULL JOIN valued v USING (user_id)
WHERE NOT (coalesce(w.revenue = v.revenue, false)
           AND coalesce(w.orders = v.orders, getvariable('customers_gained') = 1)
           AND coalesce(w.units = v.units, getvariable('customers_gained') = 1)
           AND coalesce(w.refunds = v.refunds, getvariable('customers_gained') = 1)
           AND w.first_order_at IS NOT DISTINCT FROM v.first_order_at
           AND w.last_order_at IS NOT DISTINCT FROM v.last_order_at)
HAVING count(*) > 0
