"""Looks at the disk: what of the wanted files is there, and is it right?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for

from video_censor_personal.errors import ConfigError, ModelCacheError
from video_censor_personal.file_names import collision_key
from video_censor_personal.store import Store
from video_censor_personal.transfer.cancel import CancelToken
from video_censor_personal.transfer.look import Look, looks_of
from video_censor_personal.transfer.plan import FileState, Plan, PlannedFile
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
    return Look(source, store).decide(deep=deep)


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
        if file.read_as is not None and file.read_as != looks_of(store.stat(target)):
            return  # it is no longer what was read
        store.remember(target, source.digest_algorithm, file.digest)


def _inspect_all(
    sources: Sequence[Source],
    store: Store,
    *,
    deep: bool,
    on_hash: HashListener | None,
    cancel: CancelToken | None,
) -> tuple[PlannedFile, ...]:
    looks = [Look(source, store) for source in sources]
    seen = [look.glance(deep=deep) for look in looks]
    unread = [look for look, file in zip(looks, seen, strict=True) if file is None]
    read = iter(_read_all(unread, on_hash, cancel) if unread else ())
    return tuple(file or next(read) for file in seen)


def _read_all(
    looks: Sequence[Look], on_hash: HashListener | None, cancel: CancelToken | None
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
    looks: Sequence[Look],
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
