"""What an address that does not exist answers.

Add here: what such an answer says. Not here: which addresses exist (`server`, `api`).
"""

from fastapi import Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import JSONResponse
from nicegui import Client, app, ui
from starlette.exceptions import HTTPException

from salesinsights_dagster.dashboard.parts import page_frame


async def not_found(request: Request, error: Exception) -> Response:
    """A page with the way to all others; JSON for the addresses of the API, and for what an endpoint did not find."""
    of_endpoint = request.scope.get("endpoint") not in (None, app) and not request.scope.get("nicegui_page_path")
    if of_endpoint and isinstance(error, HTTPException):
        return await http_exception_handler(request, error)
    if request.url.path.startswith("/api/"):
        return JSONResponse({"detail": "no such address: /openapi.json lists them"}, 404)
    theme = request.query_params.get("theme")
    with Client(ui.page(""), request=request) as client, page_frame("Not found", theme):
        ui.label("There is no page at this address. The pages are named above.")
    return client.build_response(request, 404)
