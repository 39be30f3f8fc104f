"""What happens in the sample movie: shots, camera moves, speech, subtitles, chapters.

Times are in seconds of the movie, places in pixels of a shot's scenery.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Any

from video_censor_personal.findings import Box
from video_censor_personal.media.base import Chapter, Cue
from video_censor_personal.sample.truth import PlantedPortrait, PlantedWord, Truth
from video_censor_personal.timeline import Span, seconds

__all__ = [
    "DURATION",
    "FRAME_RATE",
    "SHOTS",
    "SPEECH",
    "TITLE",
    "Clip",
    "Portrait",
    "Shot",
    "View",
    "data_file",
    "tell_truth",
]

TITLE = "A walk through the gallery"
DURATION = Fraction(40)
FRAME_RATE = Fraction(24)

FACE = Box(169 / 512, 142 / 600, 191 / 512, 199 / 600)
"""The face in `portrait.jpg`, as NudeNet's 320n sees it in the whole photograph."""

SWEAR_WORDS = frozenset({"hell", "damn", "shit"})
LOOK_ALIKES = frozenset({"class", "assess", "cockatoo"})


@dataclass(frozen=True, slots=True)
class View:
    """What the camera shows of the scenery: a 16:9 window, top left corner and width in pixels."""

    x: float
    y: float
    width: float

    @property
    def height(self) -> float:
        return self.width * 9 / 16

    def towards(self, other: View, share: float) -> View:
        return View(
            self.x + (other.x - self.x) * share,
            self.y + (other.y - self.y) * share,
            self.width + (other.width - self.width) * share,
        )


