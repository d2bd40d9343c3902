"""The catalogue: what a file may say, how its history grows, and what a sale is joined with."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.events.contract import EARLIEST
from assets.products import catalog
from assets.products.catalog import CatalogError, Loaded, load_catalog, merged, names_now, read_catalog
from assets.tables import CATALOG, SILVER_PURCHASES
from assets.tables.catalog import FACTS
from assets.tables.sql_views import sql_session
from resources.lake import Lake
from tests.assets.products.purchases import purchases
from tests.faults.interleaving import once_before
from tests.lakes import rows

MONDAY = datetime(2019, 10, 7, tzinfo=UTC)
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
THURSDAY, FRIDAY = MONDAY + timedelta(days=3), MONDAY + timedelta(days=4)


def products(*named: dict[str, Any]) -> pl.DataFrame:
    names = ["product_id", *(name for name in FACTS if name in named[0])]
    return pl.DataFrame(named, schema={name: CATALOG.schema[name] for name in names})


def history(lake: Lake, product: int) -> list[tuple[Any, ...]]:
    held = rows(lake, CATALOG).filter(product_id=product).sort("valid_from")
    return held.select("name", "cost", "valid_from", "valid_to").rows()


def test_a_file_is_read_with_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "catalog.csv"
    file.write_text("product_id,name,category_code,colour,cost,stock\n5, Lip stick ,lips,red,2.5,7\n6,,,,,\n")

    found = read_catalog(file).products

    assert found.rows() == [(5, "Lip stick", "lips", Decimal("2.50"), 7), (6, None, None, None, None)]
    assert found.columns == ["product_id", "name", "category", "cost", "stock"]
    found.write_parquet(tmp_path / "catalog.parquet")
    assert read_catalog(tmp_path / "catalog.parquet").products.equals(found)


def test_rows_of_a_product_complete_each_other(tmp_path: Path) -> None:
    file = tmp_path / "catalog.csv"
    file.write_text("product_id,name,brand\n6,Rouge,\n5,,runail\n6,Rouge,cnd\n5,Lipstick,\n")

    read = read_catalog(file)

    assert (sorted(read.products.rows()), read.notes) == ([(5, "Lipstick", "runail"), (6, "Rouge", "cnd")], [])


def test_of_rows_that_contradict_each_other_the_first_one_counts_and_is_told(tmp_path: Path) -> None:
    file = tmp_path / "catalog.csv"
    file.write_text("product_id,name\n5,a\n6,b\n5,c\n5,a\n")

    read = read_catalog(file)

    assert sorted(read.products.rows()) == [(5, "a"), (6, "b")]
    assert read.notes == ["products with more than one name: 1, such as 5 with 'a' and 'c'; the first one counts"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\nLipstick\n", "has no column product_id"),
        ("product_id,name\n", "names no product"),
        (
            "product_id,cost\n5,1.00\n6,1.005\n",
            "cost of product number 2 is '1.005', which is not a number with at most",
        ),
        ("product_id,cost\n5,-1\n", "cost of product number 1 is '-1'"),
        ("product_id,stock\n5,many\n", "stock of product number 1 is 'many', which is not a whole number"),
        ("product_id,name\n5,a\n,b\n", "product_id of product number 2 is 'empty'"),
        ("product_id,name\n5," + "x" * 1025 + "\n", "which is not a text of at most 1024 characters"),
        ("product_id,name\n5,a,b,c\n", "can't be read"),
        ("", "can't be read"),
    ],
)
def test_a_file_that_is_no_catalogue_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "catalog.csv"
    file.write_text(text)

    with pytest.raises(CatalogError, match=said):
        read_catalog(file)


def test_a_change_closes_the_former_row(lake: Lake) -> None:
    lipstick = {"product_id": 5, "name": "Lipstick", "cost": Decimal("2.00")}
    rouge = {"product_id": 6, "name": "Rouge", "cost": Decimal("1.00")}
    assert load_catalog(lake, products(lipstick, rouge), MONDAY) == Loaded(new=2, changed=0, gone=0, unchanged=0)
    assert load_catalog(lake, products(lipstick, rouge), TUESDAY) == Loaded(new=0, changed=0, gone=0, unchanged=2)

    dearer = {**lipstick, "cost": Decimal("2.50")}
    assert load_catalog(lake, products(dearer, rouge), WEDNESDAY) == Loaded(new=0, changed=1, gone=0, unchanged=1)

    assert history(lake, 5) == [
        ("Lipstick", Decimal("2.00"), EARLIEST, WEDNESDAY),
        ("Lipstick", Decimal("2.50"), WEDNESDAY, None),
    ]
    assert history(lake, 6) == [("Rouge", Decimal("1.00"), EARLIEST, None)]


def test_a_product_that_is_gone_is_closed_and_may_come_back(lake: Lake) -> None:
    both = products({"product_id": 5, "name": "Lipstick"}, {"product_id": 6, "name": "Rouge"})
    load_catalog(lake, both, MONDAY)

    assert load_catalog(lake, both.head(1), TUESDAY).gone == 1
    assert load_catalog(lake, both, WEDNESDAY) == Loaded(new=1, changed=0, gone=0, unchanged=1)

    assert history(lake, 6) == [("Rouge", None, EARLIEST, TUESDAY), ("Rouge", None, WEDNESDAY, None)]
    assert names_now(lake) == {5: "Lipstick", 6: "Rouge"}


def test_a_part_leaves_the_other_products_and_the_other_facts(lake: Lake) -> None:
    load_catalog(lake, products({"product_id": 5, "name": "Lipstick"}, {"product_id": 6, "name": "Rouge"}), MONDAY)

    done = load_catalog(lake, products({"product_id": 5, "cost": Decimal("2.00")}), TUESDAY, is_part=True)

    assert done == Loaded(new=0, changed=1, gone=0, unchanged=0)
    assert history(lake, 5)[-1] == ("Lipstick", Decimal("2.00"), TUESDAY, None)
    assert history(lake, 6) == [("Rouge", None, EARLIEST, None)]


def test_what_is_older_than_what_is_known_is_refused(lake: Lake) -> None:
    load_catalog(lake, products({"product_id": 5, "name": "Lipstick"}), MONDAY)
    load_catalog(lake, products({"product_id": 5, "name": "Lip stick"}), WEDNESDAY)

    with pytest.raises(CatalogError, match="product 5 has a newer entry, of 2019-10-09 00:00:00 UTC"):
        load_catalog(lake, products({"product_id": 5, "name": "Lippenstift"}), TUESDAY)

    assert names_now(lake) == {5: "Lip stick"}


def test_a_changed_stock_alone_makes_no_row_and_an_older_one_is_refused(lake: Lake) -> None:
    load_catalog(lake, products({"product_id": 5, "name": "Lipstick", "stock": 3}), MONDAY)
    load_catalog(lake, products({"product_id": 5, "stock": 2}), WEDNESDAY, is_part=True)
    with pytest.raises(CatalogError, match="product 5 has a newer entry"):
        load_catalog(lake, products({"product_id": 5, "stock": 9}), TUESDAY, is_part=True)

    load_catalog(lake, products({"product_id": 5, "name": "Lip stick"}), THURSDAY, is_part=True)

    held = rows(lake, CATALOG).sort("valid_from").select("name", "stock", "stock_at")
    assert held.rows() == [("Lipstick", 2, WEDNESDAY), ("Lip stick", 2, WEDNESDAY)]
    done = load_catalog(lake, products({"product_id": 5, "stock": None}), FRIDAY, is_part=True)
    assert done == Loaded(new=0, changed=1, gone=0, unchanged=0)
    assert rows(lake, CATALOG).sort("valid_from").select("stock", "stock_at").rows()[1] == (None, None)


def test_of_two_loads_at_once_the_second_one_sees_the_first(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    load_catalog(lake, products({"product_id": 5, "name": "Lipstick"}), MONDAY)
    other = products({"product_id": 6, "name": "Rouge"})
    once_before(monkeypatch, catalog, "merged", lambda: load_catalog(lake, other, TUESDAY, is_part=True))

    load_catalog(lake, products({"product_id": 5, "name": "Lip stick"}), WEDNESDAY, is_part=True)

    assert names_now(lake) == {5: "Lip stick", 6: "Rouge"}


def test_a_sale_is_joined_with_what_held_then(lake: Lake) -> None:
    load_catalog(lake, products({"product_id": 5, "cost": Decimal("2.00")}), MONDAY)
    load_catalog(lake, products({"product_id": 5, "cost": Decimal("2.50")}), WEDNESDAY)
    sold = [(1, f"2019-10-{day:02} 10:00:00", 5, "3.00") for day in (1, 8, 9)]
    lake.table(SILVER_PURCHASES).append(purchases(*sold), {})
    margin = """
        SELECT event_date::VARCHAR, price - cost FROM silver_purchases AS sale
        ASOF JOIN catalog ON sale.product_id = catalog.product_id AND sale.event_time >= catalog.valid_from
        ORDER BY event_time
    """

    with sql_session(lake) as connection:
        found = connection.sql(margin).fetchall()

    assert found == [
        ("2019-10-01", Decimal("1.00")),
        ("2019-10-08", Decimal("1.00")),
        ("2019-10-09", Decimal("0.50")),
    ]


_CATALOGUE = st.dictionaries(st.integers(1, 4), st.sampled_from(["a", "b", None]), min_size=1)


@given(loads=st.lists(st.tuples(_CATALOGUE, st.booleans()), max_size=6))
def test_the_history_tells_each_catalogue_as_it_was(loads: list[tuple[dict[int, str | None], bool]]) -> None:
    held, known, told = pl.DataFrame(schema=CATALOG.schema), dict[int, str | None](), list[dict[int, str | None]]()
    for number, (named, is_part) in enumerate(loads):
        frame = products(*({"product_id": product, "name": name} for product, name in named.items()))
        held, _ = merged(held, frame, MONDAY + timedelta(hours=number), is_part=is_part)
        known = {**(known if is_part else {}), **named}
        told.append(known)

    for number, expected in enumerate(told):
        at = MONDAY + timedelta(hours=number)
        then = held.filter(pl.col("valid_from") <= at, (pl.col("valid_to") > at).fill_null(value=True))
        # Products that only a later catalogue names have a row for this time too: their first one.
        assert dict(then.select("product_id", "name").iter_rows()).items() >= expected.items()
        gone = {product for former in told[:number] for product in former} - expected.keys()
        assert gone.isdisjoint(then["product_id"])
    assert held.select(pl.struct("product_id", "valid_from").is_unique().all()).item()
