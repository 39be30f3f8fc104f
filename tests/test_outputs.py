"""What is written beside its place: nothing of it stays, not even of a process that was killed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from video_censor_personal.outputs import write_text


def test_what_killed_processes_left_of_the_same_output_is_removed(tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("here nobody can be asked whether a process lives")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    old = time.time() - 3600
    left = {
        "abandoned": tmp_path / f".a [1].mp4.{ended.pid}.part",
        "fresh": tmp_path / f".a [1].mp4.{ended.pid + 1_000_000_000}.part",
        "at work": tmp_path / f".a [1].mp4.{os.getppid()}.part",
        "another's": tmp_path / f".b.mp4.{ended.pid}.part",
        "no number": tmp_path / ".a [1].mp4.x.part",
    }
    for name, path in left.items():
        path.touch()
        if name != "fresh":
            os.utime(path, (old, old))
    write_text("whole", tmp_path / "a [1].mp4")
    assert (tmp_path / "a [1].mp4").read_text() == "whole"
    assert [name for name, path in left.items() if not path.exists()] == ["abandoned"]
