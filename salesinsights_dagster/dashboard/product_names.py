"""Names of products, from the shop's catalogue: pages show them beside the numbers, the API in a column of their own.

Add here: how a product is named. Not here: how a catalogue is loaded (`assets.products.catalog`).
"""

from collections.abc import Mapping

import polars as pl

from assets.products.catalog import names_now
from assets.tables import CATALOG
from resources.lake import Lake

NUMBER = "product_number"
"""The column with the number of a product whose label stands in another one."""


class ProductNames:
    """The names that the catalogue has now; none before the first `refresh`, and where there is no catalogue."""

    def __init__(self, names: Mapping[int, str] | None = None) -> None:
        self._names: Mapping[int, str] = names or {}
        self._version: int | None = None

    @property
    def has_catalogue(self) -> bool:
        """Whether a catalogue was ever loaded."""
        return bool(self._version)

    def refresh(self, lake: Lake) -> None:
        """Load the names again if a catalogue was loaded since. Raises LakeError if the table can't be read."""
        version = lake.table(CATALOG).version
        if version != self._version:
            self._names, self._version = names_now(lake), version

    def label(self, product_id: int, brand: str | None = None) -> str:
        """The name and the number of a product; without a name, the number and the brand."""
        name = self._names.get(product_id)
        return f"{name} ({product_id})" if name else self.short(product_id, brand)

    def short(self, product_id: int, brand: str | None) -> str:
        """The name alone, for a narrow place; without a name, the number and the brand."""
        return self._names.get(product_id) or f"{product_id} {brand or ''}".strip()

    def shown(self, products: pl.DataFrame, column: str = "product_id") -> pl.DataFrame:
        """The rows with the labels of their products instead of the numbers."""
        return products.with_columns(
            pl.Series(column, [self.label(product) for product in products[column]], pl.String)
        )

    def linked(self, products: pl.DataFrame, column: str = "product_id") -> pl.DataFrame:
        """The rows as `shown`, and beside them the numbers as text, in the column NUMBER."""
        return self.shown(products.with_columns(pl.col(column).cast(pl.String).alias(NUMBER)), column)

    def named(self, products: pl.DataFrame) -> pl.DataFrame:
        """The rows with `product_id` first and `name` after it, if the shop has a catalogue."""
        if not self._names or "product_id" not in products.columns:
            return products
        names = pl.Series("name", [self._names.get(product) for product in products["product_id"]], pl.String)
        return products.select("product_id", names, pl.exclude("product_id"))

    def matching(self, wanted: str) -> list[int]:
        """The products whose name contains these letters, whatever their case."""
        return [product for product, name in self._names.items() if wanted and wanted.casefold() in name.casefold()]
