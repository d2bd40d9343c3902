-- The newest micro-batches, all partitions together.
SELECT batch, max(ingested_at) AS ingested_at, sum(messages)::BIGINT AS messages, sum(accepted)::BIGINT AS accepted,
       sum(quarantined)::BIGINT AS quarantined, sum(duplicates)::BIGINT AS duplicates
FROM ledger
GROUP BY batch
ORDER BY batch DESC
