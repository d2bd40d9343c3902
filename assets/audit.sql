-- What is wrong with the lake, one row a finding; no row is the proof. Each layer is held to the ledger, and gold to
-- silver, up to the batch that the layer had covered when it was opened (the variables *_batch).
WITH ledger AS (SELECT * FROM silver_batches WHERE batch <= getvariable('silver_events_batch')),

     torn AS (
         SELECT source, "partition", batch, start_offset, end_offset,
                lag(end_offset, 1, start_offset) OVER (PARTITION BY source, "partition" ORDER BY batch) AS expected
         FROM ledger
     ),

     landed AS (
         SELECT batch, "partition", count(*) AS messages, count(DISTINCT "offset") AS offsets,
                min("offset") AS lowest, max("offset") AS highest
         FROM bronze_events WHERE batch <= getvariable('silver_events_batch') GROUP BY ALL
     ),

     accepted AS (
         SELECT batch, "partition", count(*) AS messages
         FROM silver_events WHERE batch <= getvariable('silver_events_batch') GROUP BY ALL
     ),

     quarantined AS (
         SELECT batch, "partition", count(*) AS messages
         FROM silver_quarantine WHERE batch <= getvariable('silver_events_batch') GROUP BY ALL
     ),

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
              start_offset) AS detail
FROM torn WHERE expected <> start_offset

UNION ALL
SELECT 'unaccounted',
       format('{} partition {}, batch {}: {} messages, but {} accepted + {} quarantined + {} duplicates', source,
              "partition", batch, messages, accepted, quarantined, duplicates)
FROM ledger WHERE messages <> accepted + quarantined + duplicates OR markers < 0

UNION ALL
SELECT 'bronze',
       format('{} partition {}, batch {} [{}, {}): the ledger has {} messages, bronze {} of {} offsets in [{}, {}]', source,
              "partition", batch, start_offset, end_offset, l.messages, coalesce(b.messages, 0),
              coalesce(b.offsets, 0), b.lowest, b.highest)
FROM ledger l LEFT JOIN landed b USING (batch, "partition")
WHERE l.messages <> coalesce(b.messages, 0) OR b.offsets <> b.messages OR b.lowest < start_offset
   OR b.highest >= end_offset

UNION ALL
SELECT 'bronze', format('partition {}, batch {}: {} messages that the ledger does not know', "partition", batch, messages)
FROM landed ANTI JOIN ledger USING (batch, "partition")

UNION ALL
SELECT 'silver',
       format('{} partition {}, batch {}: the ledger has {} accepted, silver {}', source, "partition", batch, accepted,
              coalesce(s.messages, 0))
FROM ledger l LEFT JOIN accepted s USING (batch, "partition") WHERE l.accepted <> coalesce(s.messages, 0)

UNION ALL
SELECT 'quarantine',
       format('{} partition {}, batch {}: the ledger has {} quarantined, the table {}', source, "partition", batch,
              quarantined, coalesce(q.messages, 0))
FROM ledger l LEFT JOIN quarantined q USING (batch, "partition") WHERE l.quarantined <> coalesce(q.messages, 0)

UNION ALL
SELECT 'gold', format('{} of {}: revenue {}, silver has {}', name, event_date, gold, silver)
FROM told FULL JOIN earned USING (name, event_date) WHERE gold IS DISTINCT FROM silver
