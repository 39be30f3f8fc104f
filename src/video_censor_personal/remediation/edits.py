"""The edit plan: what the copy will keep, change and drop, as a value.

Times are seconds since the first presented frame of the source. Nothing here opens a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from video_censor_personal.findings import Box, TrackPoint
from video_censor_personal.media.base import Chapter, StreamInfo
from video_censor_personal.remediation.actions import SoundAction
from video_censor_personal.remediation.codecs import Encoding
from video_censor_personal.timeline import Span, union, within

__all__ = ["EditPlan", "PictureEdit", "SoundEdit", "StreamPlan", "WordMask", "Work"]

Work = Literal["copy", "splice", "encode", "rewrite", "drop"]
"""What happens to a stream: packets as they are; packets as they are with new ones between them;
all of it decoded and encoded; packets changed; left out."""

# Between two sightings this far apart the thing may have been anywhere around both.
_SAME_PLACE = 0.3


@dataclass(frozen=True, slots=True)
class SoundEdit:
    """`span` of the sound is replaced; fades lie outside it."""

    span: Span
    action: SoundAction


@dataclass(frozen=True, slots=True)
class PictureEdit:
    """`span` of the picture is made unrecognisable: inside a box that follows `track`, whose boxes
    are padded already, or everywhere where `track` is empty."""

    span: Span
    action: Literal["blur", "pixelate", "blank"]
    track: tuple[TrackPoint, ...] = ()

    def box_at(self, time: Fraction) -> Box | None:
        """The box at `time`, None for the whole picture.

        It moves straight from one sighting to the next; where those two hardly overlap it covers
        both. Before the first and after the last sighting it stands still.
        """
        if not self.track:
            return None
        before = [point for point in self.track if point.time <= time]
        after = self.track[len(before) :]
        if not before or not after:
            return (before[-1] if before else after[0]).box
        a, b = before[-1], after[0]
        if a.box.overlap(b.box) < _SAME_PLACE:
            return _around(a.box, b.box)
        return a.box.towards(b.box, float((time - a.time) / (b.time - a.time)))


def _around(a: Box, b: Box) -> Box:
    left, top = min(a.x, b.x), min(a.y, b.y)
    right, bottom = max(a.x + a.width, b.x + b.width), max(a.y + a.height, b.y + b.height)
    return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True, slots=True)
class WordMask:
    """`word` becomes `replacement` (empty: asterisks) in subtitles that are shown near `span`."""

    span: Span
    word: str
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What happens to one stream, and why; the three lists of spans cover all of it.

    `edited`: the plan's edits of its kind hold here (else it may be encoded only to be cut).
    `obstacle`: why all of it is encoded, where parts would do.
    `new_title`: it is a further track of the copy, made of `stream` and called so.
    `default`: whether a player takes it by itself; None: as the source says.
    """

    stream: StreamInfo
    work: Work
    why: str = ""
    encoding: Encoding | None = None
    edited: bool = False
    copied: tuple[Span, ...] = ()
    encoded: tuple[Span, ...] = ()
    dropped: tuple[Span, ...] = ()
    obstacle: str = ""
    new_title: str = ""
    default: bool | None = None

    def whole(self, obstacle: str) -> StreamPlan:
        """The same with all of the stream encoded, because of `obstacle`."""
        encoded = tuple(union([*self.copied, *self.encoded]))
        return replace(self, work="encode", copied=(), encoded=encoded, obstacle=obstacle)

    def __str__(self) -> str:
        stream = self.stream
        facts = ", ".join(fact for fact in (stream.codec, stream.language, stream.title) if fact)
        name = f"stream {stream.index} ({stream.kind}{': ' if facts else ''}{facts})"
        if self.new_title:
            name = f"new track {self.new_title} of {name}"
        if self.work == "drop":
            return f"{name}: left out, {self.why}"
        parts = [
            f"{_length(self.copied)} {'rewritten' if self.work == 'rewrite' else 'copied'}"
            f"{self._bytes(self.copied)}"
            if self.copied
            else "",
            f"{_length(self.encoded)} encoded anew{self._encoder()}" if self.encoded else "",
            "the rest of their groups of pictures too" if self._goes_on else "",
            f"{_length(self.dropped)} cut out" if self.dropped else "",
        ]
        done = ", ".join(part for part in parts if part) or "copied"
        why = f", as {self.why}" if self.why else ""
        return f"{name}: {done}{why}{f' ({self.obstacle})' if self.obstacle else ''}"

    @property
    def _goes_on(self) -> bool:
        return self.work == "splice" and self.stream.kind == "video"

    def _bytes(self, spans: tuple[Span, ...]) -> str:
        if not self.stream.bit_rate:
            return ""
        size = float(sum(span.duration for span in spans)) * self.stream.bit_rate / 8
        return f" (about {size / 1e6:.1f} MB)"

    def _encoder(self) -> str:
        if self.encoding is None:
            return ""
        rate = f" at {self.encoding.bit_rate // 1000} kb/s" if self.encoding.bit_rate else ""
        why = f", because {self.encoding.why_other}" if self.encoding.why_other else ""
        by = f" by {self.encoding.encoder}" if self.encoding.is_hardware else ""
        return f" as {self.encoding.codec}{by}{rate}{why}"


