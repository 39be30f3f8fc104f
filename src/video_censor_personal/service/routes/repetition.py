"""Requests with an `Idempotency-Key`: done once, however often they are sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from video_censor_personal.service.manager import Manager
from video_censor_personal.service.problems import Problem

__all__ = ["Repetition"]


class Repetition:
    """Use it from the event loop."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._at_work: set[str] = set()

    async def run(
        self, key: str | None, request: Any, work: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """What `work` returns, or what it returned when this request came first.

        Raises:
            Problem: 409, the first one is still being answered; 422, the key belongs to another
                request; and whatever `work` raises, which is not remembered.
        """
        manager = self._manager
        if key is None:
            return await manager.call(work)
        if key in self._at_work:
            raise Problem(409, "being_answered", "The same request is being answered right now.")
        self._at_work.add(key)
        try:
            before = await manager.call(manager.answers.find, key, request)
            if before is not None:
                answer: dict[str, Any] = before[1]
                return answer
            answer = await manager.call(work)
            await manager.call(manager.answers.keep, key, request, 202, answer)
            return answer
        finally:
            self._at_work.discard(key)
