"""What is where in a sample movie: the values that a test compares an analysis with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from video_censor_personal.findings import Box
from video_censor_personal.media.base import Chapter, Cue
from video_censor_personal.timeline import Span

__all__ = ["PlantedPortrait", "PlantedWord", "Truth", "read_truth"]


@dataclass(frozen=True, slots=True)
class PlantedWord:
    """A spoken word.

    Attributes:
        exact: the edges are known to the sample; else they were measured by forced alignment,
            good to about 0.05 s.
        subtitled: a subtitle says the word too.
    """

    text: str
    span: Span
    exact: bool
    subtitled: bool


@dataclass(frozen=True, slots=True)
class PlantedPortrait:
    """A stay of the portrait in the picture.

    Attributes:
        span: the time in which the whole face is in the picture.
        visible: the time in which any of the face is; `span` lies within it.
        faces: time of every frame in `visible`, and the part of the face that is in the picture.
    """

    span: Span
    visible: Span
    faces: tuple[tuple[Fraction, Box], ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that was planted in a sample movie.

    Attributes:
        words: the swear words; `innocent` holds words that only look like some.
        cuts: the times at which a new shot begins, 0 not among them.
    """

    duration: Fraction
    frame_rate: Fraction
    width: int
    height: int
    words: tuple[PlantedWord, ...]
    innocent: tuple[PlantedWord, ...]
    portraits: tuple[PlantedPortrait, ...]
    cuts: tuple[Fraction, ...]
    cues: tuple[Cue, ...]
    chapters: tuple[Chapter, ...]

    @property
    def frame_count(self) -> int:
        return int(self.duration * self.frame_rate)

    def face_at(self, time: Fraction) -> Box | None:
        """Where the face is in the frame that is shown at `time`, None where there is none."""
        for portrait in self.portraits:
            if portrait.visible.contains(time):
                index = int((time - portrait.visible.start) * self.frame_rate)
                return portrait.faces[index][1]
        return None

    def write(self, path: Path) -> None:
        """Write it as JSON, which `read_truth` reads."""
        path.write_text(json.dumps(self._to_dict(), indent=1) + "\n", encoding="utf-8")

    def _to_dict(self) -> dict[str, Any]:
        return {
            "duration": str(self.duration),
            "frame_rate": str(self.frame_rate),
            "width": self.width,
            "height": self.height,
            "words": [_word_to_dict(word) for word in self.words],
            "innocent": [_word_to_dict(word) for word in self.innocent],
            "portraits": [
                {
                    "span": _pair(portrait.span),
                    "visible": _pair(portrait.visible),
                    "faces": [
                        [str(time), [box.x, box.y, box.width, box.height]]
                        for time, box in portrait.faces
                    ],
                }
                for portrait in self.portraits
            ],
            "cuts": [str(cut) for cut in self.cuts],
            "cues": [{"span": _pair(cue.span), "text": cue.text} for cue in self.cues],
            "chapters": [
                {"span": _pair(chapter.span), "title": chapter.title} for chapter in self.chapters
            ],
        }


def read_truth(path: Path) -> Truth:
    """What `Truth.write` wrote, times exact."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return Truth(
        duration=Fraction(data["duration"]),
        frame_rate=Fraction(data["frame_rate"]),
        width=data["width"],
        height=data["height"],
        words=tuple(_word(word) for word in data["words"]),
        innocent=tuple(_word(word) for word in data["innocent"]),
        portraits=tuple(
            PlantedPortrait(
                _span(portrait["span"]),
                _span(portrait["visible"]),
                tuple((Fraction(time), Box(*box)) for time, box in portrait["faces"]),
            )
            for portrait in data["portraits"]
        ),
        cuts=tuple(Fraction(cut) for cut in data["cuts"]),
        cues=tuple(Cue(_span(cue["span"]), cue["text"], "eng") for cue in data["cues"]),
        chapters=tuple(
            Chapter(_span(chapter["span"]), chapter["title"]) for chapter in data["chapters"]
        ),
    )


def _pair(span: Span) -> list[str]:
    return [str(span.start), str(span.end)]


def _span(pair: list[str]) -> Span:
    return Span(Fraction(pair[0]), Fraction(pair[1]))


def _word_to_dict(word: PlantedWord) -> dict[str, Any]:
    return {
        "text": word.text,
        "span": _pair(word.span),
        "exact": word.exact,
        "subtitled": word.subtitled,
    }


def _word(data: Mapping[str, Any]) -> PlantedWord:
    return PlantedWord(data["text"], _span(data["span"]), data["exact"], data["subtitled"])
