import random
from datetime import date

from polars.testing import assert_frame_equal

from assets.customers.customer_value import refresh_customer_value
from assets.gold.gold import rebuild_gold
from assets.silver.silver import rebuild_silver
from assets.stream.stream_assets import Stream
from assets.tables import CUSTOMER_VALUE, DAILY, SILVER_EVENTS
from resources.lake import Lake
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

FIRST, SECOND = date(2019, 10, 1), date(2019, 10, 2)


def shuffled_events(seed: int) -> list[bytes]:
    """Two days of purchases and views in a random order, with duplicates, conflicts and bad rows among them."""
    chance = random.Random(seed)
    events = [
        event(
            event_time=f"2019-10-0{chance.randint(1, 2)} {chance.randint(0, 23):02}:00:{chance.randint(0, 59):02} UTC",
            event_type=chance.choice(["view", "purchase"]),
            product_id=chance.randint(1, 20),
            price=chance.randint(-50, 900) / 100,
            user_id=chance.randint(1, 9),
            event_id=chance.choice([None, None, None, "a", "b", "c"]),
        )
        for _ in range(300)
    ]
    return [*chance.choices(events, k=400), b"{", event(price="x")]


def test_a_rebuilt_day_has_the_rows_of_the_stream(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    for seed in range(3):
        mock_kafka.publish(topic, shuffled_events(seed), partition=seed)
        run(lake, stream)
    streamed = {layout.name: rows(lake, layout) for layout in (SILVER_EVENTS, *DAILY)}
    assert streamed[SILVER_EVENTS.name].height > 300

    for day in (FIRST, SECOND):
        rebuild_silver(lake, [day])
        rebuild_gold(lake, DAILY, [day], stream.window_seconds)

    for layout in (SILVER_EVENTS, *DAILY):
        assert_frame_equal(rows(lake, layout), streamed[layout.name])


def test_a_rebuild_leaves_the_stream_where_it_was(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    rebuild_silver(lake, [FIRST])
    mock_kafka.publish(topic, [event(), event(user_id=2)])

    (receipt,) = run(lake, stream)

    assert receipt.outcome.counts == {"messages": 2, "accepted": 1, "quarantined": 0, "duplicates": 1}


def test_customer_value_follows_the_literature(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    times = ["2019-10-01 10:00:00", "2019-10-01 10:00:00", "2019-10-05 08:00:00", "2019-10-11 23:59:59"]
    prices = ["10.00", "5.00", "20.00", "7.00"]
    mine = [
        event(event_time=f"{t} UTC", price=p, product_id=n) for n, (t, p) in enumerate(zip(times, prices, strict=True))
    ]
    mock_kafka.publish(topic, [*mine, event(event_time="2019-10-21 00:00:00 UTC", user_id=2, price=1)])
    run(lake, stream)

    assert refresh_customer_value(lake).buyers == 2

    first, second = rows(lake, CUSTOMER_VALUE).sort("user_id", descending=True).to_dicts()
    measures = ("orders", "units", "tenure_days", "recency", "frequency")
    assert [first[name] for name in measures] == [3, 4, 20, 10, 2]
    assert [str(first[name]) for name in ("revenue", "average_order_value", "monetary_value")] == [
        "42.00",
        "14.00",
        "13.50",
    ]
    assert (second["frequency"], second["recency"], second["monetary_value"]) == (0, 0, None)
    assert rows(lake, CUSTOMER_VALUE)["as_of"].unique().to_list() == [date(2019, 10, 21)]


def test_buyers_are_scored_by_cut_points_and_named(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    # Buyer k bought on November 5 and on k days of October; buyer 9 once, in July.
    bought = [(k, day) for k in range(6) for day in ("11-05", *(f"10-{day:02}" for day in range(1, k + 1)))]
    bought.append((9, "07-01"))
    mock_kafka.publish(
        topic, [event(user_id=user, event_time=f"2019-{day} 10:00:00 UTC", price=9) for user, day in bought]
    )
    mock_kafka.publish(topic, [event(user_id=5, event_time="2019-11-05 11:00:00 UTC", price=-30)])
    run(lake, stream)
    refresh_customer_value(lake)

    columns = ("user_id", "recency_score", "frequency_score", "monetary_score", "segment", "is_active", "cohort")
    assert rows(lake, CUSTOMER_VALUE).select(columns).rows() == [
        (0, 5, 1, 1, "new", True, date(2019, 11, 1)),
        (1, 5, 2, 2, "potential loyalists", True, date(2019, 10, 1)),
        (2, 5, 3, 2, "potential loyalists", True, date(2019, 10, 1)),
        (3, 5, 4, 3, "champions", True, date(2019, 10, 1)),
        (4, 5, 4, 3, "champions", True, date(2019, 10, 1)),
        (5, 5, 5, 2, "champions", True, date(2019, 10, 1)),
        (9, 2, 1, 1, "hibernating", False, date(2019, 7, 1)),
    ]


def test_an_empty_day_rebuilds_to_nothing(lake: Lake) -> None:
    rebuild_silver(lake, [FIRST])
    rebuild_gold(lake, DAILY, [FIRST], 45)

    assert [rows(lake, layout).height for layout in (SILVER_EVENTS, DAILY[0])] == [0, 0]
