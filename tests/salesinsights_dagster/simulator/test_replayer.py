from pathlib import Path

import pytest
from click.testing import CliRunner

from salesinsights_dagster.simulator.replayer import ReplayError, replay, replay_command

HEADER = b"event_time,event_type,product_id\n"


class Waits:
    """Records the requested waits instead of waiting; says stop after `stop_after` of them, at once if 0."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.seconds: list[float] = []
        self.stop_after = stop_after

    def __call__(self, seconds: float) -> bool:
        if seconds:
            self.seconds.append(seconds)
        return len(self.seconds) >= self.stop_after


def source(folder: Path, name: str, *rows: bytes) -> Path:
    path = folder / name
    path.write_bytes(HEADER + b"".join(rows))
    return path


def row(day: str, number: int = 1) -> bytes:
    return f"2019-{day} 08:00:00 UTC,view,{number}\n".encode()


def contents(paths: list[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "input"


def test_each_day_becomes_one_file_with_the_header(tmp_path, folder):
    october = source(tmp_path, "2019-Oct.csv", row("10-01", 1), row("10-01", 2), row("10-02", 3))
    paths = replay([october], folder, 60, Waits())
    assert contents(paths) == {
        "2019-Oct-2019-10-01.csv": HEADER + row("10-01", 1) + row("10-01", 2),
        "2019-Oct-2019-10-02.csv": HEADER + row("10-02", 3),
    }
    assert sorted(folder.iterdir()) == paths


def test_days_are_dropped_one_per_interval(tmp_path, folder):
    days = source(tmp_path, "Oct.csv", *(row(f"10-0{day}") for day in range(1, 6)))
    waits, seen = Waits(), []
    replay([days], folder, 60, waits, lambda path: seen.append((path.name, len(waits.seconds))))
    assert waits.seconds == [60] * 4
    assert seen == [(f"Oct-2019-10-0{day}.csv", day - 1) for day in range(1, 6)]


def test_a_day_appears_under_its_name_only_when_complete(tmp_path, folder):
    days = source(tmp_path, "Oct.csv", row("10-01"), row("10-02"))
    seen = []
    replay([days], folder, 1, Waits(), lambda path: seen.append(sorted(p.name for p in folder.glob("[!.]*"))))
    assert seen == [["Oct-2019-10-01.csv"], ["Oct-2019-10-01.csv", "Oct-2019-10-02.csv"]]


def test_days_of_several_sources_come_in_the_order_of_days(tmp_path, folder):
    november = source(tmp_path, "Nov.csv", row("11-01"), row("10-31"))
    october = source(tmp_path, "Oct.csv", row("10-30"), row("10-31"))
    paths = replay([november, october], folder, 1, Waits())
    assert [path.name for path in paths] == [
        "Oct-2019-10-30.csv",
        "Nov-2019-10-31.csv",
        "Oct-2019-10-31.csv",
        "Nov-2019-11-01.csv",
    ]


def test_rows_in_any_order_reach_their_day(tmp_path, folder):
    mixed = source(tmp_path, "Oct.csv", row("10-02", 1), row("10-01", 2), row("10-02", 3), row("10-01", 4))
    assert contents(replay([mixed], folder, 1, Waits())) == {
        "Oct-2019-10-01.csv": HEADER + row("10-01", 2) + row("10-01", 4),
        "Oct-2019-10-02.csv": HEADER + row("10-02", 1) + row("10-02", 3),
    }


def test_bad_rows_pass_untouched(tmp_path, folder):
    bad = [b"2019-10-01,\xff\xfe,,,,\r\n", b'"2019-10-02 quoted\n', b"2019-13-45 00:00:00 UTC,x\n", b"\n", b" \0\n"]
    rows = [row("10-01"), *bad, b'2019-10-01 09:00:00 UTC,"say ""hi""",01.50,,,,,too,many\n', b"2019-10-01 cut sho"]
    paths = replay([source(tmp_path, "Oct.csv", *rows)], folder, 1, Waits())
    assert contents(paths) == {"Oct-2019-10-01.csv": HEADER + b"".join(rows)}


