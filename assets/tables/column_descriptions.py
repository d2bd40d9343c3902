"""What a column holds, in one sentence, where it means the same in several tables.

Each sentence is shown alone in the Dagster UI. Add here: a column that several tables share. Not here: one of a single
table, or one that means something else in it (`Table.columns`).
"""

SHARED = {
    # An event, and where it came from.
    "event_time": "when the event happened, by the shop's clock (UTC)",
    "product_id": "the shop's number of the product",
    "category_id": "the shop's number of the category",
    "category_code": "the category's readable path; mostly empty in the shop's data",
    "brand": "the product's brand; in gold the greatest of the names that its rows carry",
    "price": "price of one unit; negative for a return or a voucher",
    "user_id": "the shop's number of the user",
    "user_session": "the visit; an order is all purchases of one user and visit in the same second",
    "source": "the Kafka topic that the row came from, or `archive`",
    "partition": "the partition of the topic; for an archive line the month, such as 201910",
    "offset": "the message's offset in its partition; for an archive line its number in the file",
    "kafka_timestamp": "when Kafka appended the message (UTC); null for an archive line",
    "value": "the message's value or the archive's line, byte for byte",
    "ingested_at": "when the batch was read from Kafka, or the month from its file (UTC)",
    "batch": "the number of the micro-batch, counted from 1; 0 for an archive line",
    "event_date": "the UTC day of event_time",
    # What became of messages and lines.
    "accepted": "messages or lines that became a row of silver/events",
    "quarantined": "messages or lines that became a row of silver/quarantine",
    "duplicates": "messages or lines that repeat an earlier event",
    "days": "the UTC days of the events",
    # Sales.
    "window_start": "start of the window of event_time (UTC, inclusive)",
    "window_end": "end of the window (UTC, exclusive)",
    "units": "purchase rows with a price of zero or more",
    "orders": "distinct orders: all purchase rows of one user and visit in the same second, unless all are returns",
    "buyers": "distinct users with a purchase row that is no return",
    "revenue": "sum of all purchase prices, net of refunds",
    "refunds": "minus the sum of the negative prices",
    "updated_at": "when the newest row that this one counts was read from Kafka or from a file (UTC)",
    # Customers.
    "first_order_at": "event_time of the first purchase; returns are none",
    "last_order_at": "event_time of the last purchase; returns are none",
    "tenure_days": "days from the first purchase to as_of",
    "recency": "days from the first purchase to the last",
    "frequency": "days with a purchase, not counting the first",
    "segment": "the first segment of the shop's rules that fits: by activity and the scores",
    "is_active": "whether the chance that the customer still buys is at least half (a setting) of what it was right "
    "after the last purchase; where the model can't tell, whether recency_score is 3 or more",
    "predicted_purchases": "days with a purchase that are expected within the model's longer horizon",
    "probability_alive": "the chance that the customer still buys, from 0 to 1; null where the model can't tell",
    "expected_order_value": "what a day with a purchase is expected to bring",
    "predicted_value": "what the longer horizon is expected to bring, discounted; null where `prediction` says why",
    "near_predicted_purchases": "days with a purchase that are expected within the shorter horizon",
    "near_predicted_value": "what the shorter horizon is expected to bring, discounted",
    "prediction": "`model`, or in words why there is no prediction, or one of purchases alone",
    "model_version": "the fit of the models that the row is from",
    "as_of": "the UTC day at whose end the row holds: the newest with a purchase, or the one that was asked for",
    # Visitors.
    "views": "events of type view",
    "carts": "events of type cart",
    "removals": "events of type remove_from_cart",
    "purchases": "events of type purchase, without returns",
    "returns": "events of type purchase with a negative price: returns, and vouchers",
    "products": "distinct products",
}
