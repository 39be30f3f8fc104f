"""The ledger: one writer, many readers, and what is left after a kill."""

import sqlite3
import subprocess
import sys
import threading

import pytest

from video_censor_personal.errors import ConfigError
from video_censor_personal.service.ledger import Ledger


@pytest.fixture
def events():
    return []


@pytest.fixture
def ledger(tmp_path, events):
    ledger = Ledger(tmp_path / "ledger.sqlite3", events.extend)
    ledger.open()
    yield ledger
    ledger.close()


def add(kind):
    return lambda transaction: transaction.emit(kind, "job", {"n": kind})


def test_what_was_written_is_read_in_any_thread(ledger):
    ledger.write(add("state"))
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(ledger.read("SELECT kind FROM event")))
    reader.start()
    reader.join()
    assert [row["kind"] for row in seen] == ["state"]


def test_a_change_that_fails_leaves_nothing_and_harms_no_other(ledger, events):
    def fail(transaction):
        transaction.emit("state", "job", {})
        raise ValueError("no")

    ledger.post(add("first"))
    with pytest.raises(ValueError, match="no"):
        ledger.write(fail)
    ledger.write(add("last"))
    assert [event.kind for event in events] == ["first", "last"]
    assert [row["kind"] for row in ledger.read("SELECT kind FROM event ORDER BY id")] == [
        "first",
        "last",
    ]


def test_events_are_told_after_they_can_be_read(tmp_path):
    seen = []
    ledger = Ledger(
        tmp_path / "l", lambda events: seen.append(len(ledger.read("SELECT id FROM event")))
    )
    ledger.open()
    ledger.write(add("state"))
    ledger.close()
    assert seen == [1]


def test_of_progress_only_the_latest_is_kept_and_ids_grow(ledger, events):
    for _ in range(5):
        ledger.write(add("progress"))
    (row,) = ledger.read("SELECT id FROM event")
    assert row["id"] == events[-1].id == 5


def test_many_writers_at_once(ledger, events):
    threads = [
        threading.Thread(target=lambda: [ledger.write(add("state")) for _ in range(20)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [event.id for event in events]
    assert ids == sorted(ids)
    assert len(ids) == 160


def test_the_file_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="another version"):
        Ledger(path, lambda _: None).open()


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(ConfigError, match=r"ledger\.sqlite3"):
        Ledger(path, lambda _: None).open()


def test_what_was_written_survives_a_kill(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    code = (
        "import os, sys, pathlib\n"
        "from video_censor_personal.service.ledger import Ledger\n"
        "ledger = Ledger(pathlib.Path(sys.argv[1]), lambda _: None)\n"
        "ledger.open()\n"
        "for n in range(50): ledger.write(lambda t: t.emit('state', 'job', {'n': n}))\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    ledger = Ledger(path, lambda _: None)
    ledger.open()
    assert len(ledger.read("SELECT id FROM event")) == 50
    ledger.close()


def test_who_writes_while_it_closes_is_answered(ledger):
    """Also behind the last changes that the writer takes up, which are held up here."""
    first, let_go, last, end = (threading.Event() for _ in range(4))
    answers = []

    def write():
        try:
            answers.append(ledger.write(lambda _: "written"))
        except sqlite3.Error as exc:
            answers.append(str(exc))

    ledger.post(lambda _: (first.set(), let_go.wait(20)))
    assert first.wait(20)
    ledger.post(lambda _: (last.set(), end.wait(20)))
    closing = threading.Thread(target=ledger.close, daemon=True)
    closing.start()
    closing.join(0.2)  # should it not wait for the writer yet, the write comes first
    let_go.set()
    assert last.wait(20)
    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    writing.join(0.2)
    end.set()
    writing.join(10)
    closing.join(10)
    assert answers in (["written"], ["the ledger is closed"])


def test_a_closed_ledger_says_so_and_opens_again(ledger):
    ledger.close()
    with pytest.raises(sqlite3.Error, match="closed"):
        ledger.write(add("lost"))
    ledger.post(add("lost"))
    ledger.open()
    ledger.write(add("state"))
    assert [row["kind"] for row in ledger.read("SELECT kind FROM event")] == ["state"]
