"""The catalogue: names, costs and stock of products, loaded from a file of the shop, with its history.

A product's row is closed when a later file says something else of it, or no longer names it; so a sale can be joined
with what held then (`valid_from` <= time < `valid_to`). Nothing is ever deleted; of the stock, only the newest is kept.
Add here: how a file becomes rows, and how rows become history. Not here: which facts there are (`tables.catalog`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from assets.events.contract import EARLIEST, LONGEST_TEXT
from assets.tables import CATALOG
from assets.tables.catalog import FACTS, HISTORIC
from resources.foreseen_error import ForeseenError
from resources.lake import Lake
from resources.lake_errors import again_on_conflict

LOADS = "catalog/loads"
"""A name of progress: how often a catalogue was loaded. Of two loads at once, the second one starts again."""

ALSO_CALLED = {"category_code": "category"}
NUMBER = {"product_id": r"^[0-9]{1,18}$", "stock": r"^-?[0-9]{1,15}$", "cost": r"^[0-9]{1,10}(\.[0-9]{1,2})?$"}
_MEANT = {"product_id": "a whole number", "stock": "a whole number", "cost": "a number with at most two decimals"}


class CatalogError(ForeseenError):
    """A file is no catalogue, or too old to be loaded; the message says where and why. Nothing was loaded."""


@dataclass(frozen=True)
class Loaded:
    """How many products a load added, changed, closed because they are gone, and left as they were."""

    new: int
    changed: int
    gone: int
    unchanged: int


@dataclass(frozen=True)
class Read:
    """The products of a file, and what it says twice: sentences for whoever loads it."""

    products: pl.DataFrame
    notes: list[str]


def read_catalog(path: Path) -> Read:
    """The products of a CSV (also .csv.gz) or Parquet file: `product_id` and those columns of FACTS that it has.

    Other columns are left out; an empty text is null. Several rows of a product complete each other; where they
    contradict each other, the first one counts, and a note says so. Raises CatalogError if the file can't be read, has
    no product, or a value that is not what its column holds.
    """
    try:
        is_parquet = path.suffix == ".parquet"
        found = pl.read_parquet(path) if is_parquet else pl.read_csv(path, infer_schema=False, null_values="")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CatalogError(f"{path} can't be read: {str(error).splitlines()[0]}") from error
    found = found.rename({old: new for old, new in ALSO_CALLED.items() if old in found.columns}, strict=False)
    if "product_id" not in found.columns:
        raise CatalogError(f"{path} has no column product_id: its first line must name the columns")
    names = ["product_id", *(name for name in FACTS if name in found.columns)]
    texts = found.select(pl.col(names).cast(pl.String).str.strip_chars().replace("", None))
    for problem in _problems(texts):
        raise CatalogError(f"{path}: {problem}. Correct the file and load it again: nothing was loaded")
    products = texts.group_by("product_id", maintain_order=True).agg(pl.col(names[1:]).drop_nulls().first())
    return Read(products.cast({name: CATALOG.schema[name] for name in names}), list(_contradictions(texts)))


def _problems(texts: pl.DataFrame) -> Iterator[str]:
    if texts.is_empty():
        yield "it names no product"
    for name in texts.columns:
        text = pl.col(name)
        meant = _MEANT.get(name, f"a text of at most {LONGEST_TEXT} characters")
        wrong = ~text.str.contains(NUMBER[name]) if name in NUMBER else text.str.len_chars() > LONGEST_TEXT
        if name == "product_id":
            wrong = wrong.fill_null(value=True)
        for row, value in texts.with_row_index("row", 1).filter(wrong).select("row", name).head(1).iter_rows():
            yield f"{name} of product number {row} is {(value or 'empty')[:100]!r}, which is not {meant}"


def _contradictions(texts: pl.DataFrame) -> Iterator[str]:
    for name in texts.columns[1:]:
        values = pl.col(name).drop_nulls().unique(maintain_order=True)
        said = texts.group_by("product_id", maintain_order=True).agg(values).filter(pl.col(name).list.len() > 1)
        for product, (first, second, *_) in said.head(1).iter_rows():
            yield (
                f"products with more than one {name}: {said.height:,}, such as {product} with {first[:100]!r} and "
                f"{second[:100]!r}; the first one counts"
            )


def load_catalog(lake: Lake, products: pl.DataFrame, at: datetime, *, is_part: bool = False) -> Loaded:
    """Make these products, as from `read_catalog`, what holds from `at` on. Idempotent.

    They are the whole catalogue: a product that they do not name is closed, unless they are only a part (`is_part`). A
    fact for which they have no column stays as it was. A stock that is stated again, unchanged, counts from `at` on.
    Raises CatalogError if something that changes was loaded for `at` or later.
    """

    def load() -> Loaded:
        table = lake.table(CATALOG)
        held = table.read()
        rows, loaded = merged(held, products, at, is_part=is_part)
        if not rows.equals(held.sort(rows.columns[0], "valid_from")):
            table.replace(rows, None, {LOADS: (table.progress(LOADS) or 0) + 1})
        return loaded

    return again_on_conflict(load)


def merged(
    held: pl.DataFrame, products: pl.DataFrame, at: datetime, *, is_part: bool = False
) -> tuple[pl.DataFrame, Loaded]:
    """The table's rows after `products` were loaded into `held`, and what that changed; see `load_catalog`."""
    is_open = pl.col("valid_to").is_null()
    current = held.filter(is_open).select("product_id", *FACTS)
    kept = [name for name in FACTS if name not in products.columns]
    given = products.join(current.select("product_id", *kept), on="product_id", how="left").select(current.columns)
    differing = given.join(current, on=["product_id", *HISTORIC], how="anti", nulls_equal=True)
    restocked = given.join(current, on=current.columns, how="anti", nulls_equal=True).join(
        differing, on="product_id", how="anti"
    )
    known = differing.join(current, on="product_id", how="semi").height
    gone = current.clear() if is_part else current.join(products, on="product_id", how="anti")
    ends = pl.concat([differing, gone]).select("product_id")
    _check_order(held.filter(is_open).join(ends, on="product_id", how="semi"), "valid_from", at)
    _check_order(held.filter(is_open).join(restocked, on="product_id", how="semi"), "stock_at", at)
    moment = pl.lit(at).cast(CATALOG.schema["valid_from"])
    closing = is_open & pl.col("product_id").is_in(ends["product_id"].implode())
    stated = products.filter(pl.col("stock").is_not_null()) if "stock" in products.columns else products.clear()
    is_stated = pl.col("product_id").is_in(stated["product_id"].implode())
    stays = held.with_columns(valid_to=pl.when(closing).then(moment).otherwise("valid_to"))
    rows = pl.concat([_restocked(stays, given, is_stated, moment), _begun(held, differing, is_stated, moment)])
    counts = Loaded(
        differing.height - known,
        known + restocked.height,
        gone.height,
        given.height - differing.height - restocked.height,
    )
    return rows.sort("product_id", "valid_from"), counts


