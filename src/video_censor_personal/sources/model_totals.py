"""Progress of files, added up to progress of models."""

from __future__ import annotations

from collections.abc import Mapping

from video_censor_personal.transfer import FileProgress, Listener, Phase, PlannedFile

__all__ = ["ModelTotals"]


class ModelTotals:
    """A `transfer.Listener` for files that tells `listener` about whole models.

    Args:
        models: name of a file's source -> its model.
        sizes: model -> bytes of all its files.
        present: model -> bytes that were there before anything was fetched.
    """

    def __init__(
        self,
        listener: Listener | None,
        models: Mapping[str, str],
        sizes: Mapping[str, int],
        present: Mapping[str, int],
    ) -> None:
        self._listener, self._models, self._sizes = listener, models, sizes
        self._done = dict(present)
        self._fetched: dict[str, int] = dict.fromkeys(sizes, 0)
        self._last: dict[str, FileProgress] = {}

    def __call__(self, progress: FileProgress) -> None:
        model = self._models[progress.name]
        last = self._last.get(progress.name)
        self._last[progress.name] = progress
        self._done[model] += progress.done_bytes - (last.done_bytes if last else 0)
        self._fetched[model] += progress.fetched_bytes - (last.fetched_bytes if last else 0)
        if progress.phase in (Phase.QUEUED, Phase.FAILED, Phase.CANCELLED):
            return
        # A model is done when it is published, not with one of its files.
        phase = Phase.FETCHING if progress.phase is Phase.DONE else progress.phase
        self._tell(model, phase, progress.connections, progress.note)

    def waiting(self, file: PlannedFile) -> None:
        """Another program fetches `file`."""
        self._tell(self._models[file.source.name], Phase.WAITING, 0, "another program fetches it")

    def finish(self, model: str) -> None:
        """Every file of the model is there and it lies under its name."""
        self._done[model] = self._sizes[model]
        self._tell(model, Phase.DONE, 0, "")

    def _tell(self, model: str, phase: Phase, connections: int, note: str) -> None:
        if self._listener is not None:
            self._listener(
                FileProgress(
                    name=model,
                    phase=phase,
                    done_bytes=self._done[model],
                    total_bytes=self._sizes[model],
                    fetched_bytes=self._fetched[model],
                    connections=connections,
                    note=note,
                )
            )
