"""How an address of the API asks for a view, and what is said of one that can't be shown.

Add here: a parameter that chooses what is counted. Not here: what may be chosen (`view`).
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import Depends, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from salesinsights_dagster.dashboard.csv_export import NamedCsv
from salesinsights_dagster.dashboard.view import View, ViewError

SpanName = Literal["hour", "today", "week", "month", "range"]
CompareName = Literal["before", "day", "week", "year"]


def asked_view(
    span: SpanName | None = None,
    compare: CompareName = "before",
    category: str | None = None,
    brand: str | None = None,
    product: Annotated[int | None, Query(ge=-(2**63), lt=2**63)] = None,
    zone: str | None = None,
    since: Annotated[str | None, Query(alias="from")] = None,
    until: Annotated[str | None, Query(alias="to")] = None,
) -> View:
    """The view of a request's parameters. An empty text counts as none; without a zone, the shop's is meant."""
    chosen = span or ("range" if since else "hour")
    try:
        return View(
            chosen, compare, category or None, brand or None, product, zone or None, since or None, until or None
        )
    except ViewError as error:
        raise HTTPException(422, str(error)) from error


Asked = Annotated[View, Depends(asked_view)]


class PlainRoute(NamedCsv):
    """A route that says in a sentence what is wrong with a request."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler; parameters that don't fit are answered with 422, and with which ones and why."""
        handle = super().get_route_handler()

        async def plain(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as invalid:
                said = "; ".join(f"{error['loc'][-1]}: {error['msg']}" for error in invalid.errors())
                raise HTTPException(422, said) from invalid

        return plain
