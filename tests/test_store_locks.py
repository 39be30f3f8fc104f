"""A lock between processes that a dead owner does not hold."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

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
