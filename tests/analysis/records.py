"""Records of analyses, made up."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import strategies as st

from video_censor_personal.analysis.coverage import Search
from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.analysis.tracks import Look
from video_censor_personal.detectors.base import STRENGTHS, Scale
from video_censor_personal.findings import Box, Detection, Gap, Sighting
from video_censor_personal.timeline import Span

STEP = Fraction(1, 2)


def seeing(
    name: str,
    scores: Sequence[float],
    category: str = "violence",
    scale: Scale = STRENGTHS,
    step: Fraction = STEP,
) -> Witness:
    """Looks every `step`, with one frame between two that nobody looked at; 0: saw nothing."""
    looks = [
        Look(
            number * step,
            max(Fraction(0), number * step - step / 2),
            (Sighting(category, "GORE", score, None, "blood"),) if score else (),
        )
        for number, score in enumerate(scores)
    ]
    search = Search(name, "video", frozenset({category}))
    return Witness(search, {category: scale}, f"{name} 1", tuple(looks))


def hearing(name: str, *heard: tuple[float, float, float], category: str = "violence") -> Witness:
    """Heard from, until, with which score."""
    found = tuple(
        Detection(
            category, "scream", Span.of(start, end), score, "", name, "audio",
            replacement="sigh", score=score,
        )
        for start, end, score in heard
    )  # fmt: skip
    return Witness(Search(name, "audio", frozenset({category})), {}, f"{name} 1", heard=found)


def record(*witnesses: Witness, end: Fraction | int = 10, sensitivity: float = 0.5) -> Evidence:
    categories = {category for w in witnesses for category in w.search.categories}
    return Evidence(
        witnesses, duration=Fraction(end), end=Fraction(end),
        sensitivities=dict.fromkeys(categories, sensitivity),
    )  # fmt: skip


scores = st.integers(0, 1000).map(lambda number: number / 1000)
names = st.sampled_from(["violence", "faces", "own concept"])
boxes = st.builds(Box, *[st.integers(0, 5000).map(lambda number: number / 10_000)] * 4)
sightings = st.builds(Sighting, names, st.sampled_from("ab"), scores, st.none() | boxes, st.text())
scales = st.lists(scores, min_size=3, max_size=3, unique=True).map(
    lambda three: Scale(*sorted(three, reverse=True))
)


@st.composite
def witnesses(draw: st.DrawFn, name: str) -> Witness:
    audio = draw(st.booleans())
    search = Search(
        name, "audio" if audio else "video", frozenset(draw(st.sets(names))), {"x": "y"},
        draw(st.just(()) | st.just(("stream 3 (audio: jpn)",))), draw(st.frozensets(st.text())),
    )  # fmt: skip
    meaning = draw(st.dictionaries(names, scales))
    kind = draw(st.sampled_from(["", "a kind"]))
    if audio:
        heard = draw(st.lists(st.tuples(names, st.integers(0, 90), st.integers(1, 40), scores)))
        found = tuple(
            Detection(
                category, "w", Span(Fraction(at, 7), Fraction(at + length, 7)), score, "r", name,
                "audio", evidence="cue", replacement="x", score=score,
            )
            for category, at, length, score in heard
        )  # fmt: skip
        return Witness(search, meaning, "m", heard=found, kind=kind)
    times = sorted(draw(st.sets(st.integers(0, 100), max_size=12)))
    looks = [
        Look(
            Fraction(time, 8),
            Fraction(draw(st.integers(before + 1, time)), 8),
            tuple(draw(st.lists(sightings, max_size=3))),
            regular=draw(st.booleans()),
            starts_shot=draw(st.booleans()),
        )
        for before, time in zip([-1, *times], times, strict=False)
    ]
    return Witness(search, meaning, "m", tuple(looks), kind=kind)


gaps = st.builds(
    lambda at, length, reason, category, passing: Gap(
        Span(Fraction(at, 3), Fraction(at + length, 3)), reason, category, passing
    ),
    st.integers(0, 20), st.integers(0, 9), st.text(), st.none() | names, st.booleans(),
)  # fmt: skip
evidences = st.builds(
    Evidence,
    witnesses=st.tuples(witnesses("one"), witnesses("two"), witnesses("three")),
    gaps=st.fixed_dictionaries({"video": st.lists(gaps, max_size=2).map(tuple)}),
    duration=st.none() | st.just(Fraction(1001, 80)),
    end=st.just(Fraction(13)),
    sensitivities=st.fixed_dictionaries(dict.fromkeys(("violence", "faces"), scores)),
)
