"""The service as a router that any FastAPI application can include, and as an application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response, Security
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from video_censor_personal import __version__
from video_censor_personal.service.guard import Authenticate, Guard
from video_censor_personal.service.manager import Manager
from video_censor_personal.service.page import page_routes
from video_censor_personal.service.routes.downloads import download_routes
from video_censor_personal.service.routes.events import event_routes
from video_censor_personal.service.routes.models import model_routes
from video_censor_personal.service.routes.repetition import Repetition
from video_censor_personal.service.routes.service import (
    probe_routes,
    session_routes,
    webhook_routes,
)
from video_censor_personal.service.routing import guarded, raising
from video_censor_personal.service.settings import ServiceSettings, service_settings
from video_censor_personal.service.tokens import Sessions, find_token

__all__ = ["create_app", "create_router"]

_DESCRIPTION = """\
Downloads models from a Hugging Face hub into the cache that all Hugging Face libraries share:
resumed after anything, verified to the last byte, one state for everyone who asks.

Send the token as `Authorization: Bearer ...`. Errors are `application/problem+json` (RFC 9457);
their `code` stays the same over versions.
"""


def create_router(
    settings: ServiceSettings | None = None,
    *,
    token: str | None = None,
    authenticate: Authenticate | None = None,
    probes: bool = False,
    page: bool = False,
) -> APIRouter:
    """A router with a lifespan of its own: include it, under any prefix.

        app.include_router(create_router(), prefix="/models")

    It adds no middleware and no exception handler to the application, and does its waiting in
    threads of its own. With its start, downloads of an earlier process go on.

    Args:
        settings: default: what the environment says.
        token: what clients have to send; default: `VIDEO_CENSOR_TOKEN`, else one that is made on
            the first start and kept in the state directory.
        authenticate: decides who may come in, instead of a token.
        probes: also add `/livez`, `/readyz` and `/metrics`.
        page: also add the page, at the prefix itself.
    """
    manager = Manager(settings or service_settings())
    return _router(manager, _guard(manager, token, authenticate), probes=probes, page=page)


def create_app(settings: ServiceSettings | None = None, *, token: str | None = None) -> FastAPI:
    """The service on its own, as `video-censor serve` runs it; `state.manager` is its `Manager`."""
    manager = Manager(settings or service_settings())
    app = FastAPI(
        # FastAPI's would answer anyone, and its pages load scripts from another site.
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.manager = manager
    guard = _guard(manager, token, None)
    app.include_router(_router(manager, guard, probes=True, page=True))

    async def unknown_path(request: Request, error: Exception) -> Response:
        return await guarded(guard, request, raising(error), is_public=True)

    app.add_exception_handler(HTTPException, unknown_path)
    return app


def _guard(manager: Manager, token: str | None, authenticate: Authenticate | None) -> Guard:
    settings = manager.settings
    sessions = None
    if authenticate is None:
        sessions = Sessions(token or find_token(settings.state_dir).text, manager.ledger)
    return Guard(settings, sessions, authenticate)


def _router(manager: Manager, guard: Guard, *, probes: bool, page: bool) -> APIRouter:
    sessions = guard.sessions

    @contextlib.asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        await manager.start()
        try:
            if sessions is not None:
                await manager.call(sessions.load)
            yield
        finally:
            await manager.stop()

    repetition = Repetition(manager)
    bearer = HTTPBearer(auto_error=False, description="the token of this service")
    private = APIRouter(dependencies=[Security(bearer)])
    private.include_router(model_routes(manager, guard, repetition))
    private.include_router(event_routes(manager, guard))
    private.include_router(download_routes(manager, guard, repetition))
    private.include_router(webhook_routes(manager, guard))
    router = APIRouter(lifespan=lifespan)
    router.include_router(private)
    if sessions is not None:
        router.include_router(session_routes(manager, guard))
    if probes:
        router.include_router(probe_routes(manager, guard))
    if page:
        router.include_router(page_routes(guard, lambda: _describe(router)))
    return router


def _describe(router: APIRouter) -> dict[str, Any]:
    """The OpenAPI description of the service, wherever it is mounted."""
    return get_openapi(
        title="video-censor model service",
        version=__version__,
        description=_DESCRIPTION,
        routes=router.routes,
    )
