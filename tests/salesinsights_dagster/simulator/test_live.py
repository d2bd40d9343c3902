import json
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.events.contract import EVENT
from salesinsights_dagster.simulator import calibration
from salesinsights_dagster.simulator.live import CATCH_UP, LONGEST_SLICE, encode, run_live
from salesinsights_dagster.simulator.shop import Shop


class FakeTime(Event):
    """A clock that moves only by waiting, and a stop that is set once `lasts` has passed."""

    def __init__(self, now: datetime, lasts: timedelta) -> None:
        super().__init__()
        self.now, self.end = now, now + lasts

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timedelta(seconds=timeout or 0)
        if self.now >= self.end:
            self.set()
        return self.is_set()

    def clock(self) -> datetime:
        return self.now


class Topic:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.values: list[bytes] = []

    def __call__(self, keys: list[bytes], values: list[bytes]) -> None:
        self.keys += keys
        self.values += values


def slices(shop: Shop, start: datetime, seconds: list[float], rate: float) -> pl.DataFrame:
    frames = []
    for length in seconds:
        frames.append(shop.live(start, length, rate))
        start += timedelta(seconds=length)
    return pl.concat(frames)


def parsed(values: list[bytes]) -> pl.DataFrame:
    rows = [json.loads(value, parse_float=Decimal) for value in values]
    for row in rows:
        row["event_time"] = datetime.fromisoformat(row["event_time"])
        row["price"] = Decimal(row["price"])
    return pl.DataFrame(rows, schema=EVENT, orient="row")


def test_a_slice_lies_within_its_time_and_in_order(ten_minutes, noon):
    assert ten_minutes.schema == EVENT
    assert ten_minutes["event_time"].is_sorted()
    assert ten_minutes["event_time"].min() >= noon
    assert ten_minutes["event_time"].max() < noon + timedelta(seconds=600)


def test_live_traffic_has_the_rate_asked_for_from_the_first_minute_on(noon):
    minutes = slices(Shop(2), noon, [60.0] * 5, 1_000).group_by_dynamic("event_time", every="1m").agg(pl.len())
    assert minutes["len"].to_list() == pytest.approx([60_000] * 5, rel=0.06)


def test_live_traffic_has_the_mix_of_the_months(ten_minutes):
    mix = dict(ten_minutes["event_type"].value_counts(normalize=True).iter_rows())
    assert mix == pytest.approx(calibration.EVENT_SHARES, abs=0.02)
    assert 1 - len(ten_minutes.unique()) / len(ten_minutes) == pytest.approx(calibration.DUPLICATE_SHARE, abs=0.015)


def test_how_time_is_cut_into_slices_changes_no_event(ten_minutes, noon):
    assert_frame_equal(slices(Shop(1), noon, [0.25, 7.0, 0.001, 92.749, 500.0], 100), ten_minutes)


def test_carts_are_paid_in_later_slices(noon):
    shop = Shop(1)
    frames = [shop.live(noon + timedelta(minutes=minute), 60, 100) for minute in range(10)]
    line = ["user_session", "user_id", "product_id"]
    carts = frames[4].filter(event_type="cart").select(line)
    later = pl.concat(frames[5:]).filter(event_type="purchase")
    assert len(later.join(carts, on=line, how="semi")) > 20


def test_live_orders_have_several_items_of_one_moment(ten_minutes):
    orders = ten_minutes.filter(event_type="purchase").group_by("event_time", "user_id", "user_session").len()
    assert (orders["len"] > 1).mean() > 0.9


def test_events_due_in_a_gap_come_at_the_next_start(noon):
    shop = Shop(1)
    shop.live(noon, 60, 100)
    later = shop.live(noon + timedelta(hours=3), 1, 100)
    assert later["event_time"].min() == noon + timedelta(hours=3)
    assert later.filter(event_type="purchase").height > 0


def test_live_traffic_refuses_to_run_backwards(noon):
    shop = Shop(1)
    shop.live(noon, 60, 100)
    with pytest.raises(ValueError, match="use a new Shop"):
        shop.live(noon + timedelta(seconds=59), 1, 100)


def test_a_quiet_shop_has_slices_without_events(noon):
    assert encode(Shop(1).live(noon, 0.001, 0.01)) == ([], [])


