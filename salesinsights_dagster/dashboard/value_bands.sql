-- How many customers have brought in how much: bands of revenue, each about three times the one before.
WITH bands AS (
    SELECT * FROM (VALUES
        (1, 'below 0', NULL, 0), (2, '0 to 10', 0, 10), (3, '10 to 30', 10, 30), (4, '30 to 100', 30, 100),
        (5, '100 to 300', 100, 300), (6, '300 to 1,000', 300, 1000), (7, '1,000 and more', 1000, NULL)
    ) AS listed(number, band, least, below)
)
SELECT band, count(user_id) AS customers, coalesce(sum(revenue), 0)::DECIMAL(18, 2) AS revenue
FROM bands LEFT JOIN customers ON (least IS NULL OR revenue >= least) AND (below IS NULL OR revenue < below)
GROUP BY number, band
ORDER BY number
