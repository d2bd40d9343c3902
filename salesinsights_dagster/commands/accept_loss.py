"""`salesinsights accept-loss`: goes on after Kafka deleted messages that were never read.

Add here: options and output. Not here: what is written (`assets.stream.lost_offsets`).
"""

import json

import click

from salesinsights_dagster.settings import load_settings


@click.command("accept-loss")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the lost ranges as JSON.")
def accept_loss(yes: bool, as_json: bool) -> None:
    """Give up offsets that Kafka deleted before they were read, so that the stream goes on after them.

    The ledger keeps the ranges as lost, and `salesinsights audit` counts them. If another copy of the messages exists,
    publish it again instead: then nothing is missing.
    """
    from assets.stream.lost_offsets import give_up, losses
    from assets.stream.micro_batch import open_stream
    from resources.lake import Lake
    from salesinsights_dagster.topic import open_reader, utc_now

    settings = load_settings()
    tables, reader = open_stream(Lake(settings.lake)), open_reader(settings)
    lost = losses(tables, reader)
    if lost and not yes:
        named = ", ".join(f"partition {partition} [{start}, {end})" for partition, (start, end) in lost.items())
        click.confirm(f"Give up {named} of topic {settings.topic}?", abort=True, err=True)
    if lost:
        give_up(tables, reader, lost, utc_now, settings.window_seconds)
    offsets = sum(end - start for start, end in lost.values())
    facts = {"offsets": offsets, "ranges": {str(partition): list(ends) for partition, ends in lost.items()}}
    click.echo(json.dumps(facts) if as_json else f"{offsets:,} offsets given up" if lost else "nothing is lost")
