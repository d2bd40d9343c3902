"""`salesinsights snapshot`: the top products as a picture file, without a browser.

Add here: an option of the picture. Not here: how it is drawn (`assets.runs.charts`).
"""

from datetime import datetime
from pathlib import Path

import click

from salesinsights_dagster.commands.errors import Failure
from salesinsights_dagster.settings import load_settings

DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The PNG file to write.")
@click.option("--from", "first", type=DAY, help="The first day (UTC); without it, the newest day with sales.")
@click.option("--to", "last", type=DAY, help="The last day (UTC); without it, the first day.")
@click.option("--top", type=click.IntRange(1, 100), default=20, show_default=True, help="How many products.")
def snapshot(out: Path, first: datetime | None, last: datetime | None, top: int) -> None:
    """Draw the products with the most revenue on these days, from gold as it is now."""
    from assets.runs.charts import draw_top_products, newest_day_of_sales, sales_between
    from resources.lake import Lake

    if last and not first:
        raise click.UsageError("--to needs --from")
    lake = Lake(load_settings().lake)
    begin = first.date() if first else newest_day_of_sales(lake)
    end = last.date() if last else begin
    if begin is None or end is None:
        raise Failure("nothing was sold yet: load events into gold first (salesinsights ingest)")
    if end < begin:
        raise click.UsageError(f"--to {end} is before --from {begin}")
    sales = sales_between(lake, begin, end)
    if sales.is_empty():
        raise Failure(f"nothing was sold from {begin} to {end}: choose other days with --from and --to")
    picture = draw_top_products(sales, begin, end, top)
    try:
        out.write_bytes(picture)
    except OSError as error:
        raise Failure(f"{out} can't be written: {error.strerror}") from error
    click.echo(f"{out}: the top {min(top, sales['product_id'].n_unique())} products, {begin} to {end}")
