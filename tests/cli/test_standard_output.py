"""What is written to standard output, and what happens if that takes no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
COMMAND = [sys.executable, "-m", "video_censor_personal"]


def run_into(output: int, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "HOME": os.fspath(folder)},
        timeout=60,
    )


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [["profile", "list"], ["profile", "list", "--json"], ["models", "list", "--json"]],
    ids=" ".join,
)
def test_a_full_disk_behind_it_is_said_once(arguments: list[str], tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = run_into(full.fileno(), arguments, tmp_path)
    assert done.returncode == 1
    assert done.stderr == "video-censor: the result cannot be written: No space left on device\n"


@pytest.mark.parametrize("arguments", [["profile", "list"], ["profile", "list", "--json"]])
def test_a_reader_that_has_gone_is_told_nothing(arguments: list[str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_into(writing, arguments, tmp_path)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
