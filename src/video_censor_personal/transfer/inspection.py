"""Looks at the disk: what of the wanted files is there, and is it right?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import replace

from video_censor_personal.errors import ConfigError, ModelCacheError
from video_censor_personal.file_names import collision_key
from video_censor_personal.store import Store
from video_censor_personal.transfer.cancel import CancelToken
from video_censor_personal.transfer.checksum import hash_file
from video_censor_personal.transfer.partial import known_pieces
from video_censor_personal.transfer.pieces import (
    SMALL_BYTES,
    Identity,
    piece_size_for,
    read_piece_map,
)
from video_censor_personal.transfer.plan import FileState, Plan, PlannedFile, accepts
from video_censor_personal.transfer.reservation import allocated_bytes
from video_censor_personal.transfer.source import Source

__all__ = ["HashListener", "inspect", "make_plan", "verify"]

HashListener = Callable[[str, int, int], None]

_TICK_S = 0.1


def inspect(source: Source, store: Store, *, deep: bool = False) -> PlannedFile:
    """Say what the disk has of `source`, changing nothing.

    A file that was verified before is recognised by its record without reading it, unless `deep`.

    Raises:
        ConfigError: the target's name is unsafe.
    """
    return _Look(source, store).decide(deep=deep)


def make_plan(
    sources: Iterable[Source],
    store: Store,
    *,
    deep: bool = False,
    on_hash: HashListener | None = None,
    cancel: CancelToken | None = None,
) -> Plan:
    """Find out what is there and what has to be fetched, before any byte moves.

    Files without a record are hashed, several at once; `on_hash(name, done_bytes, total_bytes)`
    is told while that goes on, from the calling thread. Files that were not looked at when
    `cancel` was set count as damaged.

    Raises:
        ConfigError: two sources share a name or a target, or a target would leave the store.
    """
    wanted = tuple(sources)
    _refuse_doubles(wanted)
    files = _inspect_all(wanted, store, deep=deep, on_hash=on_hash, cancel=cancel)
    return Plan(store, files, store.free_bytes())


def verify(
    sources: Iterable[Source],
    store: Store,
    *,
    deep: bool = False,
    on_hash: HashListener | None = None,
    cancel: CancelToken | None = None,
) -> tuple[PlannedFile, ...]:
    """Say what the disk has of every source, in order, and remember what was right.

    `deep` reads every file; else those with a record are not read. A file that turned out damaged
    loses its record; nothing is deleted.
    """
    cancel = cancel or CancelToken()
    files = _inspect_all(tuple(sources), store, deep=deep, on_hash=on_hash, cancel=cancel)
    for file in () if cancel.cancelled else files:
        remember(file, store)
    return files


def remember(file: PlannedFile, store: Store) -> None:
    """Bring the records up to date with what was seen of `file`."""
    target, source = file.source.target, file.source
    if file.state is FileState.DAMAGED and file.record is not None:
        store.forget(target)
    elif file.state is FileState.VERIFIED and file.digest and not file.record and _made(store):
        if file.read_as is not None and file.read_as != _identity(store.stat(target)):
            return  # it is no longer what was read
        store.remember(target, source.digest_algorithm, file.digest)


def _identity(found: os.stat_result | None) -> tuple[int, int, int] | None:
    return None if found is None else (found.st_size, found.st_mtime_ns, found.st_ino)


class _Look:
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
        before = _identity(self.store.stat(self.source.target))
        digest = hash_file(self.path, algorithm, self._count, lambda: self.stopped)
        if digest is None:
            return self._damaged("it was not looked at: cancelled")
        if _identity(self.store.stat(self.source.target)) != before:
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


def _inspect_all(
    sources: Sequence[Source],
    store: Store,
    *,
    deep: bool,
    on_hash: HashListener | None,
    cancel: CancelToken | None,
) -> tuple[PlannedFile, ...]:
    looks = [_Look(source, store) for source in sources]
    seen = [look.glance(deep=deep) for look in looks]
    unread = [look for look, file in zip(looks, seen, strict=True) if file is None]
    read = iter(_read_all(unread, on_hash, cancel) if unread else ())
    return tuple(file or next(read) for file in seen)


def _read_all(
    looks: Sequence[_Look], on_hash: HashListener | None, cancel: CancelToken | None
) -> list[PlannedFile]:
    """Hash files, several at once, the largest first so that none is left alone at the end."""
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, len(looks)), "inspection")
    try:
        order = sorted(looks, key=lambda look: -look.total_bytes)
        futures = {look: pool.submit(look.read) for look in order}
        _watch(looks, list(futures.values()), on_hash, cancel)
        return [futures[look].result() for look in looks]
    finally:
        for look in looks:
            look.stopped = True
        pool.shutdown(cancel_futures=True)


def _watch(
    looks: Sequence[_Look],
    futures: Sequence[Future[PlannedFile]],
    on_hash: HashListener | None,
    cancel: CancelToken | None,
) -> None:
    tell = on_hash or (lambda name, done, total: None)
    told: dict[str, int] = {}
    running = set(futures)
    while running:
        running = wait_for(running, timeout=_TICK_S).not_done
        if cancel is not None and cancel.cancelled:
            for look in looks:
                look.stopped = True
        for look in looks:
            if told.get(look.source.name) != look.done_bytes:
                told[look.source.name] = look.done_bytes
                tell(look.source.name, look.done_bytes, look.total_bytes)


def _refuse_doubles(sources: Sequence[Source]) -> None:
    for what, keys in (
        ("name", [s.name for s in sources]),
        ("target", [collision_key(s.target) for s in sources]),
    ):
        seen: set[str] = set()
        for key in keys:
            if key in seen:
                raise ConfigError(f"two models have the same {what}, {key!r}", key="name")
            seen.add(key)


def _made(store: Store) -> bool:
    if store.private.is_dir():
        return True
    try:
        store.prepare()
    except ModelCacheError:
        return False  # a read-only cache is used as it is, and read again next time
    return True
