-- What was refused, by reason: how often, and when last.
SELECT reason, count(*) AS messages, max(ingested_at) AS last_at
FROM quarantine
GROUP BY reason
ORDER BY messages DESC, reason