def _restocked(held: pl.DataFrame, given: pl.DataFrame, is_stated: pl.Expr, moment: pl.Expr) -> pl.DataFrame:
    """The rows that were there; those that go on have the stock that is given now."""
    goes_on, has_stock = pl.col("valid_to").is_null(), pl.col("given_stock").is_not_null()
    known = held.join(given.select("product_id", given_stock="stock", is_given=True), on="product_id", how="left")
    at = pl.when(is_stated).then(pl.max_horizontal("stock_at", moment)).when(has_stock).then("stock_at")
    is_given = goes_on & pl.col("is_given").fill_null(value=False)
    return known.with_columns(
        stock=pl.when(is_given).then("given_stock").otherwise("stock"),
        stock_at=pl.when(is_given).then(at).otherwise("stock_at"),
    ).select(held.columns)


def _begun(held: pl.DataFrame, begun: pl.DataFrame, is_stated: pl.Expr, moment: pl.Expr) -> pl.DataFrame:
    """The rows that begin now, or before all sales where nobody said anything of the product before."""
    is_first = ~pl.col("product_id").is_in(held["product_id"].unique().implode())
    stock_at = held.filter(pl.col("valid_to").is_null()).select("product_id", "stock_at")
    at = pl.when(is_stated).then(moment).when(pl.col("stock").is_not_null()).then("stock_at")
    return (
        begun.join(stock_at, on="product_id", how="left")
        .with_columns(
            stock_at=at, valid_from=pl.when(is_first).then(pl.lit(EARLIEST)).otherwise(moment), valid_to=pl.lit(None)
        )
        .select(held.columns)
        .cast(CATALOG.schema)
    )


def _check_order(ending: pl.DataFrame, column: str, at: datetime) -> None:
    late = ending.filter(pl.col(column) >= at).sort(column, descending=True)
    for product, since in late.select("product_id", column).head(1).iter_rows():
        raise CatalogError(
            f"product {product} has a newer entry, of {since:%Y-%m-%d %H:%M:%S} UTC: catalogues have to be loaded in "
            "the order of their times. Nothing was loaded"
        )


def names_now(lake: Lake) -> Mapping[int, str]:
    """The name of each product that has one now."""
    named = lake.table(CATALOG).read(columns=["product_id", "name", "valid_to"])
    held = named.filter(pl.col("valid_to").is_null(), pl.col("name").is_not_null())
    return dict(held.select("product_id", "name").iter_rows())