def test_rows_before_any_date_come_last_in_a_file_of_their_own(tmp_path, folder):
    paths = replay([source(tmp_path, "Oct.csv", b"no date\n", row("10-01"))], folder, 1, Waits())
    assert contents(paths) == {"Oct-2019-10-01.csv": HEADER + row("10-01"), "Oct-undated.csv": HEADER + b"no date\n"}


def test_a_stop_leaves_the_dropped_days_and_nothing_hidden(tmp_path, folder):
    days = source(tmp_path, "Oct.csv", row("10-01"), row("10-02"), row("10-03"))
    paths = replay([days], folder, 60, Waits(stop_after=2))
    assert [path.name for path in paths] == ["Oct-2019-10-01.csv", "Oct-2019-10-02.csv"]
    assert sorted(folder.iterdir()) == paths


def test_a_stop_while_the_days_are_cut_drops_none(tmp_path, folder):
    days = source(tmp_path, "Oct.csv", row("10-01"), row("10-02"))
    assert replay([days], folder, 60, Waits(stop_after=0)) == []
    assert list(folder.iterdir()) == []


def test_replaying_again_gives_equal_files(tmp_path, folder):
    days = source(tmp_path, "Oct.csv", row("10-01"), row("10-02"))
    folder.mkdir()
    (folder / ".Oct-2019-10-01.csv.waiting").write_bytes(b"left by a kill")
    first = contents(replay([days], folder, 1, Waits()))
    assert contents(replay([days], folder, 1, Waits())) == first


def test_a_source_without_the_header_is_refused_before_anything_is_dropped(tmp_path, folder):
    bare = tmp_path / "bare.csv"
    bare.write_bytes(row("10-01"))
    with pytest.raises(ReplayError, match=r"bare\.csv does not begin with a header line"):
        replay([source(tmp_path, "Oct.csv", row("10-01")), bare], folder, 1, Waits())
    assert not folder.exists()


def test_a_byte_order_mark_is_no_obstacle(tmp_path, folder):
    marked = tmp_path / "Oct.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + HEADER + row("10-01"))
    [path] = replay([marked], folder, 1, Waits())
    assert path.read_bytes() == marked.read_bytes()


def test_two_sources_of_one_name_are_refused(tmp_path, folder):
    (tmp_path / "other").mkdir()
    sources = [source(tmp_path, "Oct.csv"), source(tmp_path / "other", "Oct.csv")]
    with pytest.raises(ReplayError, match="two sources are called Oct"):
        replay(sources, folder, 1, Waits())


def test_the_command_drops_into_the_input_folder_of_the_settings(tmp_path):
    day = source(tmp_path, "Oct.csv", row("10-01"))
    done = CliRunner().invoke(replay_command, [str(day)], env={"SALESINSIGHTS_HOME": str(tmp_path)})
    assert done.exit_code == 0, done.output
    assert done.stdout == f"Oct-2019-10-01.csv\n1 day dropped into {tmp_path / 'input'}\n"


def test_the_command_divides_the_interval_by_the_speed(tmp_path):
    days = source(tmp_path, "Oct.csv", row("10-01"), row("10-02"))
    arguments = [str(days), "--to", str(tmp_path / "days"), "--every", "1h", "--speed", "10000000"]
    done = CliRunner().invoke(replay_command, arguments)
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "days").iterdir())) == 2


@pytest.mark.parametrize("every", ["0s", "60", "-1s", "1d", "fast", "1.s"])
def test_an_interval_without_a_unit_or_not_above_zero_is_a_usage_error(tmp_path, every):
    refused = CliRunner().invoke(replay_command, [str(source(tmp_path, "Oct.csv")), f"--every={every}"])
    assert refused.exit_code == 2
    assert "write 60s, 2m, 1h or 500ms" in refused.stderr
