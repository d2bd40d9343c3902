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
         SELECT batch, "partition", count(*) AS messages
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

     kept AS (SELECT "partition", count(*) AS lines FROM silver_events WHERE source = 'archive' GROUP BY ALL),

     refused AS (SELECT "partition", count(*) AS lines FROM silver_quarantine WHERE source = 'archive' GROUP BY ALL),

     covered(name, batch) AS (
         VALUES ('product_sales', getvariable('product_sales_batch')),
                ('product_sales_daily', getvariable('product_sales_daily_batch')),
                ('customer_days', getvariable('customer_days_batch'))
     ),

     earned AS (
         SELECT name, event_date, sum(price) AS silver
         FROM silver_events e JOIN covered c ON e.batch <= c.batch
         WHERE event_type = 'purchase' GROUP BY ALL
     ),

     told AS (
         SELECT 'product_sales' AS name, event_date, sum(revenue) AS gold FROM product_sales GROUP BY ALL
         UNION ALL
         SELECT 'product_sales_daily', event_date, sum(revenue) FROM product_sales_daily GROUP BY ALL
         UNION ALL
         SELECT 'customer_days', event_date, sum(revenue) FROM customer_days GROUP BY ALL
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
       format('{} partition {}, batch {}: the ledger has {} accepted, silver has {}', source, "partition", batch,
              accepted, coalesce(s.messages, 0)), batch, "partition"
FROM ledger l LEFT JOIN accepted s USING (batch, "partition") WHERE l.accepted <> coalesce(s.messages, 0)

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
SELECT 'silver', format('{}: the ledger has {} accepted, silver has {}', file, accepted, coalesce(s.lines, 0)),
       0, "partition"
FROM months m LEFT JOIN kept s USING ("partition") WHERE accepted <> coalesce(s.lines, 0)

UNION ALL
SELECT 'quarantine',
       format('{}: the ledger has {} quarantined, the table has {}', file, quarantined, coalesce(q.lines, 0)),
       0, "partition"
FROM months m LEFT JOIN refused q USING ("partition") WHERE quarantined <> coalesce(q.lines, 0)

UNION ALL
SELECT 'gold',
       format('{} of {}: revenue {}, silver has {}', name, event_date, coalesce(gold::VARCHAR, 'missing'),
              coalesce(silver::VARCHAR, 'none')), NULL, NULL
FROM told FULL JOIN earned USING (name, event_date) WHERE gold IS DISTINCT FROM silver
