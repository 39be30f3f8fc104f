"""Unfinished files of earlier runs: finding those that nobody works on, and letting go of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from video_censor_personal.errors import ModelCacheError
from video_censor_personal.store.locks import Lock

__all__ = ["Leftover", "leftovers_in", "piece_map_path"]

_MAP_SUFFIX = ".pieces"
# What a map is written as before it gets its name.
_NEW = ".new"


def piece_map_path(partial: Path) -> Path:
    """Where the piece map of a partial file lies: beside it."""
    return partial.with_name(partial.name + _MAP_SUFFIX)


def _files_of(partial: Path) -> tuple[Path, ...]:
    known = piece_map_path(partial)
    return partial, known, known.with_name(known.name + _NEW)


@dataclass(frozen=True, slots=True)
class Leftover:
    """An unfinished file that nobody worked on when it was found.

    `size_bytes` is the room it takes with its piece map, `locks` the folder of its store's locks.
    """

    path: Path
    size_bytes: int
    modified_s: float
    locks: Path

    @classmethod
    def of(cls, path: Path, locks: Path) -> Leftover:
        """What is there now.

        Raises:
            FileNotFoundError: nothing.
        """
        found = [each.stat() for each in _files_of(path) if each.exists()]
        if not found:
            raise FileNotFoundError(path)
        room = sum(getattr(f, "st_blocks", 0) * 512 or f.st_size for f in found)
        return cls(path, room, max(f.st_mtime for f in found), locks)

    def remove(self) -> int | None:
        """Delete it and its piece map; the bytes freed. None: somebody went on with it since, so it
        stays.

        Raises:
            ModelCacheError: it cannot be deleted.
        """
        try:
            with Lock(self.locks, self.path.name) as lock:
                if not lock.acquire() or Leftover.of(self.path, self.locks) != self:
                    return None
                for path in _files_of(self.path):
                    path.unlink(missing_ok=True)
                return self.size_bytes
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise ModelCacheError(
                f"{self.path} cannot be deleted ({exc.strerror})", path=self.path
            ) from exc


def leftovers_in(partials: Path, locks: Path) -> Iterator[Leftover]:
    """The unfinished files in a folder that no living process works on.

    Also a map without its file, as a process leaves it that is killed while it deletes or renames.
    """
    names = (path.name for path in partials.iterdir()) if partials.is_dir() else ()
    for name in sorted({name.removesuffix(_NEW).removesuffix(_MAP_SUFFIX) for name in names}):
        path = partials / name
        with Lock(locks, path.name) as lock:
            if not lock.acquire():
                continue
            with contextlib.suppress(FileNotFoundError):
                yield Leftover.of(path, locks)
