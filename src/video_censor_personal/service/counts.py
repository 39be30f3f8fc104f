"""How far a running download is: true counts of what the engine says, and speeds."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from video_censor_personal.hub.files import HubFile
from video_censor_personal.service.jobs import FileCount
from video_censor_personal.transfer import FileProgress, Phase

__all__ = ["Counts", "Tally"]

_WINDOW_S = 5.0
_SAMPLE_S = 0.2


@dataclass(frozen=True, slots=True)
class Counts:
    """A download at one moment of one run.

    Attributes:
        done_bytes: of the model's files that are here and not known to be wrong.
        fetched_bytes: that came over the network in this run.
        bytes_per_s: over the last seconds. mean_bytes_per_s: since the first byte of this run.
        retries: tries that failed and were followed by another, in this run.
        is_verifying: everything that moves is being checked, nothing is being fetched.
        note: why the last try failed, or what is waited for.
    """

    done_bytes: int = 0
    total_bytes: int | None = None
    fetched_bytes: int = 0
    bytes_per_s: float = 0.0
    mean_bytes_per_s: float = 0.0
    retries: int = 0
    is_verifying: bool = False
    note: str = ""

    @property
    def eta_s(self) -> float | None:
        """Seconds to go at the present speed; None while that says nothing."""
        if self.total_bytes is None or self.bytes_per_s <= 0:
            return None
        return max(0, self.total_bytes - self.done_bytes) / self.bytes_per_s


class Tally:
    """Adds up the files of one run. The engine's thread writes, any thread reads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._files: dict[str, FileCount] = {}
        self._paths: dict[str, tuple[str, ...]] = {}  # name of a source -> paths in the repository
        self._fetched: dict[str, int] = {}
        self._changed: set[str] = set()
        self._samples: deque[tuple[float, int]] = deque()
        self._began: tuple[float, int] | None = None
        self._retries = 0
        self._note = ""

    def begin(
        self, files: Sequence[HubFile], names: Mapping[str, str], present: Mapping[str, int]
    ) -> None:
        """The files of the run.

        Args:
            names: blob -> name of its source.
            present: blob -> bytes of it that are here already.
        """
        with self._mutex:
            for file in files:
                have = present.get(file.blob, 0)
                name = names[file.blob]
                whole = have >= file.size_bytes and file.blob in present
                state = "present" if whole else Phase.QUEUED.value
                self._files[file.path] = FileCount(file.path, file.size_bytes, have, state)
                self._paths[name] = (*self._paths.get(name, ()), file.path)
                self._changed.add(file.path)

    def __call__(self, progress: FileProgress) -> None:
        """A `transfer.Listener`."""
        with self._mutex:
            self._fetched[progress.name] = progress.fetched_bytes
            for path in self._paths.get(progress.name, ()):
                self._update(path, progress)
            if progress.note:
                self._note = progress.note
            self._sample()

    def hashing(self, name: str, done: int, total: int) -> None:
        """A `transfer.HashListener`: a file that lies here is being read."""
        with self._mutex:
            for path in self._paths.get(name, ()):
                self._files[path] = replace(self._files[path], state=Phase.VERIFYING.value)
                self._changed.add(path)

    def waiting(self, name: str) -> None:
        """Another program fetches a file."""
        with self._mutex:
            self._note = "another program is fetching one of the files"
            for path in self._paths.get(name, ()):
                self._files[path] = replace(self._files[path], state=Phase.WAITING.value)
                self._changed.add(path)

    def counts(self) -> Counts:
        """The sums, now."""
        with self._mutex:
            states = {file.state for file in self._files.values()}
            moving = states & {Phase.FETCHING.value, Phase.RETRYING.value, Phase.WAITING.value}
            self._sample()
            return Counts(
                done_bytes=sum(file.done_bytes for file in self._files.values()),
                total_bytes=sum(f.size_bytes for f in self._files.values())
                if self._files
                else None,
                fetched_bytes=sum(self._fetched.values()),
                bytes_per_s=self._speed(),
                mean_bytes_per_s=self._mean(),
                retries=self._retries,
                is_verifying=Phase.VERIFYING.value in states and not moving,
                note=self._note,
            )

    def files(self) -> tuple[FileCount, ...]:
        """Every file, by path."""
        with self._mutex:
            return tuple(self._files[path] for path in sorted(self._files))

    def take_changed(self) -> tuple[FileCount, ...]:
        """The files that changed since this was last called."""
        with self._mutex:
            changed, self._changed = self._changed, set()
            return tuple(self._files[path] for path in sorted(changed))

    def _update(self, path: str, progress: FileProgress) -> None:
        file = self._files[path]
        tries = file.tries
        if progress.phase is Phase.RETRYING and (file.state, file.note) != (
            progress.phase.value,
            progress.note,
        ):
            tries += 1
            self._retries += 1
        self._files[path] = FileCount(
            path,
            file.size_bytes,
            min(progress.done_bytes, file.size_bytes),
            progress.phase.value,
            tries,
            progress.note or file.note,
        )
        self._changed.add(path)

    def _sample(self) -> None:
        now, fetched = self._clock(), sum(self._fetched.values())
        if self._began is None:
            if not fetched:
                return
            self._began = (now, 0)
        if not self._samples or now - self._samples[-1][0] >= _SAMPLE_S:
            self._samples.append((now, fetched))
        while len(self._samples) > 2 and now - self._samples[0][0] > _WINDOW_S:
            self._samples.popleft()

    def _speed(self) -> float:
        if len(self._samples) < 2:
            return 0.0
        (first, before), now = self._samples[0], self._clock()
        fetched = sum(self._fetched.values())
        return (fetched - before) / (now - first) if now > first else 0.0

    def _mean(self) -> float:
        if self._began is None:
            return 0.0
        seconds = self._clock() - self._began[0]
        return sum(self._fetched.values()) / seconds if seconds > 0 else 0.0
