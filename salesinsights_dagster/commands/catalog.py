"""`salesinsights catalog`: names, brands, costs and stock of the shop's products.

Add here: options and output. Not here: reading and loading (`assets.products.catalog`).
"""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from salesinsights_dagster.home import make_home
from salesinsights_dagster.settings import load_settings


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--part", "is_part", is_flag=True, help="The file names only some products; the others stay as they are.")
@click.option("--at", type=click.DateTime(), help="Since when it holds (UTC); by default now.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def catalog(file: Path, is_part: bool, at: datetime | None, as_json: bool) -> None:
    """Load what FILE (CSV or Parquet) says of the shop's products.

    Its columns: product_id, and any of name, category, brand, picture_url, cost, stock. What changed gets a new row in
    the table catalog, and the former one is closed: so each sale can be seen with what held then.
    """
    from datetime import UTC

    from assets.products.catalog import load_catalog, read_catalog
    from resources.lake import Lake
    from salesinsights_dagster.topic import utc_now

    settings = load_settings()
    make_home(settings.home)
    read = read_catalog(file)
    for note in read.notes:
        click.echo(f"Note: {note}", err=True)
    moment = at.replace(tzinfo=UTC) if at else utc_now()
    done = asdict(load_catalog(Lake(settings.lake), read.products, moment, is_part=is_part))
    text = ", ".join(f"{number:,} {what}" for what, number in done.items())
    click.echo(json.dumps({"file": file.name, **done}) if as_json else f"{file.name}: {text}")
