"""A table that another engine changed is never read wrongly: its golden commits are written here by hand."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from resources.lake import Lake
from resources.lake_errors import LakeError
from resources.lake_table import LakeTable
from tests.resources.lake_rows import LAYOUT, things

_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def protocol(version: int, *features: str) -> dict[str, Any]:
    if version < 3:
        return {"protocol": {"minReaderVersion": version, "minWriterVersion": 5}}
    named = {"readerFeatures": features, "writerFeatures": features}
    return {"protocol": {"minReaderVersion": version, "minWriterVersion": 7, **named}}


def commit(table: LakeTable, *actions: dict[str, Any]) -> None:
    entry = table.folder / "_delta_log" / f"{table.version + 1:020}.json"
    entry.write_text("\n".join(map(json.dumps, actions)))


def without_two_rows(table: LakeTable) -> list[dict[str, Any]]:
    """What Spark commits for a DELETE of a file's first two rows: the file once more, with a deletion vector.

    Source of the format: Delta's PROTOCOL.md (inline vectors are Z85 of a RoaringBitmapArray), RoaringFormatSpec.
    """
    log = table.folder / "_delta_log" / f"{table.version:020}.json"
    add = next(entry["add"] for entry in map(json.loads, log.read_text().splitlines()) if "add" in entry)
    one_array = struct.pack("<IIHHIHH", 12346, 1, 0, 1, 16, 0, 1)
    bits = struct.pack("<IQI", 1681511377, 1, 0) + one_array
    vector = {"storageType": "i", "pathOrInlineDv": _z85(bits), "sizeInBytes": len(bits), "cardinality": 2}
    removed = {"path": add["path"], "partitionValues": add["partitionValues"], "size": add["size"]}
    return [
        {"remove": {**removed, "dataChange": True, "deletionTimestamp": 0, "extendedFileMetadata": True}},
        {"add": {**add, "deletionVector": vector}},
    ]


def _z85(content: bytes) -> str:
    digits = ((word // 85**place) % 85 for (word,) in struct.iter_unpack(">I", content) for place in (4, 3, 2, 1, 0))
    return "".join(_Z85[digit] for digit in digits)


@pytest.fixture
def table(lake: Lake) -> LakeTable:
    table = lake.table(LAYOUT)
    table.append(things(1, 2, 3), {})
    return table


def test_deletion_vectors_are_refused_and_the_table_is_left_alone(lake: Lake, table: LakeTable) -> None:
    commit(table, protocol(3, "deletionVectors"), *without_two_rows(table))

    for opened in (lake, Lake(lake.root)):
        with pytest.raises(LakeError, match=r"bronze/things needs readers that know deletionVectors: .* DROP FEATURE"):
            opened.table(LAYOUT)

    assert len(list((Path(table.folder) / "_delta_log").glob("*.json"))) == table.version + 2


def test_the_vector_of_this_test_is_one(table: LakeTable) -> None:
    """Delta Lake's own reader knows it: the refusal is not for a broken table."""
    commit(table, protocol(3, "deletionVectors"), *without_two_rows(table))

    table._delta.update_incremental()

    assert table.read()["number"].to_list() == [3]


@pytest.mark.parametrize(
    "change",
    [
        protocol(2),
        *(
            protocol(3, feature)
            for feature in ("columnMapping", "v2Checkpoint", "typeWidening", "variantType", "notYetKnown")
        ),
    ],
    ids=str,
)
def test_what_a_reader_would_have_to_know_is_refused(lake: Lake, table: LakeTable, change: dict[str, Any]) -> None:
    commit(table, change)

    with pytest.raises(LakeError, match=r"needs readers that know \w+: .*TRUNCATE HISTORY"):
        lake.table(LAYOUT)


def test_a_version_from_before_the_change_is_still_read(lake: Lake, table: LakeTable) -> None:
    commit(table, protocol(3, "deletionVectors"), *without_two_rows(table))

    assert lake.table(LAYOUT, table.version).read().height == 3


def test_a_protocol_that_changes_no_file_is_read_and_written(lake: Lake, table: LakeTable) -> None:
    commit(table, protocol(3, "timestampNtz"))

    lake.table(LAYOUT).append(things(4), {})

    assert sorted(lake.table(LAYOUT).read()["number"]) == [1, 2, 3, 4]
