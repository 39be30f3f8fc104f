"""Which kinds of file a copy can be written as."""

from __future__ import annotations

from pathlib import Path

from video_censor_personal.errors import OutputError

__all__ = ["SUFFIXES", "muxer_of"]

_MUXERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".m4a": "ipod",
    ".mov": "mov",
    ".mkv": "matroska",
    ".mka": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".ts": "mpegts",
    ".m2ts": "mpegts",
    ".mts": "mpegts",
    ".flv": "flv",
    ".ogv": "ogg",
    ".ogg": "ogg",
    ".mp3": "mp3",
    ".flac": "flac",
    ".wav": "wav",
    ".wmv": "asf",
    ".mpg": "mpeg",
}
SUFFIXES = frozenset(_MUXERS)
"""The endings of a name that a copy can be written to."""


def muxer_of(output: Path) -> str:
    """FFmpeg's name of the format that `output`'s suffix stands for.

    Raises:
        OutputError: it stands for none.
    """
    try:
        return _MUXERS[output.suffix.lower()]
    except KeyError:
        known = ", ".join(sorted(_MUXERS))
        raise OutputError(
            f"{output} has no ending that says which kind of file to write; use one of {known}",
            path=output,
        ) from None
