"""`salesinsights audit`: the proof that nothing was lost or counted twice.

Add here: how the proof is shown. Not here: what is proved (`assets.upkeep.audit`).
"""

import json

import click

from salesinsights_dagster.settings import load_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the audit as JSON.")
@click.pass_context
def audit(ctx: click.Context, as_json: bool) -> None:
    """Prove that no offset is missing or read twice and that every message is accounted for, from Kafka to gold.

    Exit code 0 if so, 1 if not: then each gap, overlap and difference is named.
    """
    from assets.upkeep.audit import Audit
    from assets.upkeep.audit import audit as audit_lake
    from resources.lake import Lake

    found: Audit = audit_lake(Lake(load_settings().lake))
    if as_json:
        facts = {"passed": found.passed, "findings": found.findings, **found.totals}
        click.echo(json.dumps({**facts, "ranges": found.ranges, "covered": found.covered}))
    else:
        for place in found.ranges:
            click.echo(
                f"{place['source']} partition {place['partition']}: [{place['start_offset']}, {place['end_offset']})"
            )
        click.echo(", ".join(f"{count:,} {name}" for name, count in found.totals.items()))
        for finding in found.findings:
            click.echo(f"{finding['finding']}: {finding['detail']}", err=True)
        click.echo("passed" if found.passed else f"FAILED: {len(found.findings)} findings")
    ctx.exit(0 if found.passed else 1)
