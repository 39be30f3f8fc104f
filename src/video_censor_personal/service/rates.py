"""How many requests one client may make."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from video_censor_personal.service.problems import Problem

__all__ = ["RequestRate"]

_MOST_CLIENTS = 10_000


class RequestRate:
    """A token bucket for each client. Use it from one thread.

    `per_s` requests on average, `burst` at once.
    """

    def __init__(
        self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, client: str) -> None:
        """Count a request of `client`.

        Raises:
            Problem: 429, with the seconds to wait.
        """
        now = self._clock()
        left, at = self._buckets.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - at) * self._per_s)
        self._buckets[client] = (left - 1 if left >= 1 else left, now)
        while len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if left < 1:
            raise Problem(
                429,
                "too_many_requests",
                f"More than {self._per_s:g} requests a second.",
                retry_after_s=max(1.0, (1 - left) / self._per_s),
            )
