"""Who is in which audience, from customer_value, abandoned carts and the purchases of the newest days.

Each refresh computes all members, and keeps the moment at which each has joined. So the table, and its topic, change
only by who joins and who leaves.
Add here: how members are found. Not here: what a condition means (`audience`), or how the topic follows
(`serving.audience_topic`).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import polars as pl

from assets.customers.audience import Audience
from assets.progress.source_fingerprints import fingerprint
from assets.tables import ABANDONED_CARTS, AUDIENCE_MEMBERS, CUSTOMER_VALUE, FUNNEL_DAILY, SILVER_PURCHASES
from resources.lake import Lake
from resources.lake_errors import again_on_conflict

RULES = "rules"
"""The progress that holds a fingerprint of the audiences."""

READ_ROWS = 500_000
"""How many purchases are looked through at once."""

_FACTS = ("segment", "orders", "revenue", "last_order_at", "predicted_value", "probability_alive", "as_of")


def audiences_are_behind(lake: Lake, audiences: Mapping[str, Audience]) -> bool:
    """Whether an audience, or a table that its members are found in, has changed since they were computed."""
    table = lake.table(AUDIENCE_MEMBERS)
    if not audiences and not table.rows:
        return False
    known = {name: table.progress(name) for name in (RULES, *_source_names(audiences))}
    return known != _Sources(lake, audiences).progress


def refresh_audiences(lake: Lake, audiences: Mapping[str, Audience], now: datetime) -> int:
    """Bring the table up to date; return how many members all audiences have. Idempotent.

    Who was a member before keeps `joined_at`. Without a join or a leave, no row and no file changes.
    """

    def refresh() -> int:
        table, keys = lake.table(AUDIENCE_MEMBERS), list(AUDIENCE_MEMBERS.key)
        if not audiences_are_behind(lake, audiences):
            return table.rows
        sources, known = _Sources(lake, audiences), table.read()
        found = [known.select(keys).clear()]
        found += [
            sources.members(one).select(pl.lit(name).alias("audience"), "user_id") for name, one in audiences.items()
        ]
        rows = pl.concat(found).join(known, on=keys, how="left").with_columns(pl.col("joined_at").fill_null(now))
        if rows.sort(keys).equals(known.sort(keys)):
            table.append(rows.clear(), sources.progress)
        else:
            table.replace(rows.sort(keys), None, sources.progress)
        return rows.height

    return again_on_conflict(refresh)


def members_of(lake: Lake, audience: Audience) -> pl.DataFrame:
    """The members now, by user: user_id, what customer_value says of them (null without a purchase), and cart_value."""
    return _Sources(lake, {"": audience}).members(audience).sort("user_id")


def _source_names(audiences: Mapping[str, Audience]) -> list[str]:
    has_bought = any(one.bought_product or one.bought_brand or one.bought_category for one in audiences.values())
    by_category = any(one.bought_category for one in audiences.values())
    layouts = (CUSTOMER_VALUE, ABANDONED_CARTS, *[SILVER_PURCHASES] * has_bought, *[FUNNEL_DAILY] * by_category)
    return [layout.name for layout in layouts]


class _Sources:
    """The tables that members are found in, each at one version, and the progress of a commit computed from them."""

    def __init__(self, lake: Lake, audiences: Mapping[str, Audience]) -> None:
        layouts = (CUSTOMER_VALUE, ABANDONED_CARTS, SILVER_PURCHASES, FUNNEL_DAILY)
        names = _source_names(audiences)
        self._tables = {layout.name: lake.table(layout) for layout in layouts if layout.name in names}
        rules = {name: one.model_dump_json() for name, one in sorted(audiences.items())}
        versions = {name: table.version for name, table in self._tables.items()}
        self.progress = {RULES: fingerprint(str(rules)), **versions}
        self._everybody: pl.DataFrame | None = None

    def members(self, audience: Audience) -> pl.DataFrame:
        found = self._customers().filter(pl.lit(True), *_conditions(audience))
        for buyers in self._buyers(audience):
            found = found.join(buyers, on="user_id", how="semi")
        return found

    def _customers(self) -> pl.DataFrame:
        """Whoever has bought something, or has left a cart."""
        if self._everybody is None:
            customers = self._tables[CUSTOMER_VALUE.name].read(columns=("user_id", *_FACTS))
            carts = self._tables[ABANDONED_CARTS.name].read(columns=("user_id", "cart_value"))
            left = carts.group_by("user_id").agg(pl.col("cart_value").sum())
            self._everybody = customers.join(left, on="user_id", how="full", coalesce=True)
        return self._everybody

    def _buyers(self, audience: Audience) -> Iterator[pl.DataFrame]:
        """For each condition on purchases, the users that it holds for."""
        wanted = []
        if audience.bought_product:
            wanted.append(pl.col("product_id").is_in(audience.bought_product))
        if audience.bought_brand:
            wanted.append(pl.col("brand").is_in(audience.bought_brand))
        if not (wanted or audience.bought_category):
            return
        purchases = self._tables[SILVER_PURCHASES.name]
        since = max(purchases.days, default=None)
        within = f"event_date > DATE '{since - timedelta(days=audience.bought_days)}'" if since else "false"
        if audience.bought_category:
            wanted.append(pl.col("product_id").is_in(self._products_in(audience, within).implode()))
        found = [pl.DataFrame(schema={"user_id": pl.Int64()}) for _ in wanted]
        for some in purchases.stream(f"{within} AND price >= 0", READ_ROWS, ("user_id", "product_id", "brand")):
            found = [
                pl.concat([f, some.filter(w).select("user_id")]).unique() for f, w in zip(found, wanted, strict=True)
            ]
        yield from found

    def _products_in(self, audience: Audience, within: str) -> pl.Series:
        """The products of the categories, by the numbers and paths that events of the days named."""
        seen = self._tables[FUNNEL_DAILY.name].read(
            f"level = 'product' AND {within}", ("product_id", "category_id", "category_code")
        )
        numbers = [one for one in audience.bought_category if isinstance(one, int)]
        paths = [one for one in audience.bought_category if isinstance(one, str)]
        code = pl.col("category_code")
        under = [(code == path) | code.str.starts_with(f"{path}.") for path in paths]
        return seen.filter(pl.any_horizontal(pl.col("category_id").is_in(numbers), *under))["product_id"].unique()


def _conditions(audience: Audience) -> Iterator[pl.Expr]:
    if audience.segment:
        yield pl.col("segment").is_in(audience.segment)
    silent = (pl.col("as_of") - pl.col("last_order_at").dt.date()).dt.total_days()
    measures = {name: pl.col(name) for name in ("revenue", "predicted_value", "probability_alive")}
    for name, value in {"last_order_days": silent, **measures}.items():
        least, most = getattr(audience, f"{name}_from"), getattr(audience, f"{name}_to")
        if least is not None:
            yield value >= least
        if most is not None:
            yield value <= most
    if audience.left_cart_from is not None:
        yield pl.col("cart_value") >= audience.left_cart_from
