"""Has the disk keep up with the line, so that the sync at the end of a large file is short."""

from __future__ import annotations

import contextlib
import threading

from video_censor_personal.transfer.partial import Partial

__all__ = ["Flusher"]

_STEP_BYTES = 16 << 20


class Flusher:
    """A thread that writes a partial file through to the disk every 16 MiB.

    Without it the system keeps gigabytes in memory and the last sync takes as long as the download
    did. An error is raised again by that last sync.
    """

    def __init__(self, partial: Partial) -> None:
        self._partial = partial
        self._landed_bytes = 0
        self._due = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)
        partial.retain()
        self._thread.start()

    def landed(self, count: int) -> None:
        """So many bytes more have been written. Losing a count to another thread is harmless."""
        self._landed_bytes += count
        if self._landed_bytes >= _STEP_BYTES:
            self._landed_bytes = 0
            self._due.set()

    def stop(self) -> None:
        self._stopped = True
        self._due.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, after `stop`."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while True:
                self._due.wait()
                self._due.clear()
                if self._stopped:
                    return
                with contextlib.suppress(OSError):
                    self._partial.sync()
        finally:
            self._partial.release()
