"""Rows that are replaced by appending others, where rewriting their files would cost too much.

Add here: how to tell which rows count. Not here: when the others are removed (`assets.visitors.daily_tables`).
"""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Superseding:
    """Rows that are replaced by appending others: of rows under one `key`, the one with the largest `weight` counts.

    With `span`, the names of a start and an end, a row counts unless another row under its key covers all of it.
    `weight` names columns that are added up, null as 0; a row that replaces another has a larger weight.
    """

    key: tuple[str, ...]
    weight: tuple[str, ...]
    span: tuple[str, str] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that tell which rows count."""
        return (*self.key, *self.weight, *(self.span or ()))

    def alive(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows that count."""
        weight = pl.sum_horizontal(self.weight)
        if self.span is None:
            return rows.sort(weight, descending=True).unique(self.key, keep="first")
        start, end = self.span
        ordered = rows.sort(pl.col(start), pl.col(end), weight, descending=[False, True, True])
        reached = pl.col(end).cum_max().shift(1).over(self.key)
        return ordered.filter((pl.col(end) > reached).fill_null(value=True))

    @property
    def sql(self) -> str:
        """A clause of a SELECT that keeps the rows that count."""
        key, weight = ", ".join(self.key), " + ".join(f"coalesce({name}, 0)" for name in self.weight)
        if self.span is None:
            return f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {weight} DESC) = 1"
        start, end = self.span
        before = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
        window = f"PARTITION BY {key} ORDER BY {start}, {end} DESC, {weight} DESC {before}"
        return f"QUALIFY coalesce({end} > max({end}) OVER ({window}), true)"


SUPERSEDED_FROM = "superseded_from"
"""Progress of a table with `Superseding`: the ordinal of the first day with rows that may not count; else 0."""
