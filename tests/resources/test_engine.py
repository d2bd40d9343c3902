"""Tasks on Apache Spark: real executors in processes of their own, with Python beside each."""

import os
from functools import partial
from pathlib import Path

import pytest

from resources import engine
from resources.engine import EngineError, SparkEngine, engine_of
from resources.lake_errors import ConcurrentCommitError
from salesinsights_dagster.demo import free_port
from tests.resources import engine_tasks
from tests.resources.spark import CLUSTER, HAS_CONNECT, connect_server, spark_environment

needs_spark = pytest.mark.skipif(not CLUSTER, reason="Apache Spark is missing: run `make spark` to install it")
needs_connect = pytest.mark.skipif(not HAS_CONNECT, reason="Spark Connect is missing: run `make spark` to install it")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in spark_environment(tmp_path).items():
        monkeypatch.setenv(name, value)


def test_without_a_setting_there_is_no_engine() -> None:
    assert engine_of("here") is None
    assert engine_of("spark://shop:7077") == SparkEngine("spark://shop:7077")
    assert "secret" not in repr(engine_of("sc://shop:15002/;token=secret"))


def test_no_item_needs_no_cluster() -> None:
    assert SparkEngine("spark://nobody:1").run(engine_tasks.squared, []) == []


@needs_spark
def test_each_item_is_a_task_whose_answer_comes_in_its_place_though_an_executor_dies(
    environment: None, tmp_path: Path
) -> None:
    answers_in_place_though_an_executor_dies(SparkEngine(CLUSTER), tmp_path)


@needs_connect
def test_a_spark_connect_server_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect_server(tmp_path) as address:
        spark = SparkEngine(f"{address}/;user_id=shop")
        answers_in_place_though_an_executor_dies(spark, tmp_path)
        what_stops_a_task_is_told(spark, monkeypatch, address)
        with spark.kept():
            for number in (1, 2):
                assert [answer["square"].item() for answer in spark.run(engine_tasks.squared, [number])] == [number**2]


@needs_connect
def test_a_spark_connect_server_that_is_not_there_is_told_at_once_and_without_its_token() -> None:
    port = free_port(0)
    with pytest.raises(
        EngineError, match=rf"^no Spark Connect server listens at sc://127.0.0.1:{port}/: .*Start it"
    ) as away:
        SparkEngine(f"sc://127.0.0.1:{port}/;token=secret").run(engine_tasks.squared, [1])
    assert "secret" not in str(away.value)


def answers_in_place_though_an_executor_dies(spark: SparkEngine, folder: Path) -> None:
    answers = spark.run(partial(engine_tasks.dying_once, str(folder)), [3, 1, 2])

    assert (folder / "died").exists()
    assert [answer.select("number", "square").row(0) for answer in answers] == [(3, 9), (1, 1), (2, 4)]
    assert os.getpid() not in {answer["pid"].item() for answer in answers}


@needs_spark
def test_what_stops_a_task_is_told_in_one_line(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks in a thread of Spark's, with Python beside: an executor of its own would change nothing."""
    what_stops_a_task_is_told(SparkEngine("local[1]"), monkeypatch, "local")


def what_stops_a_task_is_told(spark: SparkEngine, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with pytest.raises(ConcurrentCommitError, match=r"\[1\] came too late"):
        spark.run(engine_tasks.refused, [1])
    with pytest.raises(
        EngineError, match=rf"^Spark at {address}.*: OSError: the disk of a worker is full. Look into its log"
    ) as failed:
        spark.run(engine_tasks.failing, [1])
    assert "\n" not in str(failed.value)
    assert "user_id" not in str(failed.value)

    with monkeypatch.context() as other:
        other.setattr(engine, "_release", lambda package: "a release of last year")
        with pytest.raises(EngineError, match="another release than the driver"):
            spark.run(engine_tasks.squared, [1])


@needs_spark
def test_what_was_started_once_is_kept_until_the_end_of_the_block(environment: None) -> None:
    from pyspark import SparkContext

    def application() -> str | None:
        running = SparkContext._active_spark_context
        return None if running is None else str(running.applicationId)

    spark, applications = SparkEngine("local[1]"), set[str | None]()
    with spark.kept():
        assert application() is None
        for number in (1, 2):
            assert [answer["square"].item() for answer in spark.run(engine_tasks.squared, [number])] == [number**2]
            applications.add(application())
        with pytest.raises(EngineError):
            spark.run(engine_tasks.failing, [1])
        assert application() is None
        spark.run(engine_tasks.squared, [3])
        assert application() not in {None, *applications}

    assert len(applications) == 1
    assert application() is None


def test_code_of_another_release_has_another_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, code in enumerate(["return 1", "return 2"]):
        folder = tmp_path / str(number) / f"shop{number}"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(f"def work(items): {code}\n")
        monkeypatch.syspath_prepend(folder.parent)
        __import__(folder.name)

    assert engine._release("shop0") == engine._release("shop0") != engine._release("shop1")
    assert engine._release("tests") != engine._release("shop0")
