"""Hands events to whoever listens, without ever waiting for one who is slow.

Every listener has a short queue of its own. A newer progress of a job takes the place of an older
one that was not picked up; who lets even the other events pile up is told to start over from a
snapshot. Events are encoded once for all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from video_censor_personal.service.ledger import Event
from video_censor_personal.service.problems import Problem

__all__ = ["Listener", "Listeners"]

_LONGEST_QUEUE = 128


class Listener:
    """One stream of events. Use it from the event loop only.

    Attributes:
        job_id: whose events are wanted; None: everyone's.
        lost: events were dropped; a snapshot is needed.
        closed: the service stops.
    """

    __slots__ = ("_ready", "_waiting", "closed", "job_id", "lost")

    def __init__(self, job_id: str | None) -> None:
        self.job_id: Final = job_id
        self.lost = False
        self.closed = False
        self._waiting: OrderedDict[object, Event] = OrderedDict()
        self._ready = asyncio.Event()

    def offer(self, event: Event) -> None:
        """Queue an event if it is wanted."""
        if self.job_id not in (None, event.job_id):
            return
        # In order of their ids: a progress that is replaced moves to the end.
        key: object = event.job_id if event.kind == "progress" else event.id
        self._waiting.pop(key, None)
        self._waiting[key] = event
        if len(self._waiting) > _LONGEST_QUEUE:
            self._waiting.clear()
            self.lost = True
        self._ready.set()

    def close(self) -> None:
        self.closed = True
        self._ready.set()

    async def wait(self, seconds: float) -> list[Event]:
        """What has come, oldest first; empty after `seconds` without anything, or when closed."""
        if not self._waiting and not self.lost and not self.closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), seconds)
        self._ready.clear()
        events = list(self._waiting.values())
        self._waiting.clear()
        return events


class Listeners:
    """All streams of a service. `publish` may be called from any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: set[Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = True

    def __len__(self) -> int:
        return len(self._all)

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open: from now on events go to listeners of this loop."""
        self._loop, self._closed = loop, False

    def publish(self, events: list[Event]) -> None:
        """Hand events to everyone."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._hand_out, events)

    def close(self) -> None:
        """End every stream. From the event loop."""
        self._closed = True
        for listener in self._all:
            listener.close()

    @contextlib.contextmanager
    def listen(self, job_id: str | None) -> Iterator[Listener]:
        """A new stream.

        Raises:
            Problem: 503, there are too many, or the service does not run (any more).
        """
        if self._closed:
            raise Problem(503, "not_ready", "The service is not running.", retry_after_s=5)
        if len(self._all) >= self._most:
            raise Problem(
                503, "too_many_listeners", "Too many event streams are open.", retry_after_s=5
            )
        listener = Listener(job_id)
        self._all.add(listener)
        try:
            yield listener
        finally:
            self._all.discard(listener)

    def _hand_out(self, events: list[Event]) -> None:
        for listener in self._all:
            for event in events:
                listener.offer(event)
