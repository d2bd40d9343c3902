-- The revenue of a user in a month, by activity: on days with any event, or with a view, a cart or a purchase.
SELECT activity, user_id, month, sum(revenue) AS revenue
FROM (
    SELECT user_id, date_trunc('month', event_date)::DATE AS month, revenue, unnest(
        list_filter([
            'any', CASE WHEN views > 0 THEN 'view' END, CASE WHEN carts > 0 THEN 'cart' END,
            CASE WHEN purchases > 0 THEN 'purchase' END
        ], lambda kind: kind IS NOT NULL)
    ) AS activity
    FROM user_days
)
GROUP BY ALL
