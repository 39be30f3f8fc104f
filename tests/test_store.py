"""The folder of models: names that cannot escape, records, publication, removal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from video_censor_personal.errors import ConfigError, ModelCacheError, ModelDownloadError
from video_censor_personal.store import Fingerprint, Store, check_name, piece_map_path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "cache")
    store.prepare()
    return store


def put(store: Store, name: str, content: bytes = b"content") -> Path:
    partial = store.private / "partial" / "x"
    partial.write_bytes(content)
    path = store.publish(partial, name)
    store.remember(name, "sha256", "ab")
    return path


# -- names


@pytest.mark.parametrize(
    "name",
    ["llava-7b", "model.bin", "org/model/weights-00001.gguf", "ümlaut", "a b", ".hidden", "a..b"],
)
def test_ordinary_names(tmp_path: Path, name: str) -> None:
    assert Store(tmp_path).path(name) == tmp_path.joinpath(*name.split("/"))


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../../x",
        "a/./b",
        "a//b",
        "/etc/passwd",
        "a/",
        "\\\\server\\share",
        "a\\..\\b",
        "C:/x",
        "C:x",
        "file:stream",
        "nul",
        "NUL.txt",
        "a/con",
        "COM1",
        "lpt9.bin",
        "com¹",
        "CONIN$",
        "aux .txt",
        "trailing.",
        "trailing ",
        "a. /b",
        "nul\0byte",
        "new\nline",
        'quo"te',
        "st*r",
        "wh?t",
        "pi|pe",
        "l<ss",
        "x" * 201,
        "ü" * 101,
        "/".join(["d" * 150] * 8),
        "\ud800",
        ".transfer/records.jsonl",
        ".Transfer",
    ],
)
def test_names_that_no_file_may_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Store(tmp_path).path(name)
    assert caught.value.key == "name"


def test_a_name_says_what_is_wrong_with_it() -> None:
    with pytest.raises(ConfigError, match=r"'com1\.bin' is a device on Windows"):
        check_name("models/com1.bin")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("durable", [True, False], ids=["synced", "unsynced"])
def test_folders_that_are_made_on_the_way_are_synced(
    store: Store, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    new = Store(store.root / "new" / "cache")
    new.prepare()
    assert {str(store.root), str(new.root.parent), str(new.root)} <= set(synced)
    synced.clear()
    (new.private / "partial" / "x").write_bytes(b"x")
    new.publish(new.private / "partial" / "x", "a/b/c/f", durable=durable)
    assert synced == ([str(new.root / at) for at in ("", "a", "a/b")] if durable else [])


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_not_followed_out_of_the_store(store: Store, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    (store.root / "sub").symlink_to(outside)
    (store.root / "file").symlink_to(outside / "secret")

    with pytest.raises(ModelCacheError, match="link"):
        store.contained_path("sub/secret")
    with pytest.raises(ModelCacheError):
        put(store, "sub/new")
    assert store.stat("file") is None
    put(store, "file", b"mine")
    assert (outside / "secret").read_text() == "x"  # the link was replaced, not followed
    store.remove("file")
    assert (outside / "secret").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_within_the_store_are_files_of_the_store(store: Store) -> None:
    put(store, "blobs/ab", b"12345")
    (store.root / "snap").symlink_to("blobs/ab")
    found = store.stat("snap")
    assert found is not None
    assert found.st_size == 5


# -- looking changes nothing


def test_looking_at_a_store_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "b")
    assert store.stat("x") is None
    assert store.fingerprint("x") is None
    assert store.recorded() == {}
    assert store.leftovers() == []
    assert store.remove("x") == 0
    assert store.free_bytes() > 0
    assert list(tmp_path.iterdir()) == []


# -- records


def test_a_verified_file_is_recognised(store: Store) -> None:
    put(store, "model")
    fresh = Store(store.root).fingerprint("model")
    assert fresh is not None
    assert (fresh.size, fresh.algorithm, fresh.checksum) == (7, "sha256", "ab")
    assert Store(store.root).recorded() == {"model": 7}


def test_recognising_takes_less_than_a_millisecond(store: Store) -> None:
    for i in range(200):
        put(store, f"model-{i}")
    store = Store(store.root)
    store.fingerprint("model-0")
    times = []
    for i in range(200):
        began = time.perf_counter()
        assert store.fingerprint(f"model-{i}")
        times.append(time.perf_counter() - began)
    assert sorted(times)[100] < 0.001


@pytest.mark.parametrize("change", ["content", "size", "replaced", "gone", "folder"])
def test_a_file_that_was_touched_is_not_recognised(store: Store, change: str) -> None:
    path = put(store, "model")
    before = path.stat()
    if change == "content":  # the same size, and the old times set again
        path.write_bytes(b"CONTENT")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "size":
        path.write_bytes(b"content and more")
    else:
        path.unlink()
    if change == "replaced":
        path.write_bytes(b"content")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    if change == "folder":
        path.mkdir()
    if change == "content" and os.name == "nt":
        pytest.skip("Windows keeps no time of the last change of a file's record")
    assert store.fingerprint("model") is None
    assert store.recorded() == {}


def test_a_torn_or_strange_line_costs_only_itself(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, "one")
    good = store.records.path.read_bytes().strip()
    strange = [good.replace(b'"one"', name) for name in (b'"../x"', b'"a/con"', b"7", b"null")]
    strange += [re.sub(rb'"(size|inode)": \d+', rb'"\1": "many"', good)]
    strange += [good.replace(b'"sha256"', b"[]"), b"[" * 100_000]
    with store.records.path.open("ab") as log:
        log.write(b"\n".join(strange))
        log.write(b'\xff\n[1]\n{"target": "two"}\n{"target": "three", "size": 1}\n{"target": "o')
    put(store, "four")
    fresh = Store(store.root)
    assert set(fresh.recorded()) == {"one", "four"}
    assert caplog.messages == [
        f"{fresh.records.path} has 10 lines that cannot be used; what they were about is read once "
        "more"
    ]
    fresh.records.compact()  # as every download does before it begins
    assert set(Store(store.root).recorded()) == {"one", "four"}
    assert len(caplog.messages) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_no_record_of_others_is_missed_while_one_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread reads what was just written, and another process writes as much after it."""
    others = Store(store.root)
    write = os.write
    interrupted: list[bool] = []

    def write_then(fd: int, data: bytes) -> int:
        count = write(fd, data)
        if not interrupted:
            interrupted.append(True)
            assert store.records.get("mine") is not None
            others.remember("your", "sha256", "ab")
        return count

    for name in ("mine", "your"):
        store.path(name).write_bytes(b"content")
        os.utime(store.path(name), ns=(10**18, 10**18))
    stat = store.path("mine").stat()
    monkeypatch.setattr(os, "write", write_then)
    seen = Fingerprint.of(stat, "sha256", "ab")
    store.remember_all({"mine": seen})
    assert set(store.records.all()) == {"mine", "your"}


