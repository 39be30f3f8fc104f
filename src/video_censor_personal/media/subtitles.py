"""What subtitles say: text tracks inside a file, and subtitle files beside it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error
import pysubs2
from av.stream import Discard

from video_censor_personal.media.base import Cue, MediaInfo, StreamInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.media.cue_text import spoken_text
from video_censor_personal.media.languages import is_language, same_language
from video_censor_personal.media.packets import packets
from video_censor_personal.timeline import Span

__all__ = ["SubtitleText", "files_beside", "read_cues", "read_subtitles"]

_SUFFIXES = {".srt": "srt", ".vtt": "vtt", ".ass": "ass", ".ssa": "ass"}
_FLAVOURS = frozenset({"cc", "default", "forced", "full", "hi", "sdh"})
_LARGEST_BYTES = 32 * 1024 * 1024
_PARSING_ERRORS = (pysubs2.Pysubs2Error, ValueError, LookupError)
_UNTIL_NEXT = Fraction(5)  # seconds for a cue that has no end and none after it


@dataclass(frozen=True, slots=True)
class SubtitleText:
    """What could be read of a video's subtitles.

    Attributes:
        cues: in order of time.
        sources: the tracks and files they come from.
        problems: a sentence for each track or file that could not be read, or not wholly.
    """

    cues: tuple[Cue, ...]
    sources: tuple[str, ...]
    problems: tuple[str, ...]


def read_cues(info: MediaInfo, *, languages: Sequence[str] = ()) -> list[Cue]:
    """The cues of `read_subtitles`."""
    return list(read_subtitles(info, languages=languages).cues)


def read_subtitles(info: MediaInfo, *, languages: Sequence[str] = ()) -> SubtitleText:
    """Every text track in the file and every subtitle file beside it.

    Beside it means `<stem>.srt`, `.vtt`, `.ass` or `.ssa`, and `<stem>.<language>.srt` and so on;
    their times count from the first frame. With `languages` (`en`, `eng`, `english`), tracks and
    files of other languages are passed over; those that do not say are read. The same words at
    the same time in two sources count once.

    Raises:
        InputError: the video cannot be read any more.
    """
    reading = _Reading(info, tuple(languages))
    reading.read_tracks()
    reading.read_files()
    return reading.result()


class _Reading:
    """Collects cues, and what went wrong."""

    def __init__(self, info: MediaInfo, languages: tuple[str, ...]) -> None:
        self._info, self._languages = info, languages
        self._cues: dict[tuple[Span, str], Cue] = {}
        self._sources: list[str] = []
        self._problems: list[str] = []

    def result(self) -> SubtitleText:
        cues = sorted(self._cues.values(), key=lambda cue: cue.span)
        return SubtitleText(tuple(cues), tuple(self._sources), tuple(self._problems))

    def read_tracks(self) -> None:
        readable = []
        for stream in self._info.of_kind("subtitle"):
            if not self._wanted(stream.language):
                continue
            if stream.decodable and stream.text:
                readable.append(stream)
            else:
                what = "holds pictures, not text" if stream.decodable else "is of an unknown kind"
                codec = f" ({stream.codec})" if stream.codec else ""
                self._problems.append(f"subtitle {_track(stream)}{codec} {what}: it was not read")
        if readable:
            self._read_streams(readable)

    def _read_streams(self, streams: Sequence[StreamInfo]) -> None:
        with open_media(self._info.path) as container:
            tracks: dict[int, _Track] = {}
            for stream in container.streams:
                stream.discard = Discard.all  # spares reading the picture and the sound
            for info in streams:
                stream = container.streams[info.index]
                stream.discard = Discard.default
                tracks[info.index] = _Track(info, stream, self._info.origin)
            for packet in packets(container, [track.stream for track in tracks.values()]):
                tracks[packet.stream_index].read(packet)
        for track in tracks.values():
            source = _track(track.info)
            cues = track.cues()
            self._add(source, track.info.language, cues)
            self._count_unreadable(source, track.unreadable, len(cues))

    def read_files(self) -> None:
        folder = self._info.path.parent
        try:
            beside = list(files_beside(self._info.path))
        except OSError as error:
            self._problems.append(
                f"subtitle files in {folder} were not looked for: {error.strerror}"
            )
            return
        for path, language in beside:
            if not self._wanted(language):
                continue
            try:
                cues, unreadable = _file_cues(path)
            except _UnreadableError as error:
                self._problems.append(f"subtitle file {path.name}: {error}")
            else:
                self._add(path.name, language, cues)
                self._count_unreadable(f"file {path.name}", unreadable, len(cues))

    def _count_unreadable(self, source: str, unreadable: int, readable: int) -> None:
        if unreadable:
            total = unreadable + readable
            self._problems.append(f"subtitle {source}: {unreadable} of {total} cues are damaged")

    def _wanted(self, language: str) -> bool:
        wanted = self._languages
        return not wanted or not language or any(same_language(language, w) for w in wanted)

    def _add(self, source: str, language: str, cues: Sequence[tuple[Span, str]]) -> None:
        self._sources.append(source)
        for span, text in cues:
            self._cues.setdefault((span, text), Cue(span, text, language, source))


def _track(stream: StreamInfo) -> str:
    return f"track {stream.index}" + (f" ({stream.language})" if stream.language else "")


class _Track:
    """A text track inside the video."""

    def __init__(self, info: StreamInfo, stream: Any, origin: Fraction) -> None:
        self.info, self.stream = info, stream
        self.unreadable = 0
        self._origin = origin
        self._base = Fraction(stream.time_base)
        self._lines: list[tuple[Fraction, Fraction | None, str]] = []

    def read(self, packet: Any) -> None:
        # MP4 fills the time between two cues with packets that hold an empty text of 2 bytes.
        if packet.pts is None or packet.size <= 2:
            return
        try:
            decoded = self.stream.codec_context.decode2(packet)
        except av.error.FFmpegError:
            self.unreadable += 1
            return
        rects = decoded or ()
        # An ASS event; its text is what follows the eighth comma. `rect.dialogue` would drop words.
        events = [rect.ass.decode("utf-8", "replace") for rect in rects]
        lines = [event.split(",", 8)[-1] for event in events]
        start = packet.pts * self._base - self._origin
        end = start + packet.duration * self._base if packet.duration else None
        self._lines.append((start, end, spoken_text("\n".join(lines))))

    def cues(self) -> list[tuple[Span, str]]:
        """Those that say something; one without an end lasts until the next begins."""
        found = []
        for number, (start, end, text) in enumerate(self._lines):
            if end is None:
                following = (line[0] for line in self._lines[number + 1 :] if line[0] > start)
                end = min(next(following, start + _UNTIL_NEXT), start + _UNTIL_NEXT)
            if text:
                found.append((Span(start, end), text))
        return found


class _UnreadableError(Exception):
    """A subtitle file cannot be used; the message says why."""


def files_beside(video: Path) -> Iterator[tuple[Path, str]]:
    """The subtitle files of `video`, by name: (file, its language or empty).

    Raises:
        OSError: the folder cannot be read.
    """
    for path in sorted(video.parent.iterdir()):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file():
            continue
        # `show.s01e02.srt` belongs to another video than `show.mkv`; `show.en.sdh.srt` to that.
        name = path.name[: -len(path.suffix)]
        if not name.startswith(video.stem):
            continue
        rest = name[len(video.stem) :]
        parts = rest.lower().split(".")[1:]
        named = [part for part in parts if is_language(part) and part not in _FLAVOURS]
        known = all(part in _FLAVOURS or is_language(part) for part in parts)
        if known and (not rest or rest.startswith(".")):
            yield path, named[0] if named else ""


def _file_cues(path: Path) -> tuple[list[tuple[Span, str]], int]:
    """The cues of a file, and how many pieces of it could not be read."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise _UnreadableError("it is far too large for subtitles")
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise _UnreadableError(f"it cannot be read: {error.strerror}") from error
    events, unreadable = _events(text, _SUFFIXES[path.suffix.lower()])
    cues = []
    for event in events:
        text, swallowed = _without_swallowed(event.text)
        unreadable += swallowed
        spoken = spoken_text(text)
        if spoken and not event.is_comment and event.start < event.end:
            cues.append((Span(Fraction(event.start, 1000), Fraction(event.end, 1000)), spoken))
    if not cues:
        raise _UnreadableError("there is not one subtitle in it that can be read")
    return cues, unreadable


