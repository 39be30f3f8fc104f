"""What is written to standard output, and what happens if that takes no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
COMMAND = [sys.executable, "-m", "video_censor_personal"]


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [["profile", "list"], ["profile", "list", "--json"], ["models", "list", "--json"]],
    ids=" ".join,
)
def test_a_full_disk_behind_it_is_said_once(arguments: list[str], tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "HOME": os.fspath(tmp_path)},
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == ("video-censor: the result cannot be written: No space left on device\n")


@pytest.mark.parametrize("arguments", [["profile", "list"], ["profile", "list", "--json"]])
def test_a_reader_that_has_gone_is_told_nothing(arguments: list[str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *arguments],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