def test_a_record_that_leads_elsewhere_stops_nothing(store: Store, tmp_path: Path) -> None:
    put(store, "one")
    put(store, "sub/two")
    good = store.records.path.read_text().splitlines()[-1]
    with store.records.path.open("a") as log:
        log.write("\n" + good.replace("sub/two", ".transfer/x") + "\n")
    (store.root / "sub").rename(tmp_path / "outside")
    (store.root / "sub").symlink_to(tmp_path / "outside")
    assert Store(store.root).recorded() == {"one": 7}


def test_forgetting_and_remembering_again(store: Store) -> None:
    put(store, "model")
    store.forget("model")
    assert Store(store.root).fingerprint("model") is None
    store.remember("model", "md5", "cd")
    known = Store(store.root).fingerprint("model")
    assert known is not None
    assert known.checksum == "cd"


def test_the_log_does_not_grow_for_ever(store: Store) -> None:
    put(store, "kept")
    for i in range(2000):
        store.remember("kept", "sha256", str(i))
    long = store.records.path.stat().st_size
    other = Store(store.root)
    store.records.compact()

    assert store.records.path.stat().st_size < long / 50
    other.remember("kept", "sha256", "by another")
    found = store.fingerprint("kept")
    assert found is not None
    assert found.checksum == "by another"