def _without_swallowed(text: str) -> tuple[str, int]:
    """A cue without those that follow it and became part of it because their times are damaged."""
    lines = text.split("\\N")
    times = [number for number, line in enumerate(lines) if "-->" in line]
    if not times:
        return text, 0
    end = times[0]
    if end and lines[end - 1].strip().isdigit():  # SRT numbers its cues
        end -= 1
    return "\\N".join(lines[:end]), len(times)


def _events(text: str, kind: str) -> tuple[list[pysubs2.SSAEvent], int]:
    """Its events, read one by one if the whole cannot be read, and how many of those could not."""
    try:
        return _parsed(text, kind), 0
    except _PARSING_ERRORS:
        pass
    events, unreadable = [], 0
    for piece in _pieces(text, kind):
        try:
            events += _parsed(piece, kind)
        except _PARSING_ERRORS:
            unreadable += 1
    return events, unreadable


def _parsed(text: str, kind: str) -> list[pysubs2.SSAEvent]:
    with warnings.catch_warnings():  # of styles, which do not matter here
        warnings.simplefilter("ignore", RuntimeWarning)
        return pysubs2.SSAFile.from_string(text, format_=kind).events


def _pieces(text: str, kind: str) -> Iterator[str]:
    """Each event of a file as a file of its own."""
    if kind != "ass":
        head = "WEBVTT\n\n" if kind == "vtt" else ""
        yield from (head + block for block in re.split(r"\n\s*\n", text) if "-->" in block)
        return
    lines = text.splitlines()
    layout = [line for line in lines if line.startswith("Format:")][-1:]
    for line in lines:
        if line.startswith("Dialogue:"):
            yield "\n".join(["[Events]", *layout, line])


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        raise _UnreadableError("it is damaged: it holds bytes that no text has")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
