"""A token that one thread sets to make others stop soon."""

from __future__ import annotations

import threading

__all__ = ["CancelToken"]


class CancelToken:
    """Set it from any thread; work that was handed it stops in well under a second."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop. Idempotent."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds`, or until cancelled; True if cancelled."""
        return self._event.wait(seconds)
