"""What the transfer engine reports, told to those who asked the model manager."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from video_censor_personal.progress import Listener, Progress, ignore
from video_censor_personal.transfer import FileProgress, Phase

__all__ = ["ModelProgress", "ProgressCallback"]

log = logging.getLogger(__name__)

ProgressCallback = Callable[[str, int, int], None]
"""`(name, done_bytes, total_bytes)`; the total is 0 while the server has not said it."""

_MOVING = (Phase.WAITING, Phase.FETCHING, Phase.RETRYING, Phase.VERIFYING, Phase.DONE)


class ModelProgress:
    """Hands the counts of one run to a callback and to a `progress.Listener`, unrounded.

    Models that were there already are not reported: nothing arrives for them.
    """

    def __init__(
        self,
        callback: ProgressCallback | None = None,
        listener: Listener = ignore,
    ) -> None:
        self._callback, self._listener = callback, listener
        self._watched: Collection[str] = ()
        self._notes: dict[str, tuple[Phase, str]] = {}

    def watch(self, names: Collection[str]) -> None:
        """Report these models from now on: the ones that have to be fetched."""
        self._watched = names

    def on_hash(self, name: str, done: int, total: int) -> None:
        """A file on disk is being read to compare its checksum."""
        self._listener(Progress(f"checking {name}", done, total, "B", finished=done >= total))

    def on_transfer(self, progress: FileProgress) -> None:
        """A `transfer.Listener`."""
        if progress.name not in self._watched:
            return
        self._log(progress)
        if progress.phase not in _MOVING:
            return
        if self._callback is not None:
            self._callback(progress.name, progress.done_bytes, progress.total_bytes or 0)
        self._listener(
            Progress(
                progress.name,
                progress.done_bytes,
                progress.total_bytes,
                "B",
                finished=progress.phase is Phase.DONE,
            )
        )

    def _log(self, progress: FileProgress) -> None:
        """Say once why a model does not move."""
        state = (progress.phase, progress.note)
        if self._notes.get(progress.name) == state:
            return
        self._notes[progress.name] = state
        if progress.phase is Phase.RETRYING:
            log.warning("%s: %s", progress.name, progress.note or "trying again")
        elif progress.phase is Phase.WAITING:
            log.warning("%s: another process is downloading it; waiting", progress.name)
