"""What the launch dialogs of Dagster's web UI ask its server, query by query, as the UI's own JavaScript does.

Add here: what another button asks. Not here: a test, or how Dagster is started (`conftest`).
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from salesinsights_dagster.dagster_process import DagsterProcess

LOCATION = {"repositoryLocationName": "salesinsights", "repositoryName": "__repository__"}

ASSETS = """
{ assetNodes { assetKey { path } jobNames isExecutable isObservable groupName
    partitionDefinition { type } dependencyKeys { path }
    assetChecksOrError { ... on AssetChecks { checks { name jobNames canExecuteIndividually } } } } }
"""
NEEDED = "query ($keys: [AssetKeyInput!]!) { assetNodeAdditionalRequiredKeys(assetKeys: $keys) { path } }"
DIALOG = """
query ($pipelineName: String!, $repositoryName: String!, $repositoryLocationName: String!,
       $assetSelection: [AssetKeyInput!]) {
    pipelineOrError(params: {pipelineName: $pipelineName, repositoryName: $repositoryName,
            repositoryLocationName: $repositoryLocationName, assetSelection: $assetSelection}) {
        __typename ... on Pipeline { isAssetJob } ... on InvalidSubsetError { message }
        ... on PipelineNotFoundError { message } ... on PythonError { message } }
    partitionSetsOrError(pipelineName: $pipelineName, repositorySelector: {repositoryName: $repositoryName,
            repositoryLocationName: $repositoryLocationName}) { __typename ... on PythonError { message } }
    runConfigSchemaOrError(selector: {pipelineName: $pipelineName, repositoryName: $repositoryName,
            repositoryLocationName: $repositoryLocationName, assetSelection: $assetSelection}) {
        __typename ... on PythonError { message } } }
"""
TAGS = """
query ($job: String!, $repositoryName: String!, $repositoryLocationName: String!, $partition: String!,
       $keys: [AssetKeyInput!]!) {
    pipelineOrError(params: {pipelineName: $job, repositoryName: $repositoryName,
            repositoryLocationName: $repositoryLocationName}) { ... on Pipeline {
        partition(partitionName: $partition, selectedAssetKeys: $keys) {
            tagsOrError { ... on PartitionTags { results { key value } } ... on PythonError { message } } } } } }
"""
LAUNCH = """
mutation ($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message }
    ... on InvalidSubsetError { message } ... on RunConfigValidationInvalid { errors { message } } } }
"""
AGAIN = """
mutation ($params: ReexecutionParams!) { launchPipelineReexecution(reexecutionParams: $params) {
    __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message } } }
"""
BACKFILL = """
mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
    ... on PartitionKeysNotFoundError { message } } }
"""
RUN = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run { status
    assetMaterializations { assetKey { path } partition }
    assetChecks { name assetKey { path } } } } }
"""
EVENTS = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run { eventConnection(limit: 5000) { events {
    ... on AssetCheckEvaluationEvent { evaluation { checkName assetKey { path } } }
    ... on ExecutionStepFailureEvent { error { message causes { message } } }
    ... on RunFailureEvent { error { message } } } } } } }
"""
BACKFILLED = """
query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
    status error { message } runs(limit: 100) { id status }
    assetBackfillData { assetBackfillStatuses {
        ... on AssetPartitionsStatusCounts { assetKey { path } numPartitionsTargeted numPartitionsMaterialized }
        ... on UnpartitionedAssetStatus { assetKey { path } materialized } } } } } }