def test_live_publishes_all_events_up_to_the_stop(noon):
    time, topic = FakeTime(noon, timedelta(seconds=30)), Topic()
    events = run_live(Shop(1), topic, time.clock, 100, time)
    assert_frame_equal(parsed(topic.values), Shop(1).live(noon, 30, 100))
    assert events == len(topic.values)


def test_live_ends_after_the_seconds_asked_for(noon):
    time, topic = FakeTime(noon, timedelta(hours=1)), Topic()
    run_live(Shop(1), topic, time.clock, 100, time, seconds=12.1)
    assert_frame_equal(parsed(topic.values), Shop(1).live(noon, 12.1, 100))


def test_live_catches_up_after_a_stall_in_slices_of_bounded_length(noon):
    time, topic = FakeTime(noon, timedelta(seconds=62)), Topic()
    slice_times: list[list[datetime]] = []

    def publish(keys: list[bytes], values: list[bytes]) -> None:
        topic(keys, values)
        slice_times.append(parsed(values)["event_time"].to_list())
        if len(slice_times) == 1:
            time.now += timedelta(seconds=60)

    run_live(Shop(1), publish, time.clock, 100, time)
    assert_frame_equal(parsed(topic.values), Shop(1).live(noon, 62, 100))
    assert max(max(times) - min(times) for times in slice_times) < LONGEST_SLICE


def test_live_leaves_out_what_a_long_sleep_has_missed(noon):
    time, topic = FakeTime(noon, timedelta(hours=5, seconds=2)), Topic()

    def publish(keys: list[bytes], values: list[bytes]) -> None:
        topic(keys, values)
        if time.now < noon + timedelta(hours=1):
            time.now = noon + timedelta(hours=5)

    run_live(Shop(1), publish, time.clock, 5, time)
    times = parsed(topic.values)["event_time"].to_list()
    assert not [at for at in times if noon + timedelta(seconds=1) < at < time.now - CATCH_UP * 1.01]
    assert max(times) > time.now - timedelta(seconds=5)


def test_live_waits_for_a_clock_that_was_set_back(noon):
    time, topic = FakeTime(noon, timedelta(seconds=20)), Topic()

    def publish(keys: list[bytes], values: list[bytes]) -> None:
        if not topic.values:
            time.now -= timedelta(seconds=10)
        topic(keys, values)

    run_live(Shop(1), publish, time.clock, 100, time)
    assert_frame_equal(parsed(topic.values), Shop(1).live(noon, 20, 100))


def test_encoded_events_read_back_to_the_frame(november, ten_minutes):
    for events in (november.head(20_000), ten_minutes.head(20_000), november.filter(pl.col("user_session").is_null())):
        keys, values = encode(events)
        assert_frame_equal(parsed(values), events)
        assert keys == [str(user).encode() for user in events["user_id"]]


def test_hostile_text_reads_back_to_itself(ten_minutes):
    brands = [
        '"',
        "\\",
        'a"b\\c',
        "\n\r\t\0\x1f\x7f",
        "</script>",
        "\u2028",
        "žluťoučký 💅",
        '","price":0,"x":"',
        "",
        None,
    ]
    events = ten_minutes.head(len(brands)).with_columns(brand=pl.Series(brands), category_code=pl.Series(brands[::-1]))
    _, values = encode(events)
    assert_frame_equal(parsed(values), events)
    assert not any(byte in value for value in values for byte in (b"\n", b"\t", b"\0"))


@pytest.mark.parametrize("price", ["0.00", "-0.05", "-79.37", "2.60", "9999999999.99"])
def test_a_price_is_written_with_its_own_digits(ten_minutes, price):
    event = ten_minutes.head(1).with_columns(price=pl.lit(Decimal(price), dtype=EVENT["price"]))
    _, [value] = encode(event)
    assert f'"price":{price},'.encode() in value


def test_19_digit_ids_are_written_exactly(ten_minutes):
    event = ten_minutes.head(1).with_columns(category_id=pl.lit(1487580004807082753), product_id=pl.lit(2**63 - 1))
    _, [value] = encode(event)
    assert b'"product_id":9223372036854775807,"category_id":1487580004807082753,' in value


def test_time_is_written_with_offset_and_microseconds(ten_minutes, noon):
    event = ten_minutes.head(1).with_columns(event_time=pl.lit(noon + timedelta(microseconds=7), EVENT["event_time"]))
    _, [value] = encode(event)
    assert value.startswith(b'{"event_time":"2026-01-01T12:00:00.000007+00:00","event_type":"')
