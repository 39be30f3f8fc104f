"""The locks that the Hugging Face libraries take while they fetch a blob.

Holding them, nobody fetches what we fetch; and what a library is fetching right now, we wait for
and then find. Two of our own processes need no such wait: the engine lets the second one follow
the first one's progress.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from video_censor_personal.hub.inventory import private_folder
from video_censor_personal.store import Store
from video_censor_personal.transfer import CancelToken, PlannedFile

__all__ = ["library_lock", "library_locks"]

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
    store = Store(root, private=private_folder(root))
    largest = sorted(wanted, key=lambda file: -(file.source.size_bytes or 0))[:_MOST_LOCKS]
    waited = False
    with contextlib.ExitStack() as held:
        # In one order for everybody, so that two programs never wait for each other.
        for file in sorted(largest, key=lambda file: file.source.target):
            folder, _, blob = file.source.target.partition("/blobs/")
            path = root / ".locks" / folder / f"{blob}.lock"
            path.parent.mkdir(parents=True, exist_ok=True)
            while not _take(held, path) and not _is_ours(store, file.source.target):
                waited = True
                on_wait(file)
                if cancel.wait(_POLL_S):
                    break
        yield waited


def _take(held: contextlib.ExitStack, path: Path) -> bool:
    """Put a lock among those that are held, if it is free."""
    with contextlib.ExitStack() as attempt:
        if attempt.enter_context(library_lock(path)):
            held.push(attempt.pop_all())
            return True
    return False


@contextlib.contextmanager
def library_lock(path: Path) -> Iterator[bool]:
    """Hold one lock if nobody has it (then True); never waits. The file stays, as theirs do.

    Raises:
        OSError: the file cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    fd = os.open(path, flags, 0o664)
    try:
        yield _lock(fd)
    finally:
        os.close(fd)


def _is_ours(store: Store, target: str) -> bool:
    """Whether it is an engine of this program that works on `target`."""
    try:
        with store.lock(target) as lock:
            return not lock.acquire()
    except OSError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks: the libraries cannot lock there either
        return True
