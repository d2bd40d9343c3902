"""A day judged piece by piece equals the day judged at once."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.archive.month_files import find_month
from assets.archive.month_loader import load_month
from assets.events.avro_decoder import NO_SCHEMAS
from assets.silver import day_pieces
from assets.silver.day_pieces import ARRIVAL, judge_days, parse_bronze
from assets.silver.duplicates import judge_duplicates
from assets.silver.silver import rebuild_silver
from assets.stream.stream_assets import Stream
from assets.tables import ARCHIVE, BRONZE_EVENTS, DAILY, SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE
from assets.upkeep import proof
from assets.upkeep.proof import differences
from resources.lake import Lake, OpenTables
from resources.lake_table import LakeTable
from tests.assets.archive.month_lines import HEADER
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

DAY = date(2019, 10, 1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEPT = [*SILVER_EVENTS.schema, "outcome"]
REFUSED = ["source", "partition", "offset", "batch", "value", "reason", "detail"]
NAMED = f"{HEADER},event_id"


@pytest.fixture(params=[25, 10**6])
def small_pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (day_pieces, proof):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", request.param)
        monkeypatch.setattr(module, "READ_ROWS", max(request.param - 2, 1))
    return iter(())


def awkward_fields(chance: random.Random) -> dict[str, object]:
    """An event with few possible values, so that many repeat others, or contradict them."""
    return {
        "event_time": f"2019-10-01 {chance.randint(0, 5):02}:{chance.choice((0, 59)):02}:00 UTC",
        "event_type": chance.choice(["view", "purchase", "purchase", "bought"]),
        "product_id": chance.randint(1, 2),
        "category_id": 7,
        "category_code": None,
        "brand": chance.choice(["runail", "runail", "a,b"]),
        "price": chance.choice(["1.00", "1.00", "-2.50", "x"]),
        "user_id": chance.randint(1, 2),
        "user_session": "s",
        "event_id": chance.choice([None, None, "a", "b", f"c{chance.randint(0, 20)}"]),
    }


def awkward_bronze(seed: int) -> pl.DataFrame:
    """Lines of two months and messages of three batches, in any order, all on one day of bronze."""
    chance = random.Random(seed)
    found = []
    for number in range(400):
        fields = awkward_fields(chance)
        line = ",".join(f'"{text}"' if "," in str(text) else str(text or "") for text in fields.values())
        batch = chance.choice([0, 0, 1, 2, 3])
        source, partition = (ARCHIVE, chance.choice([201910, 201911])) if batch == 0 else ("shop", chance.randint(0, 2))
        value = line.encode() if batch == 0 else event(**fields)
        found.append((source, partition, number, batch, value, NAMED.encode() if batch == 0 else b"1"))
    chance.shuffle(found)
    frame = pl.DataFrame(found, ["source", "partition", "offset", "batch", "value", "key"], orient="row")
    stamp = pl.when(pl.col("batch") > 0).then(pl.lit(NOW))
    return frame.with_columns(kafka_timestamp=stamp, ingested_at=pl.lit(NOW), event_date=pl.lit(DAY))


def judged_at_once(bronze: LakeTable, last: int) -> pl.DataFrame:
    """All rows of the day in one frame, in order, with their duplicates found at once."""
    events = parse_bronze(bronze.read(f"batch <= {last}").sort(ARRIVAL), NO_SCHEMAS)
    refused = pl.col("reason").is_not_null()
    judged = judge_duplicates(events.filter(~refused), events.clear())
    both = pl.concat([judged, events.filter(refused).with_columns(is_duplicate=pl.lit(value=False))])
    fate = pl.when("is_duplicate").then(pl.lit("duplicates")).otherwise(pl.lit("accepted"))
    return both.with_columns(outcome=pl.when(refused).then(pl.lit("quarantined")).otherwise(fate))


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(ARRIVAL)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("seed", range(4))
def test_pieces_come_to_what_the_whole_day_comes_to(lake: Lake, seed: int) -> None:
    bronze = lake.table(BRONZE_EVENTS)
    for part in awkward_bronze(seed).iter_slices(90):
        bronze.append(part, {"batch": 3})

    judged, whole = judge_days(bronze, [DAY], 2), judged_at_once(bronze, 2)

    assert dict(judged["outcome"].value_counts().iter_rows()).keys() == {"accepted", "duplicates", "quarantined"}
    kept, refused = pl.col("outcome") != "quarantined", pl.col("outcome") == "quarantined"
    for rule, names in (
        (kept, [*SILVER_EVENTS.schema, "outcome"]),
        (refused, ["offset", "batch", "partition", "value"]),
    ):
        assert_frame_equal(*(in_order(frame.filter(rule)).select(names) for frame in (judged, whole)))
    assert_frame_equal(
        *(in_order(frame.filter(refused)).select("reason", "detail", "outcome") for frame in (judged, whole))
    )
    assert "conflicting_duplicate" in set(judged["reason"])


@pytest.mark.usefixtures("small_pieces")
def test_a_day_rebuilt_in_pieces_is_proved_in_pieces(lake: Lake) -> None:
    lake.table(BRONZE_EVENTS).append(awkward_bronze(9), {"batch": 3})
    lake.table(SILVER_EVENTS).append(pl.DataFrame(schema=SILVER_EVENTS.schema), {"batch": 3})

    counts = rebuild_silver(lake, [DAY])

    whole = judged_at_once(lake.table(BRONZE_EVENTS), 3)
    expected = whole.group_by("source", "partition", "outcome").agg(rows=pl.len())
    assert_frame_equal(counts, expected, check_row_order=False)
    due = whole.filter(outcome="accepted").select(SILVER_EVENTS.schema.names())
    assert_frame_equal(in_order(rows(lake, SILVER_EVENTS)), in_order(due))
    assert rows(lake, SILVER_QUARANTINE).height == whole.filter(outcome="quarantined").height
    tables = OpenTables(lake, (*DAILY, SILVER_PURCHASES, SILVER_EVENTS, BRONZE_EVENTS))
    assert set(differences(tables, DAY, 45)["table"]) <= {layout.name for layout in DAILY}


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("beside", [False, True])
def test_a_month_loaded_in_pieces_is_what_bronze_amounts_to(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, tmp_path: Path, beside: bool
) -> None:
    chance = random.Random(4)
    lines = [",".join(str(text or "") for text in awkward_fields(chance).values()) for _ in range(200)]
    lines += [line.replace("2019-10-01", "2019-10-03") for line in lines[::3]]
    (tmp_path / "2019-Oct.csv").write_text("\n".join([NAMED, *lines]).replace("a,b", "a;b"))
    if beside:
        mock_kafka.publish(topic, [event(**awkward_fields(chance)) for _ in range(50)])
        run(lake, stream)

    load_month(lake, find_month(tmp_path, DAY), NOW + timedelta(days=1), 45)

    bronze, last = lake.table(BRONZE_EVENTS), lake.table(SILVER_EVENTS).progress("batch") or 0
    for day in (DAY, date(2019, 10, 3)):
        due = judge_days(bronze, [day], last).filter(outcome="accepted").select(SILVER_EVENTS.schema.names())
        held = rows(lake, SILVER_EVENTS).filter(event_date=day)
        assert_frame_equal(in_order(held), in_order(due))
