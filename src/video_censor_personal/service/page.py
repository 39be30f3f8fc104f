"""The page at `/`, and the API's description for people at `/docs`: files of this package."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from video_censor_personal.service.guard import Guard
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.routing import guarded_route

__all__ = ["page_routes"]

# Nothing from elsewhere, nothing inline, no frames around it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
# Said here, because some systems' registries call scripts text/plain, and browsers refuse that.
_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}


def page_routes(guard: Guard, describe: Callable[[], dict[str, Any]]) -> APIRouter:
    """The routes; none wants a token, and none tells anything. `describe` makes the API's
    description for programs, which the page for people is drawn from."""
    router = APIRouter(route_class=guarded_route(guard, is_public=True), include_in_schema=False)
    folder = files("video_censor_personal.service") / "static"
    contents = {
        entry.name: entry.read_bytes()
        for entry in folder.iterdir()
        if entry.name.rpartition(".")[2] in _TYPES
    }

    def answer(name: str) -> Response:
        if name not in contents:
            raise Problem(404, "no_such_file", "There is no such file.")
        kind = _TYPES[name.rpartition(".")[2]]
        return Response(contents[name], headers={**_HEADERS, "Content-Type": kind})

    @router.get("/")
    async def page() -> Response:
        return answer("index.html")

    @router.get("/docs")
    async def docs() -> Response:
        return answer("docs.html")

    @router.get("/openapi.json")
    async def description(request: Request) -> Response:
        prefix = request.url.path.removesuffix("/openapi.json")
        return JSONResponse(describe() | ({"servers": [{"url": prefix}]} if prefix else {}))

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        return answer(name)

    return router
