from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

import pytest

from video_censor_personal.transfer import reservation
from video_censor_personal.transfer.reservation import reserve

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux itself")


def reserved(path: Path, size: int) -> os.stat_result:
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        reserve(fd, size)
        return os.fstat(fd)
    finally:
        os.close(fd)


def test_the_room_is_taken_and_what_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"begun")
    found = reserved(path, 1 << 20)
    assert (found.st_size, found.st_blocks * 512) == (1 << 20, 1 << 20)
    assert path.read_bytes()[:5] == b"begun"
    assert reserved(path, 1000).st_size == 1 << 20


def test_where_no_room_can_be_reserved_nothing_is_written_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: int) -> int:
        ctypes.set_errno(errno.EOPNOTSUPP)
        return -1

    monkeypatch.setattr(reservation, "_system_call", lambda: refuses)
    found = reserved(tmp_path / "model", 1 << 30)
    assert (found.st_size, found.st_blocks) == (1 << 30, 0)


def test_a_lack_of_room_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        reserved(tmp_path / "model", 1 << 62)
