"""Servers that give nothing: a thousand files of one need not all be tried to the end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Collection, Iterator

from video_censor_personal.transfer.faults import Fault, StatusFault

__all__ = ["Hopeless"]

# What has just failed may be about to answer somebody else.
_SURE_AFTER_S = 1.0


class Hopeless:
    """Origins that failed until all tries were used, and gave nothing since. For all threads.

    Whether one that does not answer at all has come back, one request at a time finds out: whoever
    would ask meanwhile may as well give up.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._faults: dict[str, tuple[Fault, float]] = {}
        self._asked: set[str] = set()

    def add(self, origin: str, fault: Fault) -> None:
        """All tries ended, the last one with this fault."""
        with self._mutex:
            since = self._faults[origin][1] if origin in self._faults else time.monotonic()
            self._faults[origin] = fault, since

    def discard(self, origin: str) -> None:
        """It answered."""
        if origin in self._faults:
            with self._mutex:
                self._faults.pop(origin, None)

    def covers(self, origins: Collection[str]) -> bool:
        return all(origin in self._faults for origin in origins)

    def first_request(self, origin: str) -> contextlib.AbstractContextManager[None]:
        """Around the first request for a file.

        Raises (when entered):
            Fault: as the last one, if somebody else is just finding out whether that has changed.
        """
        return self._finding_out(origin) if origin in self._faults else contextlib.nullcontext()

    @contextlib.contextmanager
    def _finding_out(self, origin: str) -> Iterator[None]:
        with self._mutex:
            fault, since = self._faults.get(origin, (None, 0.0))
            finds_out = fault is not None and not isinstance(fault, StatusFault)
            if finds_out and origin in self._asked and time.monotonic() - since > _SURE_AFTER_S:
                raise Fault(str(fault))
            if finds_out:
                self._asked.add(origin)
        try:
            yield
        finally:
            if finds_out:
                with self._mutex:
                    self._asked.discard(origin)