"""
UNENDED_RUN = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
UNENDED_BACKFILL = ("REQUESTED", "CANCELING", "FAILING", "COMPLETING")


@dataclass(frozen=True)
class Asset:
    """What the UI knows about an asset before it launches it. `checks` are names with the jobs that have them."""

    name: str
    group: str
    jobs: tuple[str, ...]
    is_executable: bool
    is_partitioned: bool
    checks: dict[str, list[str]]

    @property
    def key(self) -> dict[str, list[str]]:
        return {"path": self.name.split("/")}

    def check_selection(self, job: str) -> list[dict[str, object]]:
        """The UI asks for an asset with all of its checks that the job has."""
        return [{"assetKey": self.key, "name": name} for name, jobs in self.checks.items() if job in jobs]


class DagsterUi:
    """The dialogs of a running web server."""

    def __init__(self, dagster: DagsterProcess) -> None:
        self._dagster = dagster
        nodes = map(_asset, dagster.ask(ASSETS)["assetNodes"])
        self.assets = {asset.name: asset for asset in nodes}

    def group(self, name: str) -> list[str]:
        """What `Materialize all` of a group asks for, which leaves out external assets."""
        return [asset.name for asset in self.assets.values() if asset.group == name and asset.is_executable]

    def open_dialog(self, names: Iterable[str]) -> dict[str, Any]:
        """The types of the answers to the dialog's own queries; anything else the dialog would show as an error."""
        chosen = self._chosen(names)
        keys = [asset.key for asset in chosen]
        needed = self._dagster.ask(NEEDED, {"keys": keys})["assetNodeAdditionalRequiredKeys"]
        asked = {"pipelineName": _job(chosen), "assetSelection": keys, **LOCATION}
        found = {name: answer["__typename"] for name, answer in self._dagster.ask(DIALOG, asked).items()}
        return {"needed": needed, **found}

    def run(self, names: Iterable[str], partitions: Sequence[str] = (), job: str | None = None) -> str:
        """Launch one run: without a partition, for one, or for a range of them."""
        chosen = self._chosen(names)
        job = job or _job(chosen)
        selector = {
            "pipelineName": job,
            "assetSelection": [asset.key for asset in chosen],
            "assetCheckSelection": [check for asset in chosen for check in asset.check_selection(job)],
        }
        return self._launch(selector, self._tags(chosen, job, partitions))

    def execute_checks(self, name: str, checks: Iterable[str]) -> str:
        """Launch checks of an asset alone; the UI offers that for assets without partitions."""
        asset = self.assets[name]
        selection = [{"assetKey": asset.key, "name": check} for check in checks]
        return self._launch({"jobName": asset.jobs[0], "assetSelection": [], "assetCheckSelection": selection}, [])

    def run_job(self, job: str) -> str:
        """Launch a job that makes no asset, from its launchpad."""
        return self._launch({"pipelineName": job}, [])

    def backfill(self, names: Iterable[str], partitions: Sequence[str] | None, job: str | None = None) -> str:
        """Launch a backfill of these partitions; None means all, for assets that have none in common."""
        chosen = self._chosen(names)
        params: dict[str, Any] = {"tags": [], "assetSelection": [asset.key for asset in chosen]}
        if partitions is None:
            params |= {"allPartitions": True}
        else:
            params |= {"partitionNames": partitions, "fromFailure": False}
        if job:
            of = {"repositorySelector": LOCATION, "partitionSetName": f"{job}_partition_set"}
            params |= {"selector": of}
        answer = self._dagster.ask(BACKFILL, {"params": params})["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def again(self, run: str, strategy: str) -> str:
        """Launch a run again: FROM_FAILURE, FROM_ASSET_FAILURE or ALL_STEPS."""
        answer = self._dagster.ask(AGAIN, {"params": {"parentRunId": run, "strategy": strategy}})
        return _launched(answer["launchPipelineReexecution"])

    def ended_run(self, run: str, seconds: float = 540) -> Any:
        """The run once it has ended: status, materializations, and which of its planned checks have a result."""
        deadline = time.monotonic() + seconds
        while True:
            found = self._dagster.ask(RUN, {"id": run})["runOrError"]
            if found["status"] not in UNENDED_RUN or time.monotonic() > deadline:
                return {**found, **self._events(run)}
            time.sleep(0.5)

    def ended_backfill(self, backfill: str, seconds: float = 540) -> Any:
        """The backfill once it has ended: status, runs, and the partitions of each asset."""
        deadline = time.monotonic() + seconds
        while True:
            found = self._dagster.ask(BACKFILLED, {"id": backfill})["partitionBackfillOrError"]
            if found["status"] not in UNENDED_BACKFILL or time.monotonic() > deadline:
                return found
            time.sleep(0.5)

    def _chosen(self, names: Iterable[str]) -> list[Asset]:
        return [self.assets[name] for name in names]

    def _tags(self, chosen: list[Asset], job: str, partitions: Sequence[str]) -> list[dict[str, str]]:
        if not partitions:
            return []
        asked = {"job": job, "partition": partitions[0], "keys": [asset.key for asset in chosen], **LOCATION}
        answer = self._dagster.ask(TAGS, asked)["pipelineOrError"]["partition"]["tagsOrError"]
        tags = [
            tag for tag in answer["results"] if len(partitions) == 1 or not tag["key"].startswith("dagster/partition")
        ]
        if len(partitions) > 1:
            ends = {"start": partitions[0], "end": partitions[-1]}
            tags += [{"key": f"dagster/asset_partition_range_{end}", "value": day} for end, day in ends.items()]
        return tags

    def _launch(self, selector: dict[str, Any], tags: list[dict[str, str]]) -> str:
        params = {
            "mode": "default",
            "executionMetadata": {"tags": tags},
            "runConfigData": "{}",
            "selector": {**LOCATION, **selector},
        }
        return _launched(self._dagster.ask(LAUNCH, {"params": params})["launchPipelineExecution"])

    def _events(self, run: str) -> dict[str, Any]:
        events = self._dagster.ask(EVENTS, {"id": run})["runOrError"]["eventConnection"]["events"]
        checked = [event["evaluation"]["checkName"] for event in events if event.get("evaluation")]
        errors = [event["error"] for event in events if event.get("error")]
        return {"checked": checked, "errors": errors}


def _asset(node: dict[str, Any]) -> Asset:
    return Asset(
        "/".join(node["assetKey"]["path"]),
        node["groupName"],
        tuple(node["jobNames"]),
        node["isExecutable"] and not node["isObservable"],
        node["partitionDefinition"] is not None,
        {check["name"]: check["jobNames"] for check in node["assetChecksOrError"].get("checks", [])},
    )


def _job(chosen: list[Asset]) -> str:
    """The first job that has all of these assets, as the UI chooses it."""
    return next(job for job in chosen[0].jobs if all(job in asset.jobs for asset in chosen))


def _launched(answer: dict[str, Any]) -> str:
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["id"])
