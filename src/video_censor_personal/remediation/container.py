"""The copy's container: opened so that it can be given up at once, and what it can hold."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.stream import Disposition

from video_censor_personal.errors import OutputError
from video_censor_personal.media.base import Chapter

__all__ = [
    "accepts",
    "copied_stream",
    "disk_error",
    "holds",
    "label",
    "open_container",
    "rename",
    "set_chapters",
    "set_tags",
    "text_codec",
    "text_stream",
]

_DISK_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.ENOSPC,
        errno.EPERM,
        errno.EROFS,
    }
)
_NANOSECOND = Fraction(1, 10**9)
# MP4 says in these when a track begins; FFmpeg's 1000 would move sound by up to half a millisecond.
_MP4_TICKS = "90000"
_MP4_FAMILY = ("mp4", "mov", "ipod")

# What FFmpeg's encoder of MP4 subtitles makes their style of.
_PLAIN_STYLE = (
    b"[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize, PrimaryColour, Alignment\r\n"
    b"Style: Default,Arial,16,&Hffffff,2\r\n\r\n[Events]\r\nFormat: Layer, Start, End, Text\r\n"
)

# Files of these kinds can be begun with such packets, and do not say where each of them ends.
_LOST_WITHIN = frozenset({("wav", "aac"), ("wav", "aac_latm"), ("mpeg", "h264")})

_HOLD_COVERS = frozenset({"mp4", "ipod", "mp3", "flac"})
_COVERS = frozenset({"mjpeg", "png"})

# Written anew by the muxer; the source's would be wrong in the copy.
_NOT_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})
_MP4_LABELS = ("handler_name", "vendor_id")
_NOT_LABELS = ("duration", "encoder", "bps", "number_of_", "_statistics_")


@contextmanager
def open_container(path: Path, muxer: str) -> Iterator[Any]:
    """The container (`av.container.OutputContainer`) of a new file, finished when the block ends.

    When the block raises, the file is removed.

    Raises:
        OSError: the disk is full, or will not have it.
        OutputError: this kind of file cannot be finished with the streams that it was given.
    """
    options = {"strict": "experimental"}
    if muxer in _MP4_FAMILY:
        options |= {"movflags": "+faststart", "movie_timescale": _MP4_TICKS}
    container = av.open(f"file:{path}", "w", format=muxer, container_options=options)
    try:
        yield container
    except BaseException:
        # Closing finishes an MP4, which reads all of it again: not if it is no longer there.
        with suppress(OSError):
            path.unlink()
        with suppress(av.error.FFmpegError):
            container.close()
        raise
    try:
        container.close()
    except av.error.FFmpegError as error:
        raise disk_error(error) or OutputError(
            f"this kind of file could not be finished with these streams ({error.strerror}); let "
            "the name of the copy end in .mkv"
        ) from error


def disk_error(error: av.error.FFmpegError) -> OSError | None:
    """The error of the disk that FFmpeg passes on as `error`, if it is one."""
    if error.errno in _DISK_ERRORS:
        return OSError(error.errno, error.strerror)
    return None


def holds(muxer: str, source: Any) -> bool:
    """Whether a file of `muxer`'s kind can hold the stream `source` as it is.

    Only trying tells: a file of this stream alone is begun in memory. Covers and attached files
    are no streams in most kinds of file, and are known.
    """
    if source.disposition & Disposition.attached_pic:
        return muxer in _HOLD_COVERS and source.name in _COVERS
    if source.type == "attachment":
        return muxer == "matroska"
    if (muxer, source.name) in _LOST_WITHIN:
        return False
    try:
        scratch = av.open(
            io.BytesIO(), "w", format=muxer, container_options={"strict": "experimental"}
        )
        copied_stream(scratch, source)
        scratch.start_encoding()
        scratch.close()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def copied_stream(out: Any, source: Any) -> Any:
    """A new stream of the container `out` for the packets of the stream `source` as they are."""
    if source.codec_context is None:
        stream = out.add_stream_from_template(source)
        label(out, stream, source)
        return stream
    stream = out.add_stream_from_template(source, opaque=True)
    context = stream.codec_context
    if source.type == "video":
        if source.average_rate:
            context.framerate = source.average_rate
        if out.format.name in _MP4_FAMILY and context.name == "hevc":
            # Apple's players know HEVC by this tag only; `hev1` says that parameter sets may come
            # within the stream, so it stays where it is.
            context.codec_tag = "hev1" if source.codec_context.codec_tag == "hev1" else "hvc1"
    label(out, stream, source)
    return stream


def accepts(muxer: str, encoder: str) -> bool:
    """Whether a file of `muxer`'s kind can hold what `encoder` writes."""
    with suppress(ValueError, av.error.FFmpegError):
        av.open(io.BytesIO(), "w", format=muxer).add_stream(encoder)
        return True
    return False


def text_codec(muxer: str) -> str:
    """The codec of text subtitles in files of `muxer`'s kind."""
    return {"webm": "webvtt", "matroska": "subrip"}.get(muxer, "mov_text")


def text_stream(out: Any, source: Any) -> Any:
    """A new stream of the container `out`, of its `text_codec`, for the text subtitles `source`."""
    codec = text_codec(out.format.name)
    if codec == "mov_text":
        stream = out.add_stream(codec)
        stream.codec_context.subtitle_header = _PLAIN_STYLE
        stream.codec_context.time_base = source.time_base
    else:
        stream = out.add_mux_stream(codec)
    stream.time_base = source.time_base
    label(out, stream, source)
    return stream


def rename(out: Any, stream: Any, title: str, default: bool | None) -> None:
    """Gives `stream` of `out` another title (empty: its own), and says whether it is played by
    default (None: as it does)."""
    if title:
        tags = {name: text for name, text in stream.metadata.items() if name.lower() != "title"}
        tags["title"] = title
        if out.format.name in _MP4_FAMILY:
            tags["handler_name"] = title
        stream.metadata.clear()
        stream.metadata.update(tags)
    if default is not None:
        others = stream.disposition & ~Disposition.default
        stream.disposition = others | (Disposition.default if default else Disposition(0))


def label(out: Any, stream: Any, source: Any) -> None:
    """Gives `stream` of `out` the language, title, further tags and dispositions of `source`."""
    unwanted = _NOT_LABELS if out.format.name in _MP4_FAMILY else _NOT_LABELS + _MP4_LABELS
    tags = {
        name: text
        for name, text in source.metadata.items()
        if not name.lower().startswith(unwanted)
    }
    if name := tags.pop("name", ""):  # as MP4 calls what is written as a title
        tags.setdefault("title", name)
    if out.format.name in _MP4_FAMILY and tags.get("title"):
        tags["handler_name"] = tags["title"]  # MP4 has no better place, and players show it
    stream.metadata.clear()
    stream.metadata.update(tags)
    stream.disposition = source.disposition


def set_tags(out: Any, tags: Mapping[str, str]) -> None:
    """Gives the container the tags of its source."""
    out.metadata.update(
        {name: text for name, text in tags.items() if name.lower() not in _NOT_TAGS}
    )


def set_chapters(out: Any, chapters: tuple[Chapter, ...], origin: Fraction) -> None:
    """Gives the container `chapters`, whose times count from `origin`."""
    out.set_chapters(
        [
            {
                "id": number,
                "start": round((chapter.span.start + origin) / _NANOSECOND),
                "end": round((chapter.span.end + origin) / _NANOSECOND),
                "time_base": _NANOSECOND,
                "metadata": {"title": chapter.title} if chapter.title else {},
            }
            for number, chapter in enumerate(chapters, 1)
        ]
    )
