"""What clients may hold of the server before they have asked for anything.

uvicorn lets a connection that says nothing stay for ever, and its own limit (`limit_concurrency`)
is looked at only when a request has arrived, counts an event stream twice, and refuses whoever
comes last: a thousand silent connections would shut everyone out. Here a head must come in time,
and where there are too many connections, the one that has been silent the longest makes place.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from video_censor_personal.service.problems import Problem

__all__ = ["Connection", "ExhaustionLog", "limited_to", "room_for_connections"]

log = logging.getLogger(__name__)

_HEAD_S = 10.0
_MOST_CONNECTIONS = 1000
_FEWEST_CONNECTIONS = 16
# Three downloads may hold 250 (files, their maps, sockets), the ledger 60; a burst is accepted
# before it is counted.
_OWN_DESCRIPTORS = 450
_WANTED_DESCRIPTORS = 4096
_LOG_EVERY_S = 60.0
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Connection(H11Protocol):
    """One client's connection. `most` is how many there may be at once."""

    most: ClassVar[int] = _MOST_CONNECTIONS

    _silent_since: float | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()
        if len(self.connections) > self.most:
            self._make_place()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._silent_since = self._silent_since or time.monotonic()
        if self._is_at_work():  # the client had sent the next request already
            self._end_waiting()

    def send_400_response(self, msg: str) -> None:
        """As every answer: a problem. uvicorn's own is plain text without our headers."""
        self._refuse(Problem(400, "no_http", "This is no HTTP request, or its head is too long."))

    def _is_at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _look(self) -> None:
        if self._is_at_work():
            self._end_waiting()
        elif self._deadline is None and not self.transport.is_closing():
            self._expect_head()

    def _expect_head(self) -> None:
        """From now on the client has so long to send the rest of a head, whatever it sends."""
        self._silent_since = self._silent_since or time.monotonic()
        self._deadline = self.loop.call_later(_HEAD_S, self._drop)

    def _end_waiting(self) -> None:
        self._silent_since = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _drop(self) -> None:
        self._end_waiting()
        self.connections.discard(self)
        self.transport.close()

    def _make_place(self) -> None:
        """Drop the connection that has waited longest for a request; if none waits, this one."""
        waiting = [
            (other._silent_since, other)
            for other in self.connections
            if isinstance(other, Connection) and other is not self and other._silent_since
        ]
        if waiting:
            min(waiting, key=lambda each: each[0])[1]._drop()
        else:
            self._end_waiting()
            self._refuse(
                Problem(503, "too_many_connections", "Too many are connected.", retry_after_s=5)
            )

    def _refuse(self, problem: Problem) -> None:
        facts = problem.to_dict() | {"request_id": "-"}
        body = json.dumps(facts).encode()
        head = (
            f"HTTP/1.1 {problem.status} {facts['title']}\r\n"
            "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nX-Request-ID: -\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n"
        )
        if problem.retry_after_s is not None:
            head += f"Retry-After: {problem.retry_after_s:.0f}\r\n"
        self.transport.write(head.encode() + b"\r\n" + body)
        self.transport.close()


def limited_to(most: int) -> type[Connection]:
    """The class of connections of which there may be `most`."""
    return type("LimitedConnection", (Connection,), {"most": most})


def room_for_connections() -> int:
    """How many connections this process has descriptors for, beside its own.

    Raises the process's soft limit first, as far as is useful and permitted.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return _MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    if soft < _WANTED_DESCRIPTORS:
        unlimited = hard == resource.RLIM_INFINITY
        soft = _WANTED_DESCRIPTORS if unlimited else max(soft, min(hard, _WANTED_DESCRIPTORS))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(_FEWEST_CONNECTIONS, min(_MOST_CONNECTIONS, soft - _OWN_DESCRIPTORS))


class ExhaustionLog:
    """An event loop's exception handler that says once a minute that there are no descriptors left.

    asyncio says it for every connection that waits, a thousand times a second.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_s = clock()

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _EXHAUSTED:
            loop.default_exception_handler(context)
        elif self._clock() >= self._next_s:
            self._next_s = self._clock() + _LOG_EVERY_S
            log.error(
                "no new connection can be accepted (%s); those that wait are tried again every "
                "second. Raise the limit of open files (ulimit -n).",
                error.strerror,
            )
