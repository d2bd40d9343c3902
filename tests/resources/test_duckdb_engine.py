from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from resources.duckdb_engine import SqlError, duckdb_session, query


def test_frames_and_variables_are_seen() -> None:
    with duckdb_session({"t": pl.DataFrame({"a": [1, 2]})}, {"factor": 10}) as connection:
        answer = query(connection, "SELECT a * getvariable('factor') AS b FROM t ORDER BY a")

    assert_frame_equal(answer, pl.DataFrame({"b": [10, 20]}), check_dtypes=False)


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{folder}/stolen.csv'",
        "SELECT 1; SELECT 2",
        "CREATE TABLE t AS SELECT 1",
        "SELECT * FROM read_csv('/etc/hostname')",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "ATTACH '{folder}/other.db'",
        "SELEC 1",
        "",
    ],
)
def test_nothing_but_one_select_over_the_given_is_answered(statement: str, tmp_path: Path) -> None:
    with duckdb_session(folders=[str(tmp_path)]) as connection, pytest.raises(SqlError):
        query(connection, statement.format(folder=tmp_path))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [1, 200_000], ids=["in the shared database", "in one of its own"])
def test_a_session_leaves_nothing_behind_and_is_locked(rows: int) -> None:
    with duckdb_session({"t": pl.DataFrame({"a": range(rows)})}, {"factor": 10}) as connection:
        query(connection, "SELECT count(*) FROM t")
        with pytest.raises(SqlError):
            query(connection, "SELECT * FROM read_csv('/etc/hostname')")
    with duckdb_session() as connection:
        assert query(connection, "SELECT getvariable('factor') AS factor")["factor"].to_list() == [None]
        with pytest.raises(SqlError, match="t does not exist"):
            query(connection, "SELECT * FROM t")


@pytest.mark.parametrize("rows", [1, 200_000], ids=["in the shared database", "in one of its own"])
def test_a_session_has_its_own_macros_and_no_others(rows: int) -> None:
    table = {"t": pl.DataFrame({"a": range(rows)})}
    for times in (2, 3):
        with duckdb_session(table, macros=f"CREATE MACRO scaled(x) AS {times} * max(x)") as connection:
            assert query(connection, "SELECT scaled(a) AS b FROM t")["b"].to_list() == [times * (rows - 1)]
    with duckdb_session(table) as connection, pytest.raises(SqlError, match="scaled does not exist"):
        query(connection, "SELECT scaled(a) FROM t")


def test_sessions_side_by_side_do_not_see_each_other() -> None:
    with duckdb_session({"t": pl.DataFrame({"a": [1]})}) as one, duckdb_session({"t": pl.DataFrame({"a": [2]})}) as two:
        answers = [query(connection, "SELECT a FROM t")["a"].to_list() for connection in (one, two)]

    assert answers == [[1], [2]]
