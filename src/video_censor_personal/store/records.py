"""Remembers which files were verified, so that they need not be read again.

An append-only log, one JSON line a file: a line is written in one call, so processes may append
at the same time, and a torn, lost or strange line costs one more hash of that file, nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from video_censor_personal.file_names import check_name

__all__ = ["Fingerprint", "Records"]

log = logging.getLogger(__name__)

_COMPACT_ABOVE_LINES = 256


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a verified file looked like: if all of this is unchanged, so are its bytes.

    `ctime_ns` is what catches a file that was edited and given its old times again.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    algorithm: str
    checksum: str

    @classmethod
    def of(cls, stat: os.stat_result, algorithm: str, checksum: str) -> Fingerprint:
        return cls(
            stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, algorithm, checksum
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fingerprint:
        """The inverse of `to_dict`.

        Raises:
            TypeError: no fingerprint was written like that.
        """
        read = cls(**data)
        kinds = [type(getattr(read, field.name)) for field in fields(cls)]
        if kinds != [int, int, int, int, str, str]:
            raise TypeError("a fingerprint is four whole numbers and two words")
        return read

    def to_dict(self) -> dict[str, object]:
        return {
            "size": self.size,
            "mtime_ns": self.mtime_ns,
            "ctime_ns": self.ctime_ns,
            "inode": self.inode,
            "algorithm": self.algorithm,
            "checksum": self.checksum,
        }

    def matches(self, stat: os.stat_result) -> bool:
        """Whether a file with this `stat` is still the one that was verified."""
        return self == Fingerprint.of(stat, self.algorithm, self.checksum)


class Records:
    """The log at `path`; reading never creates it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._path = str(path)
        self._known: dict[str, Fingerprint] = {}
        self._lines = 0
        self._unusable = 0
        self._read_to = 0
        self._inode = 0
        self._mutex = threading.Lock()

    def get(self, target: str) -> Fingerprint | None:
        with self._mutex:
            self._catch_up()
            return self._known.get(target)

    def known(self, targets: Iterable[str]) -> list[str]:
        """Those of the targets that there is a record of."""
        with self._mutex:
            self._catch_up()
            return [target for target in targets if target in self._known]

    def all(self) -> dict[str, Fingerprint]:
        with self._mutex:
            self._catch_up()
            return dict(self._known)

    def remember(self, verified: Mapping[str, Fingerprint]) -> None:
        """Write that these targets were verified.

        Raises:
            OSError: the log cannot be written.
        """
        self._append(
            b"".join(_line({"target": t, **f.to_dict()}) for t, f in verified.items()), verified
        )

    def forget(self, target: str) -> None:
        """Write that nothing is known of `target` any more.

        Raises:
            OSError: the log cannot be written.
        """
        if self.get(target) is not None:
            self._append(_line({"target": target}), {target: None})

    def compact(self) -> None:
        """Drop the lines that later ones replaced, if they are many, and those that cannot be used.

        Call it under a lock.

        Raises:
            OSError: the log cannot be written.
        """
        with self._mutex:
            self._catch_up()
            if not self._unusable and self._lines < _COMPACT_ABOVE_LINES + 2 * len(self._known):
                return
            fresh = self.path.with_suffix(".new")
            fresh.write_bytes(
                b"".join(_line({"target": t, **f.to_dict()}) for t, f in self._known.items())
            )
            os.replace(fresh, self.path)

    def _append(self, lines: bytes, meaning: Mapping[str, Fingerprint | None]) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        lines = b"\n" + lines  # the first newline ends a line torn by a crash
        while True:
            fd = os.open(self._path, flags, 0o644)
            try:
                os.write(fd, lines)
                end = os.lseek(fd, 0, os.SEEK_CUR)  # of these lines, whoever writes after them
                stat = os.fstat(fd)
                if os.path.samestat(stat, os.stat(self._path)):
                    break  # else another process compacted the log under us: once more
            except FileNotFoundError:
                continue
            finally:
                os.close(fd)
        with self._mutex:
            if (stat.st_ino, end) == (self._inode, self._read_to + len(lines)):
                # Nobody wrote before them: no need to read them back.
                for target, fingerprint in meaning.items():
                    self._set(target, fingerprint)
                self._read_to = end

    def _catch_up(self) -> None:
        try:
            stat = os.stat(self._path)
        except OSError:
            self._begin(0)
            return
        if stat.st_ino != self._inode or stat.st_size < self._read_to:
            self._begin(stat.st_ino)
        if stat.st_size == self._read_to:
            return
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read_to += len(whole)
        before = self._unusable
        for line in whole.split(b"\n"):
            if line:
                self._take(line)
        if self._unusable > before:
            log.warning(
                "%s has %d lines that cannot be used; what they were about is read once more",
                self._path,
                self._unusable - before,
            )

    def _begin(self, inode: int) -> None:
        self._known, self._lines, self._unusable, self._read_to = {}, 0, 0, 0
        self._inode = inode

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            target = entry.pop("target")
            check_name(target)
            self._set(target, Fingerprint.from_dict(entry) if entry else None)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self._unusable += 1  # torn by a crash, or written by nobody we know

    def _set(self, target: str, fingerprint: Fingerprint | None) -> None:
        self._lines += 1
        if fingerprint is not None:
            self._known[target] = fingerprint
        else:
            self._known.pop(target, None)


def _line(entry: dict[str, object]) -> bytes:
    return json.dumps(entry).encode() + b"\n"
