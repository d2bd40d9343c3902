"""`salesinsights dashboard`: the live pages.

Add here: an option of the start. Not here: the pages (`salesinsights_dagster.dashboard`).
"""

import click

from salesinsights_dagster.broker.ports import check_port
from salesinsights_dagster.home import make_home
from salesinsights_dagster.safe_requests import LOOPBACK
from salesinsights_dagster.settings import load_settings

OPEN_TO_ALL = (
    "Warning: no login. Everyone who reaches {place} can read all figures, and who your best customers are. Set "
    "SALESINSIGHTS_LOGIN (docs/dashboard.md, Who may look), or leave out --host."
)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port of the pages.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; anyone who can reach it can read."
)
@click.option("--allow-host", multiple=True, metavar="NAME", help="A host name to accept besides the loopback's.")
def dashboard(port: int, host: str, allow_host: tuple[str, ...]) -> None:
    """Show sales per product, live, in the browser. Reads the lake and changes no row. Ctrl-C stops.

    It also alerts if nothing reaches gold, or if Dagster's own alerts are silent.
    """
    settings = load_settings()
    make_home(settings.home)
    check_port(port, host)
    # Only now, since they take seconds.
    from salesinsights_dagster.dashboard.server import serve
    from salesinsights_dagster.topic import utc_now

    click.echo(f"Dashboard: http://{host}:{port}")
    if settings.login == "off" and host not in LOOPBACK:
        click.secho(OPEN_TO_ALL.format(place=f"{host}:{port}"), fg="red", bold=True, err=True)
    serve(settings, utc_now, host, port, allow_host)
