"""What is there, said without changing anything."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback import content_of, sha256

from video_censor_personal.errors import ConfigError, ModelCacheError
from video_censor_personal.store import Store
from video_censor_personal.transfer import (
    CancelToken,
    Engine,
    FileState,
    Source,
    inspect,
    look,
    make_plan,
    verify,
)
from video_censor_personal.transfer.address import parse_url, redact
from video_censor_personal.transfer.checksum import hash_file

CONTENT = content_of(2_000_000)


def source(name: str = "model", content: bytes = CONTENT, **changes: object) -> Source:
    fields = {"size_bytes": len(content), "checksum": sha256(content), **changes}
    return Source(name, ("http://localhost/x",), name, **fields)  # type: ignore[arg-type]


def everything(root: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(root.rglob("*"))}


@pytest.fixture
def filled(store: Store) -> Store:
    store.root.mkdir()
    store.path("model").write_bytes(CONTENT)
    return store


def test_a_file_that_nobody_verified_is_read_and_left_alone(filled: Store) -> None:
    before = everything(filled.root)
    assert inspect(source(), filled).state is FileState.VERIFIED
    assert make_plan([source()], filled).to_fetch == ()
    assert everything(filled.root) == before


def test_a_plan_says_what_is_missing_and_how_much_room_it_needs(filled: Store) -> None:
    filled.path("bad").write_bytes(CONTENT[:-1] + b"?")
    filled.path("short").write_bytes(CONTENT[:-1])
    wanted = [source(), source("bad"), source("short"), source("none")]
    plan = make_plan(wanted, filled)

    states = [f.state.value for f in plan.files]
    assert states == ["verified", "damaged", "damaged", "missing"]
    assert "checksum" in plan.files[1].reason
    assert "1,999,999 bytes instead of 2,000,000" in plan.files[2].reason
    assert [f.source.name for f in plan.to_fetch] == ["bad", "short", "none"]
    assert plan.missing_bytes == 6_000_000
    assert plan.room_bytes == 12_000_000
    assert plan.free_bytes > 0


def test_verifying_remembers_what_is_right_and_forgets_what_is_not(filled: Store) -> None:
    verify([source()], filled)
    assert filled.recorded() == {"model": len(CONTENT)}

    path, stat = filled.path("model"), filled.path("model").stat()
    path.write_bytes(CONTENT[:-1] + b"?")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (file,) = verify([source()], filled, deep=True)
    assert file.state is FileState.DAMAGED
    assert filled.recorded() == {}
    assert path.exists()


def test_a_recognised_file_is_not_read_again_unless_deeply(filled: Store) -> None:
    content = content_of(64 << 20)
    filled.path("big").write_bytes(content)
    big = source("big", content)
    verify([big], filled)
    shallow = 1.0
    for _ in range(5):
        began = time.perf_counter()
        assert inspect(big, filled).state is FileState.VERIFIED
        shallow = min(shallow, time.perf_counter() - began)
    began = time.perf_counter()
    assert inspect(big, filled, deep=True).state is FileState.VERIFIED
    assert time.perf_counter() - began > 10 * shallow


def test_a_record_of_other_bytes_says_so_without_reading(filled: Store) -> None:
    verify([source()], filled)
    other = source(checksum="0" * 64)
    file = inspect(other, filled)
    assert file.state is FileState.DAMAGED
    assert sha256(CONTENT) in file.reason


def test_without_a_checksum_only_a_record_tells(filled: Store) -> None:
    unknown = source(checksum=None)
    assert inspect(unknown, filled).state is FileState.DAMAGED
    filled.prepare()
    filled.remember("model", "sha256", sha256(CONTENT))
    assert inspect(unknown, filled).state is FileState.VERIFIED
    assert inspect(unknown, filled, deep=True).state is FileState.VERIFIED
    filled.path("model").write_bytes(CONTENT[::-1])
    assert inspect(unknown, filled).state is FileState.DAMAGED


def test_progress_of_a_verification_counts_bytes(filled: Store) -> None:
    filled.path("other").write_bytes(CONTENT)
    told: dict[str, list[int]] = {}

    def listen(name: str, done: int, total: int) -> None:
        assert total == len(CONTENT)
        told.setdefault(name, []).append(done)

    verify([source(), source("other")], filled, on_hash=listen)
    assert {name: counts[-1] for name, counts in told.items()} == {
        "model": len(CONTENT),
        "other": len(CONTENT),
    }


def test_what_changes_while_it_is_read_is_not_remembered_as_right(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hash_then_damage(path: Path, *arguments: Any) -> str | None:
        """Someone else writes to the file after its first bytes were hashed."""
        digest = hash_file(path, *arguments)
        path.write_bytes(b"!" + CONTENT[1:])
        return digest

    monkeypatch.setattr(look, "hash_file", hash_then_damage)
    (seen,) = verify([source()], filled, deep=True)
    assert seen.state is FileState.DAMAGED
    assert "changed while it was read" in seen.reason
    monkeypatch.undo()
    assert inspect(source(), filled).state is FileState.DAMAGED


def test_a_cancelled_verification_forgets_nothing(filled: Store) -> None:
    verify([source()], filled)
    cancel = CancelToken()
    cancel.cancel()
    verify([source()], filled, deep=True, cancel=cancel)
    assert filled.recorded() == {"model": len(CONTENT)}


# -- what is refused


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_what_cannot_be_looked_at_concerns_no_other_file(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(CONTENT)
    (filled.root / "sub").symlink_to(tmp_path / "outside")
    filled.path("locked").write_bytes(CONTENT)

    def refuse(path: Path, *rest: Any) -> str | None:
        if path.name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return hash_file(path, *rest)

    monkeypatch.setattr(look, "hash_file", refuse)
    before = everything(filled.root)
    plan = make_plan([source("locked"), source("sub/x"), source(), source("none")], filled)
    assert [f.state.value for f in plan.files] == [
        "unreadable",
        "unreadable",
        "verified",
        "missing",
    ]
    assert plan.missing_bytes == len(CONTENT)
    locked, linked = plan.files[:2]
    assert f"{filled.path('locked')} cannot be read (Permission denied). Make" in locked.reason
    assert "is a link that leads out of" in linked.reason
    assert everything(filled.root) == before

    outcomes = Engine().fetch(replace(plan, files=plan.files[:3]))
    assert [o.ok for o in outcomes] == [False, False, True]
    assert [type(o.error) for o in outcomes[:2]] == [ModelCacheError] * 2
    assert filled.path("locked").read_bytes() == CONTENT
    assert (tmp_path / "outside" / "x").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "wanted",
    [
        [source("a"), source("a")],
        [source("a"), Source("b", ("http://localhost/",), "A")],
        [Source("a", ("http://localhost/",), "ü"), Source("b", ("http://localhost/",), "u\u0308")],
    ],
)
def test_two_models_cannot_be_one_file(store: Store, wanted: list[Source]) -> None:
    with pytest.raises(ConfigError, match="same"):
        make_plan(wanted, store)


@pytest.mark.parametrize(
    "fields",
    [
        {"algorithm": "crc32"},
        {"algorithm": "md4"},
        {"checksum": "abc"},
        {"checksum": "Z" * 64},
        {"size_bytes": -1},
        {"algorithm": "git-blob-sha1", "checksum": "0" * 40, "size_bytes": None},
        {"headers": {"ftp://x": {"A": "b"}}},
    ],
)
def test_a_source_that_makes_no_sense(fields: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        source(**fields).origin_headers  # noqa: B018 - looking at it is the test


def test_blake3_is_computed_if_it_is_installed_and_refused_otherwise(filled: Store) -> None:
    try:
        import blake3
    except ImportError:
        with pytest.raises(ConfigError, match="pip install"):
            source(algorithm="blake3")
        return
    checksum = blake3.blake3(CONTENT).hexdigest()
    wanted = source(algorithm="blake3", checksum=checksum)
    assert inspect(wanted, filled).state is FileState.VERIFIED


def test_git_blobs_are_hashed_with_their_size(filled: Store) -> None:
    digest = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()
    wanted = source(algorithm="git-blob-sha1", checksum=digest)
    assert inspect(wanted, filled).state is FileState.VERIFIED


# -- URLs


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@host:8443/a%20b?sig=secret#f", "https://host:8443/a%20b"),
        ("http://host", "http://host/"),
        ("http://[::1]:81/x", "http://[::1]:81/x"),
        ("HTTPS://Host/ü", "https://host/%C3%BC"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert parse_url(url).shown == shown
    assert "secret" not in repr(parse_url(url)) + redact(url)


@pytest.mark.parametrize("url", ["http://ho st/", "http://host:99999/", "https://"])
def test_urls_that_make_no_sense(url: str) -> None:
    with pytest.raises(ConfigError):
        parse_url(url)