@dataclass(frozen=True, slots=True)
class EditPlan:
    """Everything that is done to make the copy.

    Attributes:
        sound: edits of the tracks that `streams` has encoded, in order, not overlapping.
        picture: edits of every picture that is not cover art; where two overlap, both hold.
        cuts: taken out of every stream, in order, not overlapping.
        chapters: all of the copy's, on the source's times.
        notes: what a person should know before it is done.
        duration: of the source, None where unknown. What is done at its end may reach beyond it,
            lest a file that is longer than it says is left as it is.
    """

    streams: tuple[StreamPlan, ...]
    sound: tuple[SoundEdit, ...] = ()
    picture: tuple[PictureEdit, ...] = ()
    cuts: tuple[Span, ...] = ()
    masks: tuple[WordMask, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    notes: tuple[str, ...] = ()
    duration: Fraction | None = None

    @property
    def changes_nothing(self) -> bool:
        """Whether the copy is to be the source, with at most other chapters."""
        return not (self.sound or self.picture or self.cuts or self.masks)

    def without_joints(self, index: int, obstacle: str) -> EditPlan:
        """The same with all of stream `index` encoded, because of `obstacle`."""
        streams = (
            s.whole(obstacle) if s.stream.index == index and s.work == "splice" else s
            for s in self.streams
        )
        return replace(self, streams=tuple(streams))

    def describe(self) -> list[str]:
        """The plan in lines for a person: the edits, then every stream, then the notes."""
        return [*self._edits(), *(str(stream) for stream in self.streams), *self.notes]

    def _edits(self) -> Iterator[str]:
        if self.changes_nothing:
            yield "nothing to change"
        kinds: dict[str, list[Span]] = {}
        for sound in self.sound:
            kinds.setdefault(sound.action, []).append(sound.span)
        for picture in self.picture:
            kinds.setdefault(picture.action, []).append(picture.span)
        kinds["cut"] = list(self.cuts)
        for kind, all_spans in kinds.items():
            if spans := within(all_spans, self.duration):
                times = "once" if len(spans) == 1 else f"{len(spans)} times"
                yield f"{kind}: {times}, {_length(union(spans))} in all"
        kept = (s.stream.kind for s in self.streams if s.work != "drop")
        if self.masks and "subtitle" in kept:
            words = len({mask.word.casefold() for mask in self.masks})
            yield f"subtitles: {words} word{'s' * (words > 1)} masked"


def _length(spans: tuple[Span, ...] | list[Span]) -> str:
    return f"{float(sum((span.duration for span in spans), Fraction(0))):.2f} s"
