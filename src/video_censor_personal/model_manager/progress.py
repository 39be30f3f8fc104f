"""What the transfer engine reports, told to those who asked the model manager."""

from __future__ import annotations

import logging
from collections.abc import Callable

from video_censor_personal.progress import Listener, Progress, ignore
from video_censor_personal.transfer import FileProgress, Phase

__all__ = ["ModelProgress", "ProgressCallback"]

log = logging.getLogger(__name__)

ProgressCallback = Callable[[str, int, int], None]
"""`(name, done_bytes, total_bytes)`; the total is 0 while the server has not said it."""

_MOVING = (Phase.WAITING, Phase.FETCHING, Phase.RETRYING, Phase.VERIFYING)


class ModelProgress:
    """Hands the counts of one run to a callback and to a `progress.Listener`, unrounded.

    Models that were there already are not reported: nothing arrives for them.
    """

    def __init__(
        self, callback: ProgressCallback | None = None, listener: Listener = ignore
    ) -> None:
        self._callback, self._listener = callback, listener
        self._moved: set[str] = set()
        self._notes: dict[str, tuple[Phase, str]] = {}

    def on_hash(self, name: str, done: int, total: int) -> None:
        """A file on disk is being read to compare its checksum."""
        self._listener(Progress(f"checking {name}", done, total, "B", finished=done >= total))

    def on_transfer(self, progress: FileProgress) -> None:
        """A `transfer.Listener`."""
        self._log(progress)
        is_done = progress.phase is Phase.DONE
        if progress.phase in _MOVING or (is_done and progress.fetched_bytes):
            self._moved.add(progress.name)
        elif not is_done or progress.name not in self._moved:
            return
        done, total = progress.done_bytes, progress.total_bytes
        if self._callback is not None:
            self._callback(progress.name, done, total or 0)
        self._listener(Progress(progress.name, done, total, "B", finished=is_done))

    def _log(self, progress: FileProgress) -> None:
        """Say once why a model does not move."""
        state = (progress.phase, progress.note)
        if self._notes.get(progress.name) == state:
            return
        self._notes[progress.name] = state
        if progress.phase is Phase.RETRYING:
            log.warning("%s: %s", progress.name, progress.note or "trying again")
        elif progress.phase is Phase.WAITING:
            owner = progress.note or "another process is fetching it"
            log.warning("%s: %s; waiting for that", progress.name, owner)
