"""The small files of a run that wait for a batch, and how many of them go into one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from video_censor_personal.transfer.batch import Batch
from video_censor_personal.transfer.outcome import FileProgress, Outcome, Phase, Status
from video_censor_personal.transfer.plan import PlannedFile

__all__ = ["SmallFiles"]

# How long a batch should take: its files get their names at its end.
_BATCH_S = 0.025
# How many files all batches together may hold open, twice: partials and, on some systems, locks.
_MOST_OPEN = 64
# After trouble files get jobs, one by one, for so long.
_REST_S = 1.0


class SmallFiles:
    """Batches, what is left for them, and what became of it. Not locked: the run is.

    Attributes:
        outcomes: by name, of the files that ended here and not in a job.
    """

    def __init__(self, files: Iterable[PlannedFile] = ()) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._waiting = deque(files)
        self._underway: dict[Batch, float] = {}
        self._untold: list[Outcome] = []
        self._files_a_batch = 1
        self._rests_until = 0.0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def underway(self) -> Iterable[Batch]:
        return self._underway

    def take(self, now: float, workers: int) -> Batch | None:
        """A batch for one of so many workers; None if none is left, or after a failure."""
        if not self._waiting or now < self._rests_until:
            return None
        share = len(self._waiting) // (2 * workers)
        count = max(1, min(self._files_a_batch, _MOST_OPEN // workers, share))
        batch = Batch([self._waiting.popleft() for _ in range(count)])
        self._underway[batch] = now
        return batch

    def pop(self) -> PlannedFile:
        """One that waits, for a job of its own."""
        return self._waiting.popleft()

    def end(self, batch: Batch, now: float) -> bool:
        """A batch is over; whether it still counts (else its files were cancelled meanwhile)."""
        began = self._underway.pop(batch, None)
        if began is None:
            return False
        self._tell(batch.outcomes)
        self._waiting.extendleft(reversed(batch.unfinished))
        if batch.troubled:
            self._rests_until, self._files_a_batch = now + _REST_S, 1
        else:
            fitting = int(_BATCH_S * len(batch.outcomes) / max(1e-6, now - began))
            self._files_a_batch = max(1, min(fitting, 2 * self._files_a_batch))
        return True

    def cancel(self) -> None:
        """End what has not ended."""
        given_up = [*self._waiting]
        for batch in self._underway:
            self._tell(batch.outcomes)
            given_up += [*batch.unfinished, *(file for file, _ in batch.left)]
        self._waiting.clear()
        self._underway.clear()
        self._tell([Outcome(f.source, Status.CANCELLED, f.path) for f in given_up])

    def progress(self) -> Iterator[FileProgress]:
        """Where those stand that are on their way, and once more those that have ended."""
        for batch in self._underway:
            if (now := batch.progress) is not None:
                yield now
        ended, self._untold = self._untold, []
        for outcome in ended:
            size, done = outcome.source.size_bytes, outcome.fetched_bytes
            phase = Phase.DONE if outcome.ok else Phase.CANCELLED
            yield FileProgress(outcome.source.name, phase, done, size, done)

    def _tell(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self.outcomes[outcome.source.name] = outcome
            self._untold.append(outcome)
