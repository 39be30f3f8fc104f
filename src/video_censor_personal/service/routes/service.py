"""Sessions, webhooks, health and metrics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import PlainTextResponse

from video_censor_personal.service import schemas
from video_censor_personal.service.guard import COOKIE, Guard
from video_censor_personal.service.manager import Manager
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.routing import guarded_route, problems
from video_censor_personal.service.tokens import SESSION_S

__all__ = ["probe_routes", "session_routes", "webhook_routes"]


def session_routes(manager: Manager, guard: Guard) -> APIRouter:
    """Login for browsers: event streams of a page cannot send a token."""
    router = APIRouter(
        prefix="/api/session", tags=["session"], route_class=guarded_route(guard, is_public=True)
    )

    @router.get("", response_model=schemas.Session, responses=problems())
    async def show(request: Request) -> Any:
        """Whether the cookie that came along is that of a session."""
        return {"signed_in": guard.is_signed_in(request)}

    @router.post("", status_code=204, responses=problems(body=True))
    async def begin(body: schemas.Login, request: Request, response: Response) -> None:
        """Exchange the token for a cookie that scripts cannot read."""
        sessions = guard.sessions
        if sessions is None or not sessions.is_token(body.token):
            raise Problem(401, "login_refused", "This is not the token of this service.")
        session = await manager.call(sessions.begin)
        response.set_cookie(
            COOKIE,
            session,
            max_age=SESSION_S,
            path=_path(request),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )

    @router.delete("", status_code=204, responses=problems(body=True))
    async def end(request: Request, response: Response) -> None:
        """Log out."""
        session = request.cookies.get(COOKIE)
        if session and guard.sessions is not None:
            await manager.call(guard.sessions.end, session)
        response.delete_cookie(COOKIE, path=_path(request), httponly=True, samesite="strict")

    return router


def webhook_routes(manager: Manager, guard: Guard) -> APIRouter:
    """The log of deliveries."""
    router = APIRouter(prefix="/api/webhooks", tags=["webhooks"], route_class=guarded_route(guard))

    @router.get("/deliveries", response_model=schemas.DeliveryList, responses=problems())
    async def deliveries(limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Any:
        """What was told to the configured webhooks, the latest first."""
        return {"deliveries": await manager.call(manager.webhooks.log, limit)}

    @router.post(
        "/deliveries/{message_id}/redeliver",
        status_code=202,
        response_model=schemas.Delivery,
        responses=problems(404, body=True),
    )
    async def redeliver(message_id: str) -> Any:
        """Try one again now."""
        return await manager.call(manager.webhooks.redeliver, message_id)

    return router


def probe_routes(manager: Manager, guard: Guard) -> APIRouter:
    """For whoever watches the process."""
    router = APIRouter(tags=["service"])
    public = APIRouter(route_class=guarded_route(guard, is_public=True))
    private = APIRouter(route_class=guarded_route(guard))

    @public.get("/livez", response_model=schemas.Health, responses=problems())
    async def livez() -> Any:
        """The process answers."""
        return {"status": "ok"}

    @public.get("/readyz", response_model=schemas.Health, responses=problems())
    async def readyz() -> Any:
        """The ledger can be read and the service takes downloads."""
        if not manager.is_ready:
            raise Problem(503, "not_ready", "The service is not running.")
        await manager.call(manager.ledger.read, "SELECT 1")
        return {"status": "ok"}

    @private.get("/metrics", response_class=PlainTextResponse, responses=problems())
    async def metrics() -> PlainTextResponse:
        """Numbers for Prometheus."""
        text = await manager.call(manager.render_metrics)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    router.include_router(public)
    router.include_router(private)
    return router


def _path(request: Request) -> str:
    """Where the service is mounted: the cookie is for nothing else."""
    return request.url.path.removesuffix("/api/session") or "/"
