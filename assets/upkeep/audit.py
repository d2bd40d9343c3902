"""The proof that nothing was lost or counted twice, from the first offset to gold.

Add here: what an audit reports. Not here: what it looks for (`audit.sql`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from assets.progress.added_columns import added_fields, comparable
from assets.progress.batches import batch_of
from assets.progress.rebuild_marks import unfinished_days
from assets.progress.source_fingerprints import has_changed
from assets.silver.day_pieces import judge_days
from assets.tables import SILVER_EVENTS
from assets.tables.sql_views import open_tables, sql_session
from assets.upkeep.proven_days import ProofState
from resources.duckdb_engine import query
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

_TOTALS = """
SELECT coalesce(max(batch), 0) AS batches, coalesce(sum(messages), 0) AS messages,
       coalesce(sum(accepted), 0) AS accepted, coalesce(sum(quarantined), 0) AS quarantined,
       coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(markers), 0) AS markers,
       coalesce(sum(lost), 0) AS lost,
       (SELECT count(*) FROM bronze_archive_months) AS archive_months,
       (SELECT coalesce(sum(lines), 0) FROM bronze_archive_months) AS archive_lines
FROM silver_batches WHERE batch <= getvariable('silver_events_batch')
"""

_RANGES = """
SELECT source, "partition", min(start_offset) AS start_offset, max(end_offset) AS end_offset
FROM silver_batches WHERE batch <= getvariable('silver_events_batch') GROUP BY ALL ORDER BY ALL
"""


NOT_COMPARED = (
    "the fields of silver_events with the bytes of bronze_events, and in gold distinct orders and buyers, brands and "
    "updated_at: the nightly proof compares them row by row",
    "the reasons in silver_quarantine, the tables of visitors, predictions, restatements and replicas: nothing does",
)
"""What an audit does not compare, for people."""


@dataclass(frozen=True)
class Audit:
    """The findings (none: it passed), the totals of the ledger, its ranges, and the batch that each table covers.

    `not_compared` says what the audit did not look at.
    """

    findings: list[dict[str, str]]
    totals: Mapping[str, int]
    ranges: list[dict[str, object]]
    covered: Mapping[str, int]
    not_compared: Sequence[str] = NOT_COMPARED

    @property
    def passed(self) -> bool:
        return not self.findings


def audit(lake: Lake) -> Audit:
    """Compare every layer with the ledgers, and gold with silver by product, window and buyer.

    May run beside the live stream.

    A ledger says what became of a message when it came. Since then the archive may have brought a duplicate of it, or a
    new rule may have accepted it. So if a ledger differs, the tables are compared with a rebuild of the days instead.
    """
    return again_on_conflict(lambda: _audit(lake))


def _audit(lake: Lake) -> Audit:
    tables = open_tables(lake)
    covered = dict(zip(tables, lake.at_once(batch_of, tables.values()), strict=True))
    follows = not has_changed(tables["customer_value"], tables["customer_days"])
    gained = {name: _gained_at(table) for name, table in tables.items()}
    variables = {
        **{f"{name}_batch": batch for name, batch in covered.items()},
        **{f"{name}_gained": at for name, at in gained.items()},
        "customers_gained": int(gained["customer_days"] > 0 or gained["customer_value"] > 0),
        "customers_follow": int(follows),
    }
    compared = (Path(__file__).parent / "audit.sql").read_text()
    with sql_session(lake, tables, variables, statement=f"{compared} {_TOTALS} {_RANGES}") as connection:
        findings = query(connection, compared)
        totals = query(connection, _TOTALS).cast(pl.Int64).row(0, named=True)
        ranges = query(connection, _RANGES).to_dicts()
    last = covered["silver_events"]
    found = [finding for finding in findings.to_dicts() if not _is_restated(tables, last, finding)]
    shown = [{"finding": row["finding"], "detail": row["detail"]} for row in found]
    waiting = () if follows else ("customer_value with customer_days: it is refreshed within minutes",)
    return Audit([*shown, *_unfinished(lake, shown)], totals, ranges, covered, (*NOT_COMPARED, *waiting))


def _gained_at(table: LakeTable) -> int:
    """When the table last got a column, in microseconds since 1970; 0 if it has had all of them from the start."""
    return max((round(at.timestamp() * 1_000_000) for at in table.added_columns.values()), default=0)


def disproved(state: ProofState) -> Iterator[dict[str, str]]:
    """The findings of the nightly proof, as long as the days are as it found them."""
    for day, names in state.differing.items():
        yield {
            "finding": "proof",
            "detail": f"{day}: {', '.join(names)} differ from a rebuild; see upkeep/rebuild_proof",
        }


def _unfinished(lake: Lake, findings: Sequence[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    """Why gold differs, if a rebuild was cut short before it, and what to do."""
    days = unfinished_days(lake)
    if days and any(row["finding"] == "gold" for row in findings):
        listed = ", ".join(map(str, days))
        remedy = "the next run of the stream, or salesinsights ingest, brings them there"
        yield {"finding": "unfinished", "detail": f"rebuilt in silver and not yet in gold: {listed}; {remedy}"}


def _is_restated(tables: Mapping[str, LakeTable], last: int, finding: Mapping[str, Any]) -> bool:
    """Whether silver and quarantine hold what a rebuild of a batch's (or month's) days gives by today's rules."""
    if finding["batch"] is None:
        return False
    bronze, silver, quarantine = (tables[name] for name in ("bronze_events", "silver_events", "silver_quarantine"))
    place = f"batch = {finding['batch']} AND partition = {finding['partition']}"
    days = bronze.read(place, ["event_date"])["event_date"].unique().to_list()
    if not days:
        return False
    judged, order = judge_days(bronze, days, last, added_fields(silver)), ["batch", "partition", "offset"]
    due = judged.filter(outcome="accepted").select(SILVER_EVENTS.schema.names()).sort(order)
    refused = judged.filter(outcome="quarantined", batch=finding["batch"], partition=finding["partition"])
    kept = quarantine.read(place, ["offset"])["offset"].sort()
    held, due = (comparable(rows, silver, "ingested_at") for rows in (silver.read(SILVER_EVENTS.on_days(days)), due))
    return held.sort(order).equals(due) and kept.equals(refused["offset"].sort())
