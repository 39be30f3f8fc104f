"""A lock between processes that a dead owner does not hold."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from video_censor_personal.store import Lock

HOLD = (
    "import sys, pathlib; from video_censor_personal.store import Lock\n"
    "lock = Lock(pathlib.Path(sys.argv[1]), 'model')\n"
    "print(lock.acquire(), flush=True); sys.stdin.read()\n"
)


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def test_one_owner_at_a_time_and_it_is_known_who(tmp_path: Path) -> None:
    path = tmp_path
    process = holder(path)
    mine = Lock(path, "model")
    assert not mine.acquire()
    owner = mine.owner()
    assert owner is not None
    assert owner.pid == process.pid
    assert str(process.pid) in str(owner)
    process.communicate("")


def test_a_killed_owner_lets_go(tmp_path: Path) -> None:
    path = tmp_path
    process = holder(path)
    process.kill()
    process.communicate()
    mine = Lock(path, "model")
    assert mine.acquire()
    assert mine.owner() is not None
    assert mine.owner().pid == os.getpid()  # type: ignore[union-attr]
    mine.release()
    mine.release()
    assert Lock(path, "model").acquire()


def test_threads_exclude_each_other_while_the_file_comes_and_goes(tmp_path: Path) -> None:
    path = tmp_path
    inside = 0
    most = 0
    turns = 0

    def work() -> None:
        nonlocal inside, most, turns
        for _ in range(300):
            lock = Lock(path, "model")
            if lock.acquire():
                inside += 1
                most = max(most, inside)
                inside -= 1
                turns += 1
                lock.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert turns > 0
    assert most == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_holds_no_lock_of_its_parent(tmp_path: Path) -> None:
    mine, other = Lock(tmp_path, "model"), Lock(tmp_path, "another")
    assert mine.acquire()
    assert other.acquire()
    answer, said = os.pipe()
    until, leave = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(leave)
        mine.release()  # as a `with` would that began before the fork
        os.write(said, b"taken" if Lock(tmp_path, "model").acquire() else b"refused")
        os.read(until, 1)  # lives on until the parent has looked
        os._exit(0)
    assert os.read(answer, 10) == b"refused"
    mine.release()
    other.release()
    assert Lock(tmp_path, "model").acquire()
    for end in (answer, said, until, leave):
        os.close(end)
    os.waitpid(pid, 0)


def test_one_process_keeps_one_file_open_for_many_locks(tmp_path: Path) -> None:
    locks = [Lock(tmp_path, f"model {number}") for number in range(50)]
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert all(lock.acquire() for lock in locks)
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 1
    assert not any(Lock(tmp_path, f"model {number}").acquire() for number in range(50))
    for lock in locks:
        lock.release()
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="nothing tells the open files here")
def test_who_lets_go_has_let_go_even_if_a_child_has_the_file_open(tmp_path: Path) -> None:
    mine = Lock(tmp_path, "model")
    assert mine.acquire()
    descriptors = [Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd")]
    inherited = [int(fd.name) for fd in descriptors if fd.resolve().parent == tmp_path]
    assert inherited
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=inherited,
    )
    assert child.stdout is not None
    child.stdout.readline()
    mine.release()
    assert Lock(tmp_path, "model").acquire()
    child.communicate(b"")


def test_who_deletes_the_folder_of_locks_divides_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    folder.mkdir()
    earlier = Lock(folder, "another")
    assert earlier.acquire()
    shutil.rmtree(folder)
    folder.mkdir()
    process = holder(folder)
    assert not Lock(folder, "model").acquire()
    process.communicate("")
    assert Lock(folder, "model").acquire()
    earlier.release()
