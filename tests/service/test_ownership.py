"""One service for each cache, which keeps nobody from the cache's files."""

from __future__ import annotations

from pathlib import Path

from video_censor_personal.service.ownership import Ownership
from video_censor_personal.store import Store


def test_one_cache_has_one_service(tmp_path: Path) -> None:
    first = Ownership(tmp_path / "one.lock", Store(tmp_path / "cache"))
    second = Ownership(tmp_path / "another.lock", Store(tmp_path / "cache"))
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_a_service_keeps_nobody_from_a_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    service = Ownership(tmp_path / "ledger.lock", store)
    assert service.acquire()
    # Its name falls on the same slot as the name "service".
    with store.lock(f"models--org--m/blobs/{129764:040x}") as lock:
        assert lock.acquire()
    service.release()
