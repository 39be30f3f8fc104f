"""Checksums by name, and hashing files on disk."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

from video_censor_personal.errors import ConfigError

__all__ = ["GIT_BLOB", "Hasher", "check_algorithm", "check_checksum", "hash_file", "new_hasher"]

GIT_BLOB = "git-blob-sha1"

# Hex digits of each digest.
_HEX_DIGITS = {
    "md5": 32,
    "sha1": 40,
    "sha256": 64,
    "sha512": 128,
    "blake2b": 128,
    "blake3": 64,
    GIT_BLOB: 40,
}
_HEX = re.compile("[0-9a-f]+")
_READ_BYTES = 1 << 20


class Hasher(Protocol):
    """What `hashlib` objects are."""

    def update(self, data: bytes | bytearray | memoryview, /) -> object: ...

    def hexdigest(self) -> str: ...

    def copy(self) -> Self: ...


def check_algorithm(algorithm: str) -> None:
    """Make sure that `algorithm` can be computed here.

    Raises:
        ConfigError: it is unknown, or its package is not installed.
    """
    if algorithm not in _HEX_DIGITS:
        raise ConfigError(
            f"unknown checksum algorithm {algorithm!r}; known are {', '.join(_HEX_DIGITS)}",
            key="algorithm",
        )
    if algorithm == "blake3" and importlib.util.find_spec("blake3") is None:
        raise ConfigError(
            "checksums with blake3 need a package: pip install 'video-censor-personal[blake3]'",
            key="algorithm",
        )


def check_checksum(algorithm: str, checksum: str) -> None:
    """Make sure that `checksum` is lower-case hex of the right length.

    Raises:
        ConfigError: it is not.
    """
    digits = _HEX_DIGITS[algorithm]
    if len(checksum) != digits or not _HEX.fullmatch(checksum):
        raise ConfigError(
            f"{checksum!r} is no {algorithm} checksum: it has {digits} lower-case hex digits",
            key="checksum",
        )


def new_hasher(algorithm: str, size_bytes: int | None = None) -> Hasher:
    """A fresh hash; `size_bytes` is needed for git blobs, whose hash begins with it."""
    if algorithm == GIT_BLOB:
        if size_bytes is None:
            raise ConfigError("a git-blob-sha1 checksum needs size_bytes", key="size_bytes")
        return hashlib.sha1(f"blob {size_bytes}\0".encode(), usedforsecurity=False)
    if algorithm == "blake3":
        import blake3

        fresh: Hasher = blake3.blake3()
        return fresh
    return hashlib.new(algorithm, usedforsecurity=False)


def hash_file(
    path: Path,
    algorithm: str,
    on_bytes: Callable[[int], None],
    stopped: Callable[[], bool] = lambda: False,
) -> str | None:
    """Hex digest of a file; None if `stopped()` became true on the way.

    `on_bytes(n)` is called for every n bytes read.

    Raises:
        OSError: the file cannot be read.
    """
    buffer = memoryview(bytearray(_READ_BYTES))
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        hasher = new_hasher(algorithm, size)
        while count := file.readinto(buffer):
            if stopped():
                return None
            hasher.update(buffer[:count])
            on_bytes(count)
    return hasher.hexdigest()