def test_processes_may_append_at_the_same_time(store: Store) -> None:
    code = (
        "import sys; from video_censor_personal.store import Store\n"
        "s = Store(sys.argv[1])\n"
        "for i in range(200): s.remember('model', 'sha256', f'{sys.argv[2]}-{i}')\n"
        "for i in range(20):\n"
        "    with s.lock('records.jsonl') as lock:\n"
        "        if lock.acquire(): s.records.compact()\n"
        "    s.remember('model', 'sha256', 'last')\n"
    )
    put(store, "model")
    command = [sys.executable, "-c", code, str(store.root)]
    processes = [subprocess.Popen([*command, str(n)]) for n in range(3)]
    assert [p.wait(60) for p in processes] == [0, 0, 0]
    found = Store(store.root).fingerprint("model")
    assert found is not None
    assert found.checksum == "last"


def test_a_fingerprint_knows_its_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"1")
    known = Fingerprint.of(path.stat(), "sha256", "ab")
    assert known.matches(path.stat())
    path.write_bytes(b"12")
    assert not known.matches(path.stat())


# -- publication, removal


def test_publishing_replaces_in_one_step(store: Store) -> None:
    put(store, "a/b/model", b"old")
    path = put(store, "a/b/model", b"new")
    assert path.read_bytes() == b"new"


def test_removing_frees_everything_that_belongs_to_a_model(store: Store) -> None:
    path = put(store, "model", bytes(10_000))
    store.partial_path("model").write_bytes(bytes(20_000))
    store.kept_map_path("model").write_bytes(b"map")

    assert store.remove("model") >= 30_000
    assert not path.exists()
    left = [p for p in store.private.rglob("*") if p.is_file()]
    assert {p.name for p in left} <= {"records.jsonl", "slots"}
    assert store.recorded() == {}
    assert store.remove("model") == 0


def test_a_model_that_is_being_fetched_is_not_removed(store: Store) -> None:
    path = put(store, "model")
    with store.lock("model") as lock:
        assert lock.acquire()
        with pytest.raises(ModelDownloadError, match=str(os.getpid())):
            Store(store.root).remove("model")
    assert path.exists()
    store.remove("model")
    assert not path.exists()


def test_leftovers_are_partial_files_that_nobody_works_on(store: Store) -> None:
    for name in ("stale", "busy"):
        store.partial_path(name).write_bytes(bytes(5000))
        store.partial_path(name).with_name(store.partial_path(name).name + ".pieces").touch()
    with store.lock("busy") as lock:
        assert lock.acquire()
        (left,) = store.leftovers()
    assert left.path == store.partial_path("stale")
    assert left.size_bytes >= 5000
    assert left.remove() == left.size_bytes
    assert [x.path for x in store.leftovers()] == [store.partial_path("busy")]


def test_a_map_whose_file_a_killed_process_had_renamed_already_is_a_leftover(store: Store) -> None:
    known = piece_map_path(store.partial_path("model"))
    known.write_bytes(b"map")
    known.with_name(known.name + ".new").write_bytes(b"ma")
    (left,) = store.leftovers()
    assert left.remove()
    assert not list(known.parent.iterdir())
    assert not store.leftovers()


def test_a_leftover_that_somebody_goes_on_with_is_not_deleted(store: Store) -> None:
    partial = store.partial_path("model")
    partial.write_bytes(bytes(5000))
    (left,) = store.leftovers()
    with Store(store.root).lock("model") as lock:
        assert lock.acquire()
        assert left.remove() is None
    assert partial.exists()
    with partial.open("ab") as file:  # it went on, and was stopped again
        file.write(bytes(100_000))
    assert left.remove() is None
    assert partial.exists()
    (left,) = store.leftovers()
    partial.unlink()  # it was finished
    assert left.remove() is None
