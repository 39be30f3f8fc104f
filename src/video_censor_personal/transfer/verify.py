"""Reads files and compares their checksums, several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from video_censor_personal.store import Store
from video_censor_personal.transfer.cancel import CancelToken
from video_censor_personal.transfer.plan import PlannedFile, Source

__all__ = ["verify"]


def verify(
    sources: Iterable[Source],
    store: Store,
    *,
    deep: bool = False,
    on_hash: Callable[[str, int, int], None] | None = None,
    cancel: CancelToken | None = None,
) -> tuple[PlannedFile, ...]:
    """Say what the disk has of every source, in order, and remember what was right.

    Not `deep`: files with a record are not read. `deep` reads every file, several at once.
    A file that turned out damaged loses its record; nothing is deleted.
    """
    raise NotImplementedError
