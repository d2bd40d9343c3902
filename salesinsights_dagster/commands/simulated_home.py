"""The demo's simulated sales and a shop's own do not get into one lake without a word.

Add here: who is told, and what. Not here: the demo (`demo`), or the shop (`simulator`).
"""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from resources.foreseen_error import ForeseenError
from salesinsights_dagster.settings import Settings

if TYPE_CHECKING:
    from resources.lake import Lake

MARK = "simulated-shop"
"""A file of a home in which the demo has sold; it says since when."""


class OwnDataError(ForeseenError):
    """The demo would add simulated sales to events that are not its own."""


def let_demo_in(settings: Settings, lake: "Lake", now: datetime, *, mix: bool) -> None:
    """Mark the home as the demo's. Raises OwnDataError if it is not yet, and its lake has events, unless `mix`."""
    from assets.tables import BRONZE_EVENTS

    mark = settings.home / MARK
    if mark.exists():
        return
    if not mix and lake.table(BRONZE_EVENTS).files().height:
        raise OwnDataError(
            f"the lake {lake.root} has events that no demo has made, and simulated sales would count beside them for "
            f"good. Give the demo a home of its own: SALESINSIGHTS_HOME={settings.home}-demo. Or, if that is what you "
            "want: salesinsights demo --mix"
        )
    mark.write_text(f"The demo's shop has sold here since {now:%Y-%m-%d %H:%M} UTC.\n")


def say_if_simulated(settings: Settings) -> None:
    """Tell whoever brings data of their own that the demo has sold in this home."""
    mark = settings.home / MARK
    if mark.exists():
        click.echo(
            f"Note: {mark.read_text().strip()} Its sales count beside yours in {settings.home}: for your own data set "
            "SALESINSIGHTS_HOME to another folder",
            err=True,
        )
