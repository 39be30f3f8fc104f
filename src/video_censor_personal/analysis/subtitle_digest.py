"""Telling apart the subtitles that lie beside videos."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from video_censor_personal.media.subtitles import files_beside

__all__ = ["subtitles_digest"]


def subtitles_digest(video: Path) -> str:
    """The same for the same files of subtitles beside `video`; empty where there are none."""
    digest = hashlib.blake2b(digest_size=8)
    found = False
    with suppress(OSError):  # who reads them for the analysis says so
        for path, _ in files_beside(video):
            digest.update(os.fsencode(path.name.removeprefix(video.stem)) + b"\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
            found = True
    return digest.hexdigest() if found else ""
