"""The locks that the Hugging Face libraries take while they fetch a blob.

Holding them, nobody fetches what we fetch; and what a library is fetching right now, we wait for
and then find. Two of our own processes need no such wait: the engine lets the second one follow
the first one's progress.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from video_censor_personal.store import Lock
from video_censor_personal.transfer import CancelToken, PlannedFile

__all__ = ["library_locks"]

# Each lock is an open file, and many systems allow 1,024 of them; fetching a small file twice
# costs less than a lock.
_MOST_LOCKS = 128
_POLL_S = 0.1


@contextlib.contextmanager
def library_locks(
    root: Path,
    wanted: Sequence[PlannedFile],
    *,
    cancel: CancelToken,
    on_wait: Callable[[PlannedFile], None],
) -> Iterator[bool]:
    """Hold the locks of the largest of these blobs of the cache in `root`.

    Gives True if another program was at one of them: what it fetched has to be looked at again.
    `on_wait` is called several times a second while waiting for one.

    Raises:
        OSError: the cache cannot be written.
    """
    largest = sorted(wanted, key=lambda file: -(file.source.size_bytes or 0))[:_MOST_LOCKS]
    waited = False
    with contextlib.ExitStack() as held:
        # In one order for everybody, so that two programs never wait for each other.
        for file in sorted(largest, key=lambda file: file.source.target):
            lock = _lock_of(root, file)
            held.enter_context(lock)
            while not lock.acquire():
                if lock.owner() is not None:  # one of us: only we write who holds it
                    break
                waited = True
                on_wait(file)
                if cancel.wait(_POLL_S):
                    break
        yield waited


def _lock_of(root: Path, file: PlannedFile) -> Lock:
    folder, _, blob = file.source.target.partition("/blobs/")
    place = root / ".locks" / folder
    place.mkdir(parents=True, exist_ok=True)
    return Lock(place / f"{blob}.lock")
