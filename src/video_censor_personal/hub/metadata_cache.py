"""Answers of a hub, kept on disk for a while and shared by all processes.

One small file a repository, replaced as a whole: readers need no lock, two writers at once leave
one of two right answers. A file that was read stays parsed in memory and is known to be current by
one `stat`, so a hit costs microseconds however many repositories are kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["MetadataCache", "Remembered"]

_FORMAT = 1
_MOST_IN_MEMORY = 4096
_NAMED = re.compile(r".+-[0-9a-f]{16}\.json(\.[^.]+\.tmp)?")


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer and when it was given, in seconds since the epoch."""

    data: dict[str, Any]
    given_at_s: float

    def age_s(self) -> float:
        """Negative if the clock was turned back since."""
        return time.time() - self.given_at_s


class MetadataCache:
    """Answers about models by endpoint and name. Creating it touches no disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parsed: dict[Path, tuple[tuple[int, int, int], Remembered]] = {}
        self._mutex = threading.Lock()

    def get(self, endpoint: str, name: str) -> Remembered | None:
        """The last answer, however old; None if there is none that can be read."""
        path = self._path(endpoint, name)
        try:
            found = os.stat(path)
        except OSError:
            return None
        # The inode changes with every replacement, also within one tick of the clock.
        look = (found.st_ino, found.st_mtime_ns, found.st_size)
        with self._mutex:
            known = self._parsed.get(path)
        if known is not None and known[0] == look:
            return known[1]
        answer = _read(path, endpoint, name)
        if answer is not None:
            with self._mutex:
                if len(self._parsed) >= _MOST_IN_MEMORY:
                    self._parsed.pop(next(iter(self._parsed)))
                self._parsed[path] = look, answer
        return answer

    def put(self, endpoint: str, name: str, data: dict[str, Any]) -> None:
        """Remember an answer given now.

        Raises:
            OSError: the folder cannot be written.
        """
        entry = {
            "format": _FORMAT,
            "endpoint": endpoint,
            "name": name,
            "given_at_s": time.time(),
            "metadata": data,
        }
        path = self._path(endpoint, name)
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=f"{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(entry, file, separators=(",", ":"))
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def forget(self, endpoint: str, name: str) -> None:
        """Drop one answer, if there is one."""
        self._path(endpoint, name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Drop every answer, and what a killed writer left; other files are left alone."""
        with contextlib.suppress(FileNotFoundError):
            for path in self.folder.iterdir():
                if _NAMED.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    def _path(self, endpoint: str, name: str) -> Path:
        # The digest, not the readable part, keeps names apart: "a/b--c" and "a--b/c", capitals on
        # file systems without them, and one name on two endpoints.
        digest = hashlib.sha256(f"{endpoint}\0{name}".encode()).hexdigest()[:16]
        return self.folder / f"{name.replace('/', '--')}-{digest}.json"


def _read(path: Path, endpoint: str, name: str) -> Remembered | None:
    """What a file holds; None for one that is gone, damaged, or about something else."""
    try:
        entry = json.loads(path.read_bytes())
        right = (entry["format"], entry["endpoint"], entry["name"]) == (_FORMAT, endpoint, name)
        if right and isinstance(entry["metadata"], dict):
            return Remembered(entry["metadata"], float(entry["given_at_s"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None
