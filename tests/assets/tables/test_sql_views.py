"""A lake in any folder that a system allows is read by Delta Lake, Polars and DuckDB alike."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from assets.tables import PRODUCT_SALES_DAILY
from assets.tables.sql_views import sql_session
from resources.duckdb_engine import query
from resources.lake import Lake
from resources.table_files import rows_of
from salesinsights_dagster.setting_types import UNUSABLE

DAY = date(2019, 10, 1)
NAMES = ["a b", "a#b", "a?b", "a*b", "aéb", "Привет", "a'b", 'a"b', "a{b}", "a+b", "a&b", "a;b", "a:b", "~a", "a,b"]


def sold(product: int) -> pl.DataFrame:
    shape = PRODUCT_SALES_DAILY.schema
    row = {"product_id": product, "event_date": DAY, "units": 1}
    return pl.DataFrame([{**dict.fromkeys(shape.names()), **row}], schema=shape)


@pytest.mark.parametrize("name", NAMES)
def test_a_lake_whose_path_is_unusual_is_read_in_every_way(tmp_path: Path, name: str) -> None:
    assert not set(name) & UNUSABLE
    lake = Lake(str(tmp_path / name))
    lake.table(PRODUCT_SALES_DAILY).append(sold(1), {"batch": 1})
    lake.table(PRODUCT_SALES_DAILY).append(sold(2), {"batch": 2})

    table = lake.table(PRODUCT_SALES_DAILY)
    assert (tmp_path / name / "gold" / "product_sales_daily" / "_delta_log").is_dir()
    assert table.read()["units"].sum() == 2
    assert rows_of(table, "product_id", pl.Series([2]), [DAY], ["units"]).rows() == [(1,)]
    with sql_session(lake) as connection:
        assert query(connection, "SELECT sum(units)::INT AS units FROM product_sales_daily").rows() == [(2,)]


def test_a_statement_may_use_the_words_of_the_queries(tmp_path: Path) -> None:
    bought = (
        "SELECT units(price), orders(user_id, user_session, event_time, price), revenue(price) FROM silver_purchases"
    )

    with sql_session(Lake(str(tmp_path))) as connection:
        assert query(connection, bought).rows() == [(0, 0, None)]