@dataclass(frozen=True, slots=True)
class Portrait:
    """Where the photograph hangs in a scenery, in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot. `moves` are the camera's views at seconds since the shot began, in order."""

    start: Fraction
    scenery: str
    moves: tuple[tuple[float, View], ...]
    portrait: Portrait | None = None

    def view(self, time: Fraction) -> View:
        """What the camera shows at `time` of the movie; it speeds up and slows down smoothly."""
        passed = float(time - self.start)
        for (begin, view), (end, next_view) in pairwise(self.moves):
            if passed < end:
                share = max(0.0, (passed - begin) / (end - begin))
                return view.towards(next_view, share * share * (3 - 2 * share))
        return self.moves[-1][1]

    def face(self, time: Fraction) -> Box | None:
        """The face relative to the picture at `time`, beyond its edges where it is cut off."""
        if self.portrait is None:
            return None
        view, photo = self.view(time), self.portrait
        return Box(
            (photo.x + FACE.x * photo.width - view.x) / view.width,
            (photo.y + FACE.y * photo.height - view.y) / view.height,
            FACE.width * photo.width / view.width,
            FACE.height * photo.height / view.height,
        )


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording of speech; `cue` is what the subtitle says, empty where there is none."""

    start: Fraction
    file: str
    cue: str = ""


SHOTS = (
    Shot(Fraction(0), "sunset", ((0, View(40, 150, 1500)), (5.5, View(420, 190, 1440)))),
    Shot(
        Fraction(11, 2),
        "red room",
        ((0, View(150, 60, 1560)), (5, View(330, 150, 1240))),
        Portrait(690, 210, 512, 600),
    ),
    Shot(Fraction(21, 2), "sea", ((0, View(300, 200, 1360)), (6, View(120, 60, 1760)))),
    Shot(
        Fraction(33, 2),
        "long room",
        (
            (0, View(0, 60, 1500)),
            (4, View(640, 110, 1440)),
            (5, View(640, 110, 1440)),
            (8.5, View(20, 60, 1500)),
        ),
        Portrait(1620, 270, 470, 551),
    ),
    Shot(Fraction(25), "forest", ((0, View(500, 120, 1400)), (5, View(80, 180, 1400)))),
    Shot(
        Fraction(30),
        "green room",
        ((0, View(420, 120, 1280)), (3, View(180, 60, 1600)), (6, View(220, 40, 1600))),
        Portrait(760, 170, 512, 600),
    ),
    Shot(Fraction(36), "city", ((0, View(200, 80, 1600)), (4, View(380, 160, 1400)))),
)

SPEECH = (
    Clip(Fraction(1), "words_hell_slt.wav", "What the hell are you doing\nwith my car?"),
    Clip(
        Fraction(6), "words_clean_kal16.wav", "The class will assess the cockatoo\nat the harbour."
    ),
    Clip(
        Fraction(23, 2),
        "words_damn_awb.wav",
        "Well, damn, I never thought\nthat it would rain today.",
    ),
    Clip(Fraction(18), "words_shit_rms.wav", "This is a piece of shit\nand I will not pay for it."),
    Clip(Fraction(26), "speech_rms.wav"),
)

CHAPTER_STARTS = (
    (Fraction(0), "The mountains"),
    (Fraction(21, 2), "The sea"),
    (Fraction(25), "The forest"),
)


def data_file(name: str) -> Traversable:
    """One of the recordings or pictures that come with the package."""
    return resources.files(__package__) / "data" / name


def tell_truth(width: int, height: int) -> Truth:
    """What is where in the movie when its picture has this size."""
    words = [word for clip in SPEECH for word in _spoken(clip)]
    return Truth(
        duration=DURATION,
        frame_rate=FRAME_RATE,
        width=width,
        height=height,
        words=tuple(word for word in words if word.text in SWEAR_WORDS),
        innocent=tuple(word for word in words if word.text in LOOK_ALIKES),
        portraits=tuple(_stays()),
        cuts=tuple(shot.start for shot in SHOTS[1:]),
        cues=tuple(_cue(clip) for clip in SPEECH if clip.cue),
        chapters=tuple(
            Chapter(Span(start, end), title)
            for (start, title), (end, _) in pairwise((*CHAPTER_STARTS, (DURATION, "")))
        ),
    )


@cache
def _recorded_words() -> dict[str, Any]:
    words: dict[str, Any] = json.loads(data_file("words.json").read_text(encoding="utf-8"))
    return words


def _spoken(clip: Clip) -> Iterator[PlantedWord]:
    recording = _recorded_words()[clip.file]
    for word in recording["words"]:
        span = Span(clip.start + seconds(word["start_s"]), clip.start + seconds(word["end_s"]))
        yield PlantedWord(word["word"], span, recording["timing"] == "exact", bool(clip.cue))


def _cue(clip: Clip) -> Cue:
    """Subtitles come a little before the words and stay a little longer."""
    words = [word.span for word in _spoken(clip)]
    return Cue(
        Span(words[0].start - Fraction(1, 5), words[-1].end + Fraction(3, 10)), clip.cue, "eng"
    )


def _stays() -> Iterator[PlantedPortrait]:
    frame = 1 / FRAME_RATE
    for shot, end in zip(SHOTS, [*(shot.start for shot in SHOTS[1:]), DURATION], strict=True):
        times = [shot.start + index * frame for index in range(int((end - shot.start) / frame))]
        places = [(time, face) for time in times if (face := shot.face(time)) is not None]
        seen = [(time, part) for time, face in places if (part := _inside(face)) is not None]
        whole = [time for time, face in places if _inside(face) == face]
        if seen:
            yield PlantedPortrait(
                Span(whole[0], whole[-1] + frame),
                Span(seen[0][0], seen[-1][0] + frame),
                tuple(seen),
            )


def _inside(face: Box) -> Box | None:
    """The part of `face` that is in the picture; `face` itself where that is all of it."""
    left, right = max(0.0, face.x), min(1.0, face.x + face.width)
    top, bottom = max(0.0, face.y), min(1.0, face.y + face.height)
    if left >= right or top >= bottom:
        return None
    if (left, top) == (face.x, face.y) and right < 1 and bottom < 1:
        return face
    return Box(left, top, right - left, bottom - top)
