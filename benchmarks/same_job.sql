-- A month's file by DuckDB alone: what a load of the month does, without Delta Lake, a ledger or reasons for refusal.
-- Columns are read as text and cast; duplicates are dropped. `same_job` then writes a Parquet file a day of bronze and
-- silver.
CREATE TEMP TABLE lines AS SELECT * FROM read_csv(getvariable('file'), all_varchar = true, header = true);

CREATE TEMP VIEW bronze AS
SELECT concat_ws(',', event_time, event_type, product_id, coalesce(category_id, ''), coalesce(category_code, ''),
                 coalesce(brand, ''), price, user_id, coalesce(user_session, '')) AS value,
       event_time[:10] AS event_date
FROM lines;

CREATE TEMP TABLE silver AS
SELECT *, event_time::DATE AS event_date, getvariable('now')::TIMESTAMPTZ AS ingested_at
FROM (
    SELECT DISTINCT strptime(event_time, '%Y-%m-%d %H:%M:%S UTC') AT TIME ZONE 'UTC' AS event_time,
           event_type, product_id::BIGINT AS product_id, category_id::BIGINT AS category_id, category_code, brand,
           price::DECIMAL(12, 2) AS price, user_id::BIGINT AS user_id, user_session
    FROM lines
);

CREATE TEMP TABLE purchases AS SELECT * FROM silver WHERE event_type = 'purchase';
