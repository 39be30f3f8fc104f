"""Many small files are written down together."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from video_censor_personal.store import Fingerprint, Store
from video_censor_personal.transfer.group_commit import GroupCommit


@pytest.fixture
def filled(store: Store) -> Store:
    store.prepare()
    for name in ("first", "second"):
        store.path(name).write_bytes(name.encode())
    return store


def seen(store: Store, name: str) -> Fingerprint:
    return Fingerprint.of(store.path(name).stat(), "sha256", "ab" * 32)


def test_a_lock_is_let_go_when_the_record_is_there_and_not_before(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = GroupCommit(filled, durable=False)
    locks = {name: filled.lock(name) for name in ("first", "second")}
    for lock in locks.values():
        assert lock.acquire()
    write = filled.remember_all

    def publish_meanwhile(verified: Mapping[str, Fingerprint]) -> None:
        commits.release("first", locks["first"])
        commits.add("second", filled.path("second"), seen(filled, "second"))
        commits.release("second", locks["second"])
        assert not filled.lock("first").acquire()
        write(verified)

    commits.add("first", filled.path("first"), seen(filled, "first"))
    with monkeypatch.context() as during:
        during.setattr(filled, "remember_all", publish_meanwhile)
        commits.write_records()
    assert set(Store(filled.root).recorded()) == {"first"}
    with filled.lock("first") as free, filled.lock("second") as held:
        assert free.acquire()
        assert not held.acquire()
    commits.finish()
    assert set(Store(filled.root).recorded()) == {"first", "second"}
    assert filled.lock("second").acquire()
