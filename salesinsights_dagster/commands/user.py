"""`salesinsights user`: who may log in at the dashboard, where the shop has no proxy or provider that knows.

Add here: options and output. Not here: how users are kept (`login.user_file`).
"""

import click

from salesinsights_dagster.home import make_home
from salesinsights_dagster.settings import load_settings

ROLES = click.Choice(["reader", "admin"])


@click.group()
def user() -> None:
    """Who may log in at the dashboard, with SALESINSIGHTS_LOGIN=users."""


@user.command()
@click.argument("name")
@click.option(
    "--role",
    type=ROLES,
    required=True,
    help="A reader sees the pages; an admin also exports customers and changes things.",
)
@click.password_option(help="Asked for if it is not given, so that it stays out of the shell's history.")
def add(name: str, role: str, password: str) -> None:
    """Let NAME log in, or give NAME another role and password. Counts at once; NAME's open sessions end."""
    from salesinsights_dagster.login.ways import users_of

    settings = load_settings()
    make_home(settings.home)
    users_of(settings.home).put(name, "admin" if role == "admin" else "reader", password)
    click.echo(f"{name} may log in as {role}")
    if settings.login != "users":
        now = "nobody has to log in" if settings.login == "off" else f"SALESINSIGHTS_LOGIN={settings.login} decides"
        click.echo(f"So far {now}: start the dashboard with SALESINSIGHTS_LOGIN=users", err=True)


@user.command()
@click.argument("name")
def remove(name: str) -> None:
    """Let NAME in no more. Counts at once."""
    from salesinsights_dagster.login.ways import users_of

    users_of(load_settings().home).remove(name)
    click.echo(f"{name} may not log in any more")


@user.command("list")
def names() -> None:
    """Print each user and its role."""
    from salesinsights_dagster.login.ways import users_of

    for name, found in users_of(load_settings().home).users().items():
        click.echo(f"{name} {found.role}")
