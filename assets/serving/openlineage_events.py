"""What a catalogue of data is told, in OpenLineage's words: which table a run wrote, from which, with which columns.

Each asset that a run of Dagster makes is a run of its own, of the job that has the asset's name; Dagster's run is its
parent. OpenLineage's package, an extra, checks the form of each event.
Add here: a facet. Not here: when events are sent (`sensors.openlineage_sensor`), or how (`resources.lineage_receiver`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from uuid import NAMESPACE_URL, uuid5

import dagster as dg
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    DatasetFacet,
    RunFacet,
    column_lineage_dataset,
    documentation_dataset,
    error_message_run,
    job_type_job,
    nominal_time_run,
    parent_run,
    processing_engine_run,
    schema_dataset,
)

PRODUCER = "urn:salesinsights"

STATES = {
    dg.DagsterEventType.RUN_START: RunState.START,
    dg.DagsterEventType.RUN_SUCCESS: RunState.COMPLETE,
    dg.DagsterEventType.RUN_FAILURE: RunState.FAIL,
    dg.DagsterEventType.RUN_CANCELED: RunState.ABORT,
}
"""What happens to a run in Dagster, and how OpenLineage calls it."""


@dataclass(frozen=True)
class Place:
    """Where a data set is, by OpenLineage's rules for names, such as `s3://shop-lake` and `shop/gold/segments`."""

    namespace: str
    name: str


@dataclass(frozen=True)
class Told:
    """What happened to a run: `assets` are those that it was to make or has made, with the days or months of each."""

    run_id: str
    job_name: str
    state: RunState
    at: datetime
    assets: Mapping[dg.AssetKey, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """The data sets of this installation. An asset without a place, such as a chore, is not told of."""

    namespace: str
    places: Mapping[dg.AssetKey, Place]
    specs: Mapping[dg.AssetKey, dg.AssetSpec]

    def events(self, told: Told) -> list[RunEvent]:
        """An event per asset, in the order of their names."""
        known = sorted((key for key in told.assets if key in self.places), key=dg.AssetKey.to_user_string)
        return [self._event(told, key) for key in known]

    def _event(self, told: Told, key: dg.AssetKey) -> RunEvent:
        name, spec = key.to_user_string(), self.specs[key]
        return RunEvent(
            eventType=told.state,
            eventTime=told.at.isoformat(),
            run=Run(str(uuid5(NAMESPACE_URL, f"{told.run_id}/{name}")), self._run_facets(told, told.assets[key])),
            job=Job(self.namespace, name, {"jobType": job_type_job.JobTypeJobFacet("BATCH", "DAGSTER", "ASSET")}),
            inputs=[InputDataset(one.namespace, one.name) for one in self._sources(spec)],
            outputs=[OutputDataset(self.places[key].namespace, self.places[key].name, facets=self._facets(spec))],
            producer=PRODUCER,
        )

    def _sources(self, spec: dg.AssetSpec) -> Iterable[Place]:
        return (self.places[dep.asset_key] for dep in spec.deps if dep.asset_key in self.places)

    def _run_facets(self, told: Told, partitions: Sequence[str]) -> dict[str, RunFacet]:
        parent = parent_run.ParentRunFacet(
            parent_run.Run(told.run_id), parent_run.Job(self.namespace, told.job_name), producer=PRODUCER
        )
        engine = processing_engine_run.ProcessingEngineRunFacet(version("dagster"), "Dagster", producer=PRODUCER)
        facets: dict[str, RunFacet] = {"parent": parent, "processing_engine": engine}
        days = [date.fromisoformat(partition) for partition in partitions]
        if days:
            first, end = min(days), max(days) + timedelta(days=1)
            facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(_midnight(first), _midnight(end))
        if told.state is RunState.FAIL:
            # Not the error itself: it may hold what customers did.
            said = f"run {told.run_id} of {told.job_name} failed: Dagster's UI says why"
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(said, "python")
        return facets

    def _facets(self, spec: dg.AssetSpec) -> dict[str, DatasetFacet]:
        facets: dict[str, DatasetFacet] = {}
        if spec.description:
            facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(spec.description)
        schema = spec.metadata.get("dagster/column_schema")
        if isinstance(schema, dg.TableSchema):
            columns = [
                schema_dataset.SchemaDatasetFacetFields(column.name, column.type, column.description)
                for column in schema.columns
            ]
            facets["schema"] = schema_dataset.SchemaDatasetFacet(columns)
        lineage = spec.metadata.get("dagster/column_lineage")
        if isinstance(lineage, dg.TableColumnLineage) and lineage.deps_by_column:
            fields = {column: self._column(deps) for column, deps in lineage.deps_by_column.items()}
            facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(fields)
        return facets

    def _column(self, deps: Iterable[dg.TableColumnDep]) -> column_lineage_dataset.Fields:
        sources = [(self.places[dep.asset_key], dep.column_name) for dep in deps]
        return column_lineage_dataset.Fields(
            [column_lineage_dataset.InputField(place.namespace, place.name, name) for place, name in sources]
        )


def _midnight(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()
