"""One look at one file on the disk: is it there, is it right, is it a part?"""

from __future__ import annotations

import os
from dataclasses import replace

from video_censor_personal.errors import ModelCacheError
from video_censor_personal.store import Store
from video_censor_personal.transfer.checksum import hash_file
from video_censor_personal.transfer.partial import known_pieces
from video_censor_personal.transfer.pieces import (
    SMALL_BYTES,
    Identity,
    piece_size_for,
    read_piece_map,
)
from video_censor_personal.transfer.plan import FileState, PlannedFile, accepts
from video_censor_personal.transfer.reservation import allocated_bytes
from video_censor_personal.transfer.source import Source

__all__ = ["Look", "looks_of"]


def looks_of(found: os.stat_result | None) -> tuple[int, int, int] | None:
    """What shows that a file was changed: `PlannedFile.read_as`; None: it is not there."""
    return None if found is None else (found.st_size, found.st_mtime_ns, found.st_ino)


class Look:
    """One look at one file. `done_bytes` of `total_bytes` have been hashed.

    What stands in the way of it concerns this file alone: that is its state.
    """

    def __init__(self, source: Source, store: Store) -> None:
        self.source, self.store = source, store
        self.path = store.path(source.target)
        self.done_bytes = 0
        self.total_bytes = 0
        self._expected = ("", "")
        self.stopped = False

    def decide(self, *, deep: bool) -> PlannedFile:
        """What the disk has, reading the file if need be."""
        return self.glance(deep=deep) or self.read()

    def glance(self, *, deep: bool) -> PlannedFile | None:
        """What the disk has, or None if only reading the file can tell.

        Raises:
            FileNotFoundError: what was there has just been moved; look again.
        """
        try:
            return self._glance(deep=deep)
        except FileNotFoundError:
            raise
        except (OSError, ModelCacheError) as exc:
            return self._unreadable(exc)

    def _glance(self, *, deep: bool) -> PlannedFile | None:
        source = self.source
        found = self.store.stat(source.target)
        if found is None:
            return self._absent()
        if source.size_bytes not in (None, found.st_size):
            return self._damaged(f"it has {found.st_size:,} bytes instead of {source.size_bytes:,}")
        record = self.store.fingerprint(source.target)
        if record is not None and not deep:
            if accepts(source, record):
                return self._verified(found.st_size, record.checksum)
            if record.algorithm == source.algorithm:
                return self._wrong(record.checksum)
        if source.checksum is None:
            if record is None:
                return self._damaged("it was never verified, and its checksum is not known")
            self._expected = (record.algorithm, record.checksum)
        else:
            self._expected = (source.algorithm, source.checksum)
        self.total_bytes = found.st_size
        return None

    def read(self) -> PlannedFile:
        """Hash the file; call it after `glance` could not tell."""
        try:
            return self._read()
        except FileNotFoundError:  # it was removed just now
            return self._absent()
        except (OSError, ModelCacheError) as exc:
            return self._unreadable(exc)

    def _read(self) -> PlannedFile:
        algorithm, expected = self._expected
        before = looks_of(self.store.stat(self.source.target))
        digest = hash_file(self.path, algorithm, self._count, lambda: self.stopped)
        if digest is None:
            return self._damaged("it was not looked at: cancelled")
        if looks_of(self.store.stat(self.source.target)) != before:
            return self._damaged("it was changed while it was read")
        if digest != expected:
            return self._wrong(digest)
        return replace(self._verified(self.total_bytes, digest), read_as=before)

    def _count(self, count: int) -> None:
        self.done_bytes += count

    def _verified(self, size: int, digest: str) -> PlannedFile:
        return PlannedFile(
            self.source,
            self.path,
            FileState.VERIFIED,
            have_bytes=size,
            missing_bytes=0,
            digest=digest,
            record=self.store.fingerprint(self.source.target),
        )

    def _unreadable(self, error: OSError | ModelCacheError) -> PlannedFile:
        reason = str(error)
        if isinstance(error, OSError):
            reason = (
                f"{error.filename or self.path} cannot be read ({error.strerror}). Make it and its "
                "folders readable, or remove it and fetch it again."
            )
        return PlannedFile(
            self.source, self.path, FileState.UNREADABLE, missing_bytes=0, reason=reason
        )

    def _wrong(self, digest: str) -> PlannedFile:
        return self._damaged(
            f"its {self.source.algorithm} checksum is {digest} instead of {self.source.checksum}",
            digest,
        )

    def _damaged(self, reason: str, digest: str | None = None) -> PlannedFile:
        kept = read_piece_map(self.store.kept_map_path(self.source.target))
        repairable = kept is not None and kept.identity == self._identity()
        found = self.store.stat(self.source.target)
        return PlannedFile(
            self.source,
            self.path,
            FileState.DAMAGED,
            missing_bytes=self.source.size_bytes,
            reserved_bytes=found.st_size if found is not None and repairable else 0,
            reason=reason,
            digest=digest,
            record=self.store.fingerprint(self.source.target),
        )

    def _absent(self) -> PlannedFile:
        source = self.source
        if os.path.isdir(self.path):
            return self._damaged("a folder lies in its place")
        identity = self._identity()
        pieces = None
        if identity is None or identity.size > SMALL_BYTES:
            partial = self.store.partial_path(source.target)
            pieces = known_pieces(partial, identity)
        if pieces is None:
            return PlannedFile(
                source, self.path, FileState.MISSING, missing_bytes=source.size_bytes
            )
        have, held = pieces.have_bytes, allocated_bytes(partial)
        return PlannedFile(
            source,
            self.path,
            FileState.PARTIAL if have else FileState.MISSING,
            have_bytes=have,
            missing_bytes=pieces.identity.size - have,
            reserved_bytes=max(0, min(held, pieces.identity.size) - have),
        )

    def _identity(self) -> Identity | None:
        source = self.source
        if source.size_bytes is None or source.checksum is None:
            return None
        piece = piece_size_for(source.size_bytes)
        return Identity(source.size_bytes, piece, source.algorithm, source.checksum)
