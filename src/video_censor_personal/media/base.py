"""What the media layer hands out: facts about a file, frames, blocks of sound, subtitle cues.

Every time is in seconds since the first presented frame of the file (of its first sound where
there is no picture), as an exact `Fraction`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from video_censor_personal.timeline import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "SAMPLE_RATE_HZ",
    "AudioBlock",
    "Chapter",
    "Cue",
    "Frame",
    "MediaInfo",
    "StreamInfo",
    "StreamKind",
    "Unseen",
]

SAMPLE_RATE_HZ = 16_000
"""The rate at which detectors hear sound."""

StreamKind = Literal["video", "audio", "subtitle", "data", "attachment"]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of a file, as its container declares it.

    Attributes:
        index: position in the file.
        kind: what it carries; cover art is a `video` stream with `attached_picture` set.
        codec: FFmpeg's name of the codec (`h264`, `aac`, `mov_text`), or empty if unknown.
        decodable: whether a decoder is there for it.
        start, duration: seconds, duration None where unknown.
        width, height: of the picture as shown (rotation and sample aspect ratio not applied).
        rotation: degrees counter-clockwise by which a player turns the picture: 0, 90, 180, 270.
        text: a subtitle stream of text (not of pictures).
        profile: FFmpeg's name of the codec's profile (`LC`, `HE-AAC`, `High`, `Main 10`).
        interlaced: the first picture consists of two fields.
        setup: what the container hands to the decoder before the first packet (`avcC`, `hvcC`, an
            `AudioSpecificConfig`), the first packet of AC-3 and E-AC-3; empty where there is none.
        flags: the stream's dispositions: `default`, `forced`, `comment`, ...
    """

    index: int
    kind: StreamKind
    codec: str
    decodable: bool = True
    language: str = ""
    title: str = ""
    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    bit_rate: int | None = None
    width: int = 0
    height: int = 0
    rotation: int = 0
    pixel_format: str = ""
    frame_rate: Fraction | None = None
    channels: int = 0
    channel_layout: str = ""
    sample_rate_hz: int = 0
    text: bool = False
    attached_picture: bool = False
    flags: frozenset[str] = frozenset()
    profile: str = ""
    interlaced: bool = False
    setup: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Chapter:
    span: Span
    title: str = ""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file holds.

    Attributes:
        origin: the container's own time (seconds) at which the first frame is shown; our time 0.
        duration: seconds as shown, None where the container does not say.
    """

    path: Path
    container: str
    origin: Fraction
    duration: Fraction | None
    size_bytes: int
    streams: tuple[StreamInfo, ...]
    chapters: tuple[Chapter, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def video(self) -> StreamInfo | None:
        """The stream a player would show: the default one, else the first; never cover art."""
        return _preferred([s for s in self.streams if s.kind == "video" and not s.attached_picture])

    @property
    def audio(self) -> StreamInfo | None:
        """The stream a player would play: the default one, else the first."""
        return _preferred([s for s in self.streams if s.kind == "audio"])

    def of_kind(self, kind: StreamKind) -> tuple[StreamInfo, ...]:
        return tuple(stream for stream in self.streams if stream.kind == kind)


def _preferred(streams: list[StreamInfo]) -> StreamInfo | None:
    return next((s for s in streams if "default" in s.flags), streams[0] if streams else None)


class Unseen(Protocol):
    """Pictures between two frames that were not decoded, but can be."""

    @property
    def size_bytes(self) -> int:
        """Of what is kept for that."""
        ...

    def before(self, frame: Frame) -> Iterator[Frame]:
        """Decode them: in order, up to the first that cannot be trusted, and last `frame`, which
        comes after them."""
        ...


class Frame:
    """One decoded picture, upright, converted to RGB only in the sizes somebody asks for.

    `video_frame` is the decoder's frame (`av.VideoFrame`); `rotation` is in degrees
    counter-clockwise as in `StreamInfo`. `since` is the time of the first picture after the frame
    before this one: its own, unless pictures between them were not decoded. `unseen`: those that
    can still be. `due`: whoever chose what is decoded wants to look at it.
    """

    def __init__(
        self,
        time: Fraction,
        video_frame: Any,
        rotation: int = 0,
        *,
        since: Fraction | None = None,
        due: bool = False,
        unseen: Unseen | None = None,
    ) -> None:
        self.time = time
        self.since = time if since is None else since
        self.due = due
        self.unseen = unseen
        self.video_frame = video_frame
        self.rotation = rotation % 360
        self._scaled: dict[tuple[int, int, str], NDArray[np.uint8]] = {}

    @property
    def width(self) -> int:
        """Pixels across, upright."""
        frame = self.video_frame
        return int(frame.height if self.rotation in (90, 270) else frame.width)

    @property
    def height(self) -> int:
        """Pixels down, upright."""
        frame = self.video_frame
        return int(frame.width if self.rotation in (90, 270) else frame.height)

    def rgb(self, longest_side: int) -> NDArray[np.uint8]:
        """`(H, W, 3) uint8 RGB`, upright, scaled down so that its longer side is `longest_side`.

        A smaller picture is scaled up; the aspect ratio of the pixels is kept.
        """
        # Of swscale's ways this finds small faces best: with AREA, the sharpest and cheapest (0.3
        # instead of 0.8 ms for 1080p), NudeNet missed three of nine that it finds so (measured).
        return self.scaled(*self._size(longest_side), "BILINEAR")

    def scaled(self, width: int, height: int, interpolation: str) -> NDArray[np.uint8]:
        """`(height, width, 3) uint8 RGB`, upright, whatever that does to the aspect ratio.

        `interpolation` is one of swscale's (`AREA`, `BILINEAR`, `BICUBIC`, `LANCZOS`, `POINT`).
        """
        wanted = (width, height, interpolation)
        if wanted not in self._scaled:
            frame = self._reformatted(width, height, "rgb24", interpolation)
            import numpy as np  # loaded on use: judging kept scores needs no pictures

            picture = np.rot90(frame.to_ndarray(), self.rotation // 90)
            self._scaled[wanted] = np.ascontiguousarray(picture)
        return self._scaled[wanted]

    def reduced(self, longest_side: int) -> Frame:
        """The same moment as a smaller picture of 8 bits, which takes less memory."""
        small = self._reformatted(*self._size(longest_side), "yuv420p", "BILINEAR")
        return Frame(
            self.time, small, self.rotation, since=self.since, due=self.due, unseen=self.unseen
        )

    def _size(self, longest_side: int) -> tuple[int, int]:
        ratio = longest_side / max(self.width, self.height)
        return max(1, round(self.width * ratio)), max(1, round(self.height * ratio))

    def _reformatted(self, width: int, height: int, pixel_format: str, interpolation: str) -> Any:
        """The decoder's frame in another upright size and another format, not turned."""
        across, down = (height, width) if self.rotation in (90, 270) else (width, height)
        return self.video_frame.reformat(
            width=across, height=down, format=pixel_format, interpolation=interpolation
        )


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Consecutive sound: `samples` is `(N,) int16`, mono, at `SAMPLE_RATE_HZ`."""

    time: Fraction
    samples: NDArray[np.int16]

    @property
    def span(self) -> Span:
        return Span(self.time, self.time + Fraction(len(self.samples), SAMPLE_RATE_HZ))


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: plain text, lines joined by newline, styling removed.

    `source` says where it comes from, for people: `track 2 (eng)` or a file name. `abridged`: words
    were taken out of it, or out of its sound, so it may not tell all that is said.
    """

    span: Span
    text: str
    language: str = ""
    source: str = ""
    abridged: bool = False
