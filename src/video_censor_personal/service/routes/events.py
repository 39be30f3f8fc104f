"""What happens, as it happens: server-sent events for pages, lines of JSON for `curl`.

A stream begins with what the listener missed since the event in `Last-Event-ID` (or `after`), or
with a `snapshot` of all downloads where that is not known. Then come `state`, `progress` (at most
four a second for each download) and `removed`. Ids survive a restart of the service.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from starlette.responses import StreamingResponse

from video_censor_personal.service.guard import Guard
from video_censor_personal.service.ledger import Event
from video_censor_personal.service.listeners import Listener
from video_censor_personal.service.manager import Manager
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.routing import guarded_route, problems
from video_censor_personal.service.states import ENDED

__all__ = ["event_routes"]

_HEARTBEAT_S = 15.0
_RECONNECT_MS = 1000
_ENDED = frozenset(str(state) for state in ENDED)

After = Annotated[int | None, Query(ge=0, le=2**53)]
LastId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=20)]
Format = Annotated[Literal["sse", "ndjson"] | None, Query()]
Accept = Annotated[str, Header(include_in_schema=False)]

_DESCRIPTION: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "a stream that ends when the client or the service does",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": "id: 7\nevent: progress\ndata: {...}\n\n",
            },
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"id":7,"event":"progress","data":{...}}\n',
            },
        },
    }
}


def event_routes(manager: Manager, guard: Guard) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api", tags=["events"], route_class=guarded_route(guard))

    @router.get("/events", response_class=StreamingResponse, responses=_DESCRIPTION | problems())
    async def events(
        after: After = None, last_id: LastId = None, format: Format = None, accept: Accept = ""
    ) -> StreamingResponse:
        """Everything that happens to downloads."""
        return _answer(manager, None, _cursor(after, last_id), _is_ndjson(format, accept))

    @router.get(
        "/downloads/{job_id}/events",
        response_class=StreamingResponse,
        responses=_DESCRIPTION | problems(404),
    )
    async def job_events(
        job_id: str,
        after: After = None,
        last_id: LastId = None,
        format: Format = None,
        accept: Accept = "",
    ) -> StreamingResponse:
        """What happens to one download; the stream ends with it."""
        await manager.call(manager.downloads.table.get, job_id)
        return _answer(manager, job_id, _cursor(after, last_id), _is_ndjson(format, accept))

    return router


def _answer(
    manager: Manager, job_id: str | None, cursor: int | None, as_ndjson: bool
) -> StreamingResponse:
    # Entered here, so that too many listeners are refused before a stream begins.
    listening = manager.listeners.listen(job_id)
    stream = _Stream(manager, listening, listening.__enter__(), cursor)
    return StreamingResponse(
        stream.encoded(_as_line if as_ndjson else _as_event, b"\n" if as_ndjson else b": ping\n\n"),
        media_type="application/x-ndjson" if as_ndjson else "text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class _Stream:
    """One answer. `cursor` is the last event that the listener has."""

    def __init__(
        self,
        manager: Manager,
        listening: AbstractContextManager[Listener],
        listener: Listener,
        cursor: int | None,
    ) -> None:
        self._manager, self._listening, self._listener = manager, listening, listener
        self._cursor = cursor

    async def encoded(self, encode: Callable[[Event], bytes], ping: bytes) -> AsyncIterator[bytes]:
        """The body."""
        listener, is_over = self._listener, False
        try:
            if encode is _as_event:
                yield b"retry: %d\n\n" % _RECONNECT_MS
            missed, is_over = await self._missed()
            yield b"".join(map(encode, missed))
            while not (is_over or listener.closed):
                fresh = await listener.wait(_HEARTBEAT_S)
                if listener.lost:
                    listener.lost = False
                    self._cursor = None
                    fresh, _ = await self._missed()
                cursor = self._cursor or 0
                fresh = [e for e in fresh if e.kind == "snapshot" or e.id > cursor]
                if fresh:
                    # In one piece: what is sent in many costs many times as much.
                    self._cursor = fresh[-1].id
                    is_over = any(self._ends(event) for event in fresh)
                    yield b"".join(map(encode, fresh))
                elif not listener.closed:
                    yield ping
        finally:
            self._listening.__exit__(None, None, None)

    async def _missed(self) -> tuple[list[Event], bool]:
        """What the listener does not have yet, and whether nothing comes after it."""
        manager, job_id = self._manager, self._listener.job_id
        events, is_over = None, False
        if self._cursor is not None:
            # Asked before the events: an end in between is among them, or comes to the listener.
            is_over = job_id is not None and await manager.call(self._has_ended, job_id)
            events = await manager.call(manager.replay, self._cursor, job_id)
        if events is None:
            last, facts = await manager.call(manager.snapshot, job_id)
            body = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
            events = [Event(last, "snapshot", job_id, body)]
            is_over = self._ends(events[0])
        if events:
            self._cursor = events[-1].id
        return events, is_over

    def _has_ended(self, job_id: str) -> bool:
        try:
            return self._manager.downloads.table.get(job_id).state in ENDED
        except Problem:  # it was removed
            return True

    def _ends(self, event: Event) -> bool:
        """Whether nothing comes after `event`: the one download that is listened to is over."""
        if self._listener.job_id is None:
            return False
        if event.kind == "snapshot":
            (job,) = json.loads(event.body)["downloads"]
            return job["state"] in _ENDED
        return event.kind == "removed" or (
            event.kind == "state" and json.loads(event.body)["state"] in _ENDED
        )


@lru_cache(maxsize=64)  # hundreds may listen to the same
def _as_event(event: Event) -> bytes:
    return f"id: {event.id}\nevent: {event.kind}\ndata: {event.body}\n\n".encode()


@lru_cache(maxsize=64)
def _as_line(event: Event) -> bytes:
    return f'{{"id":{event.id},"event":"{event.kind}","data":{event.body}}}\n'.encode()


def _cursor(after: int | None, last_id: str | None) -> int | None:
    if last_id is not None and last_id.isascii() and last_id.isdigit():
        return int(last_id)
    return after


def _is_ndjson(format: str | None, accept: str) -> bool:
    return format == "ndjson" or (format is None and "application/x-ndjson" in accept)
