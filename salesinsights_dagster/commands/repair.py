"""`salesinsights repair`: finds and repairs what a power cut broke.

Add here: how a finding is shown. Not here: what is looked for (`assets.upkeep.repair`).
"""

import json

import click

from salesinsights_dagster.settings import load_settings


@click.command()
@click.option("--check", is_flag=True, help="Look for broken files and change nothing; exit code 1 if there are any.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per finding.")
@click.pass_context
def repair(ctx: click.Context, check: bool, as_json: bool) -> None:
    """Repair the lake after a power cut: commits without content, broken checkpoints and data files, unneeded files.

    The tables go back to the last batch that all of them hold; the stream, or `salesinsights ingest`, reads the rest
    from Kafka again. Refused while another process writes to a table whose log is broken: stop Dagster then. Afterwards
    `salesinsights audit` proves that nothing is missing.
    After a kill, the same command goes on. Exit code 1 if something is lost: each such range of offsets is named.
    """
    from assets.upkeep.lost_files import broken_files
    from assets.upkeep.lost_messages import LOST, Finding
    from assets.upkeep.repair import find_faults
    from assets.upkeep.repair import repair as repair_lake
    from assets.upkeep.repair_plan import unfinished_repair
    from resources.lake import Lake
    from salesinsights_dagster.topic import open_reader

    settings = load_settings()
    lake = Lake(settings.lake)
    if check:
        broken = find_faults(lake).items()
        faults = [Finding(name, fault.kind, str(fault.path)) for name, found in broken for fault in found]
        if not faults:  # a table with a broken log can't be opened
            files = broken_files(lake).items()
            faults = [
                Finding(name, "cut_short", "a repair was cut short: run it again") for name in unfinished_repair(lake)
            ]
            faults += [Finding(name, "broken_file", place) for name, found in files for place in found["place"]]
    else:
        faults = list(repair_lake(lake, settings.window_seconds, lambda: open_reader(settings)))
    for finding in faults:
        click.echo(json.dumps(vars(finding)) if as_json else f"{finding.table}: {finding.kind}: {finding.detail}")
    if not faults and not as_json:
        click.echo("nothing to repair")
    ctx.exit(1 if any(check or finding.kind == LOST for finding in faults) else 0)
