"""`salesinsights audit`: the proof that nothing was lost or counted twice.

Add here: how the proof is shown. Not here: what is proved (`assets.upkeep.audit`).
"""

import json
from datetime import UTC, datetime

import click

from salesinsights_dagster.settings import load_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the audit as JSON.")
@click.pass_context
def audit(ctx: click.Context, as_json: bool) -> None:
    """Prove that no offset is missing or read twice and that every message is accounted for, from Kafka to gold.

    Compares counts, and the sums of gold by product, window and buyer. What only the nightly proof compares, and how
    far that is, the answer says. Exit code 0 if all is well, 1 if not: then each gap, overlap and difference is named.
    """
    from assets.upkeep.audit import audit as audit_lake
    from assets.upkeep.audit import disproved
    from assets.upkeep.proven_days import open_compared, proof_state
    from resources.lake import Lake

    lake = Lake(load_settings().lake)
    found, proof = audit_lake(lake), proof_state(open_compared(lake), datetime.now(UTC))
    findings = [*found.findings, *disproved(proof)]
    if as_json:
        facts = {"passed": not findings, "findings": findings, **found.totals, "ranges": found.ranges}
        proven = {
            "closed_days": proof.closed,
            "unproven_days": len(proof.unproven),
            "oldest_unproven_day": proof.oldest,
        }
        facts |= {"covered": found.covered, "proof": proven, "not_compared": found.not_compared}
        click.echo(json.dumps(facts, default=str))
    else:
        for place in found.ranges:
            click.echo(
                f"{place['source']} partition {place['partition']}: [{place['start_offset']}, {place['end_offset']})"
            )
        click.echo(", ".join(f"{count:,} {name}" for name, count in found.totals.items()))
        for finding in findings:
            click.echo(f"{finding['finding']}: {finding['detail']}", err=True)
        for what in found.not_compared:
            click.echo(f"not compared: {what}")
        oldest = f", the oldest of them {proof.oldest}" if proof.oldest else ""
        click.echo(f"the nightly proof: {proof.closed} closed days, {len(proof.unproven)} unproven{oldest}")
        click.echo(f"FAILED: {len(findings)} findings" if findings else "passed")
    ctx.exit(1 if findings else 0)
