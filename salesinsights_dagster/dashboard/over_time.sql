-- Revenue and units in buckets of time from the start of the span; a bucket without a sale has no row.
SELECT time_bucket(to_seconds(getvariable('bucket')), sold_at, make_timestamptz(getvariable('start'))) AS bucket_start,
       sum(revenue) AS revenue, sum(units)::BIGINT AS units
FROM by_time
WHERE sold_at >= make_timestamptz(getvariable('start'))
GROUP BY 1
ORDER BY 1
