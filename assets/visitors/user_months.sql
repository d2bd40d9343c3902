-- What a user did in a month: of which kinds, and what they bought.
SELECT
    user_id,
    date_trunc('month', event_date)::DATE                                    AS month,
    bool_or(views > 0)                                                       AS has_viewed,
    bool_or(carts > 0)                                                       AS has_carted,
    bool_or(purchases > 0)                                                   AS has_bought,
    sum(revenue)                                                             AS revenue
FROM user_days
GROUP BY ALL
