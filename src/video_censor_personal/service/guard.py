"""The door: every request passes here before anything else looks at it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import Message, Receive

from video_censor_personal.service.problems import Problem
from video_censor_personal.service.rates import RequestRate
from video_censor_personal.service.settings import ServiceSettings
from video_censor_personal.service.tokens import Sessions

__all__ = ["COOKIE", "Authenticate", "Guard"]

COOKIE = "video_censor_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_HEADER_BYTES = 16 << 10
_BODY_S = 10.0

Authenticate = Callable[[Request], bool]


class Guard:
    """Checks host, origin, login, rate and size.

    Args:
        authenticate: another application's way to tell who may come in, instead of our token.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        sessions: Sessions | None,
        authenticate: Authenticate | None = None,
    ) -> None:
        self.sessions = sessions
        self._settings = settings
        self._authenticate = authenticate
        self._rate = RequestRate(settings.requests_per_s, settings.request_burst)

    async def admit(self, request: Request, *, is_public: bool) -> Request:
        """The request with its body read.

        Raises:
            Problem: 401, 403, 408, 413, 421, 429 or 431.
        """
        self._check_host(request)
        if sum(len(name) + len(value) for name, value in request.headers.raw) > _MOST_HEADER_BYTES:
            raise Problem(431, "headers_too_large", "The request's headers are too long.")
        client = self._identify(request, is_public=is_public)
        self._check_origin(request)
        self._rate.spend(client)
        if request.method in _SAFE:
            return request
        body = await self._read(request)
        return Request(request.scope, _replay(body, request.receive))

    def is_signed_in(self, request: Request) -> bool:
        """Whether the request comes from a browser that has a session."""
        session = request.cookies.get(COOKIE, "")
        return self.sessions is not None and bool(session) and self.sessions.is_known(session)

    def _check_host(self, request: Request) -> None:
        """Names that lead here by accident or by rebinding a name are not answered."""
        hosts = self._settings.hosts
        if hosts is None:
            return
        host = request.headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name.casefold() not in hosts:
            raise Problem(
                421,
                "wrong_host",
                "This service is not known under that name; --allow-host adds one.",
            )

    def _identify(self, request: Request, *, is_public: bool) -> str:
        """Who asks, as a key for the rate."""
        address = request.client.host if request.client else "?"
        if self._authenticate is not None:
            if not is_public and not self._authenticate(request):
                raise _login_needed()
            return address
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if self.sessions is not None:
            if scheme.casefold() == "bearer" and self.sessions.is_token(token.strip()):
                return "token"
            if self.is_signed_in(request):
                return hashlib.sha256(request.cookies[COOKIE].encode()).hexdigest()
        if not is_public:
            self._rate.spend(address)
            raise _login_needed()
        return address

    def _check_origin(self, request: Request) -> None:
        """A page of another site cannot act here, whatever its browser sends along."""
        if request.method in _SAFE:
            return
        origin = request.headers.get("origin")
        if origin is not None:
            is_own = _host_of(origin) == request.headers.get("host", "").casefold()
        else:
            is_own = request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        if not is_own:
            raise Problem(403, "wrong_origin", "Another site's page may not do this.")

    async def _read(self, request: Request) -> bytes:
        most = self._settings.body_bytes
        declared = request.headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > most:
            raise _too_large(most)
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_S):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > most:
                        raise _too_large(most)
        except TimeoutError as exc:
            raise Problem(408, "too_slow", "The request's body did not arrive in time.") from exc
        return bytes(body)


def _host_of(origin: str) -> str | None:
    """Host and port of an Origin header; None if it is malformed."""
    try:
        return urlsplit(origin).netloc.casefold()
    except ValueError:
        return None


def _replay(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body that was read already, then what comes."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _login_needed() -> Problem:
    return Problem(
        401,
        "login_needed",
        "Send the service's token as Authorization: Bearer ...",
        headers={"WWW-Authenticate": 'Bearer realm="video-censor"'},
    )


def _too_large(most: int) -> Problem:
    return Problem(413, "body_too_large", f"A request's body may have {most:,} bytes.")
