"""Keeps repositories of a cache from being deleted while something fetches them.

A file that has arrived has no link yet and looks like one that nobody needs, until the last of its
snapshot is there. Whoever fetches sits down on one of a repository's seats, whoever deletes needs
all of them; a seat is a lock that ends with its process.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from video_censor_personal.errors import ModelDownloadError
from video_censor_personal.hub.inventory import folder_name, names_in, private_folder
from video_censor_personal.hub.library_locks import library_lock
from video_censor_personal.store import Lock
from video_censor_personal.transfer import CancelToken

__all__ = ["alone", "in_use"]

log = logging.getLogger(__name__)

# As many programs can fetch from one repository at once; one more waits for one of them.
_SEATS = 16
_POLL_S = 0.1


@contextlib.contextmanager
def in_use(root: Path, names: Iterable[str], cancel: CancelToken) -> Iterator[None]:
    """While this is held, `alone` refuses these repositories of the cache in `root`."""
    with contextlib.ExitStack() as held:
        try:
            for name in sorted(set(names)):
                _sit_down(held, root, name, cancel)
        except OSError as exc:
            # What cannot be written cannot be fetched to, nor deleted from.
            log.info("%s cannot be written (%s): what is there is used", root, exc.strerror)
        yield


@contextlib.contextmanager
def alone(root: Path, name: str) -> Iterator[None]:
    """Hold a repository that nothing fetches; whoever begins meanwhile waits.

    Raises:
        ModelDownloadError: something fetches it right now.
        OSError: the cache cannot be written.
    """
    with contextlib.ExitStack() as held:
        for seat in _seats(root, name):
            if not seat.acquire():
                raise ModelDownloadError(
                    f"{name} is being downloaded by {seat.owner() or 'another process'}. "
                    "Stop that first.",
                    model=name,
                    path=root / folder_name(name),
                )
            held.callback(seat.release)
        folder = root / ".locks" / folder_name(name)
        for file in names_in(folder):
            if not held.enter_context(library_lock(folder / file)):
                raise ModelDownloadError(
                    f"{name} is being downloaded by another program. Stop that first.",
                    model=name,
                    path=root / folder_name(name),
                )
        yield


def _sit_down(held: contextlib.ExitStack, root: Path, name: str, cancel: CancelToken) -> None:
    while True:
        for seat in _seats(root, name):
            if seat.acquire():
                held.callback(seat.release)
                return
        if cancel.wait(_POLL_S):
            return


def _seats(root: Path, name: str) -> list[Lock]:
    # A folder of their own: locks of one folder may share a slot, and who fetches takes both kinds.
    folder = private_folder(root) / "leases"
    folder.mkdir(parents=True, exist_ok=True)
    seats = [Lock(folder, f"{name} {number}") for number in range(_SEATS)]
    # Of one repository in 550, two seats are one.
    return list({seat.place: seat for seat in seats}.values())
