"""How kept scores differ from those that an analysis would make now, detector by detector."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from video_censor_personal.analysis.making import Making, Part

__all__ = ["Difference", "differences", "lacking"]

UNTOLD = "?"
"""In the place of a revision that nobody can tell."""

_SERVES = {"all": ("uniform", "keyframes"), "scene_based": ("uniform",)}
"""Ways of sampling that show all that others do, and more."""

_ANY = ("any",)

Kind = Literal["absence", "extent", "meaning", "revision", "doubt"]

_LISTS = {
    "words": "looked for other words: its word lists have changed",
    "concepts": "compared with other phrases or scales: its file of concepts has changed",
    "sounds": "listened for other sounds or by other scales: its file of sounds has changed",
    "prompt": "asked another question: its prompt has changed",
}
"""What the revision of a detector says besides libraries and models: what it looks for."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which kept scores are not those that an analysis would make now.

    Attributes:
        detector: its name; empty: all of them.
        categories: the keys of those that are concerned.
        kind: `absence`: it did not look for them. `extent`: it did not look in the way, or for all,
            that is asked for. `meaning`: it looked for something else under their names, so that
            what it found is no evidence. `revision`: it looked for the same with another version of
            something. `doubt`: nobody here can tell whether it was another.
        problem: what is different, as the rest of a sentence about the detector.
    """

    detector: str
    categories: frozenset[str]
    kind: Kind
    problem: str

    def __str__(self) -> str:
        return f"{self.detector} {self.problem}".strip()


def lacking(kept: Making, wanted: Making) -> str:
    """Why scores that were made like `kept` do not hold all that an analysis like `wanted` would
    find; empty: they do."""
    return "; ".join(dict.fromkeys(map(str, differences(kept, wanted))))


def differences(kept: Making, wanted: Making) -> Iterator[Difference]:
    """What is different where scores were made like `kept` and are wanted like `wanted`; that they
    hold more is no difference."""
    everything = frozenset(key for part in wanted.parts for key in part.categories)
    if kept.program != wanted.program:
        problem = f"they were made by version {kept.program}, and this is {wanted.program}"
        yield Difference("", everything, "revision", problem)
    known = {part.name: part for part in kept.parts}
    for part in wanted.parts:
        keys = frozenset(part.categories)
        if part.name not in known:
            yield Difference(part.name, keys, "absence", "was not asked")
            continue
        if part.modality == "video" and (problem := _sampled(kept, wanted)):
            yield Difference(part.name, keys, "extent", problem)
        yield from _of_one(known[part.name], part)
        if part.again:
            yield from _pointed(part, kept.pointed_at(part), wanted.pointed_at(part))


def _pointed(
    part: Part, before: Collection[tuple[str, str]], now: Collection[tuple[str, str]]
) -> Iterator[Difference]:
    """Where others pointed `before`, and would `now`: where fewer do, nothing is looked at less."""
    kind: Kind = "extent" if set(now) - set(before) else "revision"
    if others := {key for _, key in {*before} ^ {*now}}:
        problem = "looked where others pointed, and these are others now"
        yield Difference(part.name, frozenset(others), kind, problem)


def _sampled(kept: Making, wanted: Making) -> str:
    """What is different about the frames that were looked at; empty: they are enough."""
    serves = wanted.strategy == kept.strategy or wanted.strategy in _SERVES.get(kept.strategy, ())
    if serves and (kept.strategy == "all" or kept.sample_rate <= wanted.sample_rate):
        return ""
    return f"was shown frames ({_frames(kept)}), and not ({_frames(wanted)})"


def _frames(making: Making) -> str:
    if making.strategy == "all":
        return "all"
    return f"{making.strategy} every {making.sample_rate:g} s"


def _of_one(kept: Part, wanted: Part) -> Iterator[Difference]:
    keys = frozenset(wanted.categories)
    others = list(_options(kept, wanted))
    if kept.type != wanted.type:
        yield Difference(wanted.name, keys, "extent", f"was a detector of type {kept.type}")
    elif others:
        yield Difference(wanted.name, keys, "extent", f"had other options ({', '.join(others)})")
    else:
        for kind, problem in _revisions(kept, wanted):
            yield Difference(wanted.name, keys, kind, problem)
    if kept.languages and not {*(wanted.languages or _ANY)} <= {*kept.languages}:
        listened = ", ".join(kept.languages)
        yield Difference(wanted.name, keys, "extent", f"only listened to tracks in {listened}")
    if kept.subtitles != wanted.subtitles:
        yield Difference(wanted.name, keys, "extent", "was given other subtitles")
    for key, told in wanted.categories.items():
        label, only = told[0], frozenset({key})
        if key not in kept.categories:
            yield Difference(wanted.name, only, "absence", f"did not look for {label}")
        elif _meaning(kept.categories[key]) != _meaning(told):
            before = kept.categories[key][1] or kept.categories[key][0]
            problem = f"was told something else of {label}: {before!r}"
            yield Difference(wanted.name, only, "meaning", problem)


def _options(kept: Part, wanted: Part) -> Iterator[str]:
    before, now = json.loads(kept.options), json.loads(wanted.options)
    for key in sorted({*before, *now}):
        if key not in before or key not in now or before[key] != now[key]:
            had, has = (json.dumps(o[key]) if key in o else "the default" for o in (before, now))
            yield f"{key}: {had}, not {has}"


def _revisions(kept: Part, wanted: Part) -> Iterator[tuple[Kind, str]]:
    """What it works with besides its options, where that is another or cannot be told."""
    if not (kept.model and wanted.model):
        yield "doubt", "may have worked with another model: nobody can tell it from another"
        return
    before, now = _told(kept.model), _told(wanted.model)
    for name in dict.fromkeys([*now, *before]):
        had, has = before.get(name), now.get(name)
        if UNTOLD in (had, has):
            yield "doubt", f"may have worked with another {name}: nobody can tell which it was"
        elif had == has:
            continue
        elif name in _LISTS:
            yield "extent", _LISTS[name]
        elif had is None:
            yield "revision", f"worked without {name} {has}".rstrip()
        else:
            now_here = "which is not used now" if has is None else f"which is {has} now"
            yield "revision", f"worked with {name} {had}, {now_here}"


def _told(model: str) -> dict[str, str]:
    """`sounds 0a1b; yamnet 0123` by name."""
    parts = (part.partition(" ") for part in re.split(r"[;,] ", model) if part)
    return {name: revision for name, _, revision in parts}


def _meaning(told: tuple[str, str]) -> str:
    label, description = told
    return description.strip() or label.casefold()
