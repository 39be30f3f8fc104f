"""The fields of a file of scores as values; `scores` describes the format.

Whatever is not as it was written raises a `LookupError`, `TypeError`, `ValueError` or
`ArithmeticError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from video_censor_personal.analysis.coverage import Search
from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.analysis.making import Making, Part
from video_censor_personal.analysis.tracks import Look
from video_censor_personal.detectors.base import Scale
from video_censor_personal.findings import MODALITIES, Box, Detection, Gap, Modality, Sighting
from video_censor_personal.timeline import Span

__all__ = ["FORMAT", "VERSION", "read_fields"]

FORMAT = "video-censor scores"
VERSION = 1

_PER_SIGHTING = 6

Fields = Mapping[str, Any]


class _Times(dict[int, Fraction]):
    """Ticks -> seconds. Detectors look at the same frames, so most times come more than once."""

    def __init__(self, rate: int) -> None:
        self._rate = rate

    def __missing__(self, ticks: int) -> Fraction:
        self[ticks] = time = Fraction(ticks, self._rate)
        return time

    def span(self, ticks: Sequence[int]) -> Span:
        start, end = ticks
        return Span(self[start], self[end])


def read_fields(fields: Fields) -> dict[str, Any]:
    """The arguments of `Scores`; of each of the `earlier` ones as well."""
    video = {
        "source": Path(_text(fields["source"])),
        "size_bytes": fields["size_bytes"],
        "fingerprint": fields["fingerprint"],
        "modified_ns": fields.get("modified_ns"),
    }
    earlier = [video | _record(part) for part in fields.get("earlier", ())]
    return {**video, **_record(fields), "earlier": earlier}


def _record(fields: Fields) -> dict[str, Any]:
    return {
        "made_at": datetime.fromisoformat(fields["made_at"]),
        "making": _making(fields["making"]),
        "evidence": _evidence(fields),
    }


def _making(fields: Fields) -> Making:
    return Making(**{**fields, "parts": tuple(_part(part) for part in fields["parts"])})


def _part(fields: Fields) -> Part:
    categories = {
        key: (str(label), str(said)) for key, (label, said) in fields["categories"].items()
    }
    return Part(**{**fields, "categories": categories, "languages": tuple(fields["languages"])})


def _evidence(fields: Fields) -> Evidence:
    rate = _whole(fields["ticks_per_s"])
    duration = fields["duration"]
    times = _Times(rate)
    return Evidence(
        witnesses=tuple(_witness(part, times) for part in fields["witnesses"]),
        gaps={
            modality: tuple(_gap(row, times) for row in fields["gaps"][modality])
            for modality in MODALITIES
            if modality in fields["gaps"]
        },
        duration=None if duration is None else times[_whole(duration)],
        end=times[_whole(fields["end"])],
        sensitivities={key: float(value) for key, value in fields["sensitivities"].items()},
        modalities=frozenset(map(_modality, fields.get("modalities", MODALITIES))),
    )


def _gap(row: Sequence[Any], times: _Times) -> Gap:
    start, end, reason, category, passing = row
    return Gap(times.span((start, end)), _text(reason), category, bool(passing))


def _witness(fields: Fields, times: _Times) -> Witness:
    things = [(_text(c), _text(label), _text(r)) for c, label, r in fields["things"]]
    name, modality = _text(fields["name"]), _modality(fields["modality"])
    return Witness(
        search=Search(
            name,
            modality,
            frozenset(fields["categories"]),
            dict(fields["notes"]),
            tuple(map(_text, fields["passed_over"])),
            frozenset(map(_text, fields["languages"])),
        ),
        scales={key: Scale(*map(float, scale)) for key, scale in fields["scales"].items()},
        model=_text(fields["model"]),
        looks=tuple(_look(row, times, things) for row in fields["looks"]),
        heard=tuple(_heard(part, times, name, modality) for part in fields["heard"]),
        again=bool(fields["again"]),
        kind=_text(fields["kind"]),
    )


def _look(row: Sequence[Any], times: _Times, things: Sequence[tuple[str, str, str]]) -> Look:
    time, since, kind = row[:3]
    sightings = (
        [
            _sighting(row[at : at + _PER_SIGHTING], things)
            for at in range(3, len(row), _PER_SIGHTING)
        ]
        if len(row) > 3
        else ()
    )  # as most are
    return Look(times[time], times[since], tuple(sightings), kind & 1 == 1, kind & 2 == 2)


def _sighting(row: Sequence[Any], things: Sequence[tuple[str, str, str]]) -> Sighting:
    thing, score, x, y, width, height = row
    category, label, reasoning = things[thing]
    box = None if x < 0 else Box(float(x), float(y), float(width), float(height))
    return Sighting(category, label, float(score), box, reasoning)


def _heard(fields: Fields, times: _Times, detector: str, modality: Modality) -> Detection:
    score = float(fields["score"])
    return Detection(
        category=_text(fields["category"]),
        label=_text(fields["label"]),
        span=times.span(fields["span"]),
        confidence=score,
        reasoning=_text(fields["reasoning"]),
        detector=detector,
        modality=modality,
        evidence=_text(fields["evidence"]),
        replacement=_text(fields["replacement"]),
        score=score,
    )


def _modality(value: Any) -> Modality:
    return MODALITIES[MODALITIES.index(value)]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value
