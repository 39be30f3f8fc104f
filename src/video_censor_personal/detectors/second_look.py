"""The interface between an analysis and whatever takes a second, costly look at single frames.

A plug-in whose `build` gives a `SecondLook` instead of a `FrameDetector` is not shown the film: it
is asked about a few frames of the stretches in which others have any evidence, or of each scene
(`analysis.second_looks`). It may say yes, no, or nothing that can be used; the three are different.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import Field

from video_censor_personal.detectors.base import DetectorSettings, Scale
from video_censor_personal.media.base import Frame

__all__ = [
    "DEFAULT_BUDGET",
    "YES_OR_NO",
    "Answer",
    "Asker",
    "Question",
    "SecondLook",
    "SecondLookOptions",
]

DEFAULT_BUDGET = 200
"""Frames of one film, where a person names no number."""

YES_OR_NO = Scale(strict=0.95, default=0.75, lenient=0.5)
"""Of scores that say how much more likely a yes is than a no. At 0.5 both are as likely; the other
two are margins, not measured on films."""


@dataclass(frozen=True, slots=True)
class SecondLookOptions:
    """What every entry of such a detector under `detectors:` may say.

    Attributes:
        look: `candidates`: only where other detectors have any evidence; `scenes`: also once in
            every shot, for the categories that no other detector looks at pictures for.
        every_s: longer stretches are divided into parts of at most so many seconds, each judged by
            looks of its own.
        frames_per_span: the most frames that one stretch is judged by.
        budget: the most frames of one film; None: `DEFAULT_BUDGET`.
        may_clear: a no lowers what others saw; for whoever judges to read (`Assignment.may_clear`).
        prompt: a file with what the model is asked, instead of the one that comes along.
    """

    look: Literal["candidates", "scenes"] = "candidates"
    every_s: Annotated[float, Field(ge=1)] = 10.0
    frames_per_span: Annotated[int, Field(ge=1, le=100)] = 3
    budget: Annotated[int, Field(ge=1)] | None = None
    may_clear: bool = False
    prompt: Annotated[str, Field(min_length=1)] | None = None

    @property
    def most_frames(self) -> int:
        """Of one film."""
        return DEFAULT_BUDGET if self.budget is None else self.budget


@dataclass(frozen=True, slots=True)
class Question:
    """Which of `categories` does `frame` show?"""

    frame: Frame
    categories: frozenset[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a second look says of one frame.

    Attributes:
        scores: the raw score of every category that was asked for, or of none.
        failure: why there is no answer that can be used; empty where there is one.
        passing: it may well succeed another time; scores with such an answer are not used again.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""
    passing: bool = False


@runtime_checkable
class SecondLook(Protocol):
    """Answers questions about frames. Thread-confined: one thread at a time calls it.

    Attributes:
        labels: what people call each category.
        scales: what the raw scores mean; what is below `lenient` is a no.
        batch: how many questions it likes to get at once.
        absence: why it can answer nothing at all in this run; empty: it can.
    """

    name: str
    categories: frozenset[str]
    labels: Mapping[str, str]
    scales: Mapping[str, Scale]
    options: SecondLookOptions
    batch: int
    absence: str
    # `model: str`: which model answers, where the `revision` of its plug-in cannot tell beforehand.

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer a question, in order. What can be expected to go wrong is in the answers.

        The answer to a question does not depend on which other questions come with it.
        """
        ...

    def release(self) -> None:
        """Let go of connections until it is asked again; called when there is no more to ask."""
        ...


class Asker:
    """What everyone who asks a model yes or no says of itself; see `SecondLook`."""

    def __init__(self, settings: DetectorSettings) -> None:
        self.name = settings.name
        self.categories = frozenset(settings.categories)
        self.labels = {key: category.label for key, category in settings.categories.items()}
        self.scales: Mapping[str, Scale] = dict.fromkeys(self.categories, YES_OR_NO)
        self.absence = self.model = ""
