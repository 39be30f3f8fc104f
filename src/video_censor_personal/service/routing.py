"""Routes that are guarded, and whose errors are problems, wherever they are mounted.

A middleware would belong to the whole application that mounts the router; this belongs to the
routes.
"""

from __future__ import annotations

import logging
import re
import secrets
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from video_censor_personal.errors import VideoCensorError
from video_censor_personal.service.guard import Guard
from video_censor_personal.service.problems import Problem

__all__ = ["guarded", "guarded_route", "problems", "raising"]

log = logging.getLogger(__name__)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Description = dict[int | str, dict[str, Any]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_MEANINGS = {
    400: "the body is no JSON",
    401: "no token, or a wrong one",
    403: "another site's page, or something that the policy does not permit",
    404: "there is no such thing",
    408: "the body did not arrive in time",
    409: "it is being done already, or cannot be done in this state",
    412: "it changed meanwhile",
    413: "the body is too long",
    421: "the service is not known under that name",
    422: "a value is not what it must be",
    429: "too many; Retry-After says when to try again",
    431: "the headers are too long",
    500: "a fault of the service",
    503: "the service cannot do this now",
}
_BY_STATUS = {
    404: ("no_such_path", "There is nothing here; /docs says what there is."),
    405: ("wrong_method", "Something else can be done here; the header Allow says what."),
}
_ALWAYS = (401, 403, 421, 422, 429, 431, 500, 503)
_WITH_BODY = (400, 408, 413)


def problems(*statuses: int, body: bool = False) -> Description:
    """The `responses` of a route: those of every route, and these."""
    chosen = {*_ALWAYS, *statuses, *(_WITH_BODY if body else ())}
    content = {"application/problem+json": {"schema": _problem_schema()}}
    return {
        status: {"description": _MEANINGS[status], "content": content} for status in sorted(chosen)
    }


async def guarded(
    guard: Guard, request: Request, handler: Handler, *, is_public: bool = False
) -> Response:
    """What `handler` answers to a request that `guard` admits, else why it does not; every answer
    has an id and the headers that all have."""
    request_id = _request_id(request)
    try:
        admitted = await guard.admit(request, is_public=is_public)
        response = await handler(admitted)
    except ClientDisconnect:
        raise
    except Exception as exc:  # noqa: BLE001 - the edge of a request: it is answered
        response = _problem_response(exc, request_id)
    headers = response.headers
    headers["X-Request-ID"] = request_id
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Cache-Control", "no-store")
    return response


def guarded_route(guard: Guard, *, is_public: bool = False) -> type[APIRoute]:
    """The class of routes behind `guard`; public ones want no token."""
    methods: dict[str, set[str]] = {}

    class GuardedRoute(APIRoute):
        def __init__(self, path: str, *args: Any, **options: Any) -> None:
            super().__init__(path, *args, **options)
            methods.setdefault(path, set()).update(self.methods or ())

        def get_route_handler(self) -> Handler:
            handler = super().get_route_handler()

            async def handle(request: Request) -> Response:
                return await guarded(guard, request, handler, is_public=is_public)

            return handle

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await super().handle(scope, receive, send)
            except HTTPException as exc:  # the method: what else goes wrong is answered by then
                allowed = {"Allow": ", ".join(sorted(methods[self.path]))}
                refusal = HTTPException(exc.status_code, exc.detail, allowed)
                request = Request(scope, receive, send)
                response = await guarded(guard, request, raising(refusal), is_public=is_public)
                await response(scope, receive, send)

    return GuardedRoute


def raising(error: Exception) -> Handler:
    """A handler that raises `error`."""

    async def handle(_: Request) -> Response:
        raise error

    return handle


def _problem_response(error: Exception, request_id: str) -> Response:
    """The answer to a request that raised `error`."""
    problem = _problem_of(error, request_id)
    headers = problem.headers
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(problem.retry_after_s)))
    return JSONResponse(
        problem.to_dict() | {"request_id": request_id},
        problem.status,
        headers,
        media_type="application/problem+json",
    )


def _problem_of(error: Exception, request_id: str) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        status = error.status_code
        code, detail = _BY_STATUS.get(status, ("http", f"{error.detail}."))
        return Problem(status, code, detail, headers=error.headers)
    if isinstance(error, sqlite3.Error):
        log.error("request %s: the ledger failed: %s", request_id, error)
        return Problem(503, "ledger_failed", "The service's memory cannot be used right now.")
    if isinstance(error, VideoCensorError):
        log.error("request %s: %s", request_id, error)
        return Problem(503, "cache_unusable", "The cache cannot be used; see the service's log.")
    log.error("request %s failed", request_id, exc_info=error)
    return Problem(500, "internal", f"The service failed; its log says more at {request_id}.")


def _invalid(error: RequestValidationError) -> Problem:
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return Problem(400, "no_json", "The body is not JSON.")
    named = [
        {"at": ".".join(str(part) for part in fault["loc"]), "fault": fault["msg"]}
        for fault in faults[:20]
    ]
    detail = "; ".join(f"{fault['at']}: {fault['fault']}" for fault in named[:3])
    return Problem(422, "invalid", f"{detail}.", faults=named)


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _problem_schema() -> dict[str, Any]:
    """What `application/problem+json` holds."""
    return {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail", "retryable", "request_id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string", "description": "for programs; stays the same"},
            "detail": {"type": "string"},
            "retryable": {"type": "boolean"},
            "request_id": {"type": "string"},
        },
    }
