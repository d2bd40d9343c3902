"""The digest of yesterday's sales, every morning, to the webhook and by mail.

Add here: when and to whom it goes. Not here: what it says (`assets.gold.digest`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from assets.gold.digest import digest_of
from assets.runs.clock import Clock
from resources.lake import Lake
from resources.mail import MailError, MailServer
from resources.webhook import WebhookError
from sensors.notices import Pager

DAY = "salesinsights/day"
"""The tag of a run with the day whose figures it sends."""


@dataclass(frozen=True)
class DigestPost:
    """By mail, if a server is set; the webhook gets the text alone. `dashboard` is its public address."""

    mail: MailServer | None
    dashboard: str | None


class DigestError(RuntimeError):
    """Somebody did not get the digest; the run's page says why, and Re-execute sends it again to all.

    It is of the same day, whenever it is sent again: a run that is executed again keeps its tags.
    """


@dg.op
def send_digest(
    context: dg.OpExecutionContext,
    lake: dg.ResourceParam[Lake],
    clock: dg.ResourceParam[Clock],
    pager: dg.ResourceParam[Pager],
    digest_post: dg.ResourceParam[DigestPost],
) -> None:
    """Send the digest of the run's day, or of yesterday (UTC). What one way refuses is still sent the other way."""
    asked = context.get_tag(DAY)
    day = date.fromisoformat(asked) if asked else (clock.now() - timedelta(days=1)).date()
    found = digest_of(lake, day, digest_post.dashboard)
    context.log.info(f"{found.subject}\n{found.text}")
    faults = list[str]()
    try:
        if pager.send is not None:
            pager.send(f"{found.subject}\n{found.text}")
    except WebhookError as error:
        faults.append(str(error))
    try:
        if digest_post.mail is not None:
            digest_post.mail.send(found.subject, found.text, found.picture)
    except MailError as error:
        faults.append(str(error))
    if faults:
        raise DigestError("; ".join(faults))


@dg.job(
    name="digest",
    description="Sends the figures of yesterday to the webhook, and with a picture by mail.",
    executor_def=dg.in_process_executor,
    tags={"salesinsights/kind": "digest"},
)
def DIGEST() -> None:  # noqa: N802
    send_digest()


@dg.schedule(
    name="digest_every_morning",
    job=DIGEST,
    cron_schedule="15 6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sends the figures of yesterday, if there is a webhook or a mail server to send them to.",
)
def digest_schedule(
    context: dg.ScheduleEvaluationContext, pager: dg.ResourceParam[Pager], digest_post: dg.ResourceParam[DigestPost]
) -> dg.RunRequest | dg.SkipReason:
    """The day before the morning that is due: Dagster may come to it late, after the next midnight too."""
    if pager.send is None and digest_post.mail is None:
        return dg.SkipReason("nobody to send it to: set SALESINSIGHTS_ALERT_WEBHOOK or SALESINSIGHTS_MAIL_SERVER")
    day = context.scheduled_execution_time.date() - timedelta(days=1)
    return dg.RunRequest(tags={DAY: day.isoformat()})
