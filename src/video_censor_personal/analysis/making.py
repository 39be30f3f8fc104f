"""What the scores of an analysis depend on, besides the video: whether kept ones can be used again.

Sensitivities, padding and merging are not among it: they are applied to the scores afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from video_censor_personal.detectors.assignment import Assignment

__all__ = ["Making", "Part", "model_of", "parts_of"]


@dataclass(frozen=True, slots=True)
class Part:
    """One detector of an analysis.

    Attributes:
        type: of its plug-in.
        options: the further keys of its entry under `detectors:`, as canonical JSON, but what is
            applied afterwards.
        categories: those it looked for: key -> how they were named and described.
        model: the revision of its model, word lists and so on; empty: nobody can tell.
        languages: of one that listens: those of the sound tracks it was given; empty: any.
        subtitles: of one that listens: tells apart the files of subtitles it was given.
        again: it looks only at what others point at.
    """

    name: str
    type: str
    options: str
    categories: Mapping[str, tuple[str, str]]
    model: str
    languages: tuple[str, ...] = ()
    subtitles: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Making:
    """What an analysis was, or would be, made with.

    Attributes:
        program: the version of this program.
        strategy, sample_rate: how frames were sampled.
    """

    program: str
    strategy: str
    sample_rate: float
    parts: tuple[Part, ...] = field(default=())

    def lacks(self, wanted: Making) -> str | None:
        """Why scores that were made like this are not those of `wanted`; None: they hold all that
        it would find."""
        if self.program != wanted.program:
            return f"they were made by version {self.program}"
        if (self.strategy, self.sample_rate) != (wanted.strategy, wanted.sample_rate):
            return "frames were sampled otherwise"
        known = {part.name: part for part in self.parts}
        for part in wanted.parts:
            if part.name not in known:
                return f"{part.name} was not asked"
            if problem := _difference(known[part.name], part):
                return f"{part.name} {problem}"
            if part.again and self._pointed_at(part) != wanted._pointed_at(part):
                return f"{part.name} looked where others pointed, and these are others now"
        return None

    def _pointed_at(self, part: Part) -> set[tuple[str, str]]:
        """Who points at what for one that looks again: (detector, category)."""
        others = [other for other in self.parts if not other.again]
        return {(o.name, key) for o in others for key in o.categories if key in part.categories}


def _difference(kept: Part, wanted: Part) -> str | None:
    if kept.type != wanted.type:
        return f"was a detector of type {kept.type}"
    if kept.options != wanted.options:
        return "had other options"
    if not wanted.model or kept.model != wanted.model:
        return "worked with another model, or one that nobody can tell from another"
    if kept.languages != wanted.languages:
        return "listened to tracks in other languages"
    if kept.subtitles != wanted.subtitles:
        return "was given other subtitles"
    for key, meant in wanted.categories.items():
        if key not in kept.categories:
            return f"did not look for {meant[0]}"
        if kept.categories[key] != meant:
            return f"was told something else of {meant[0]}"
    return None


def model_of(assignment: Assignment, revision: Callable[[str], str]) -> str:
    """What a detector works with: what its plug-in says of itself, and the `revision` of every
    model that it takes; empty where some of that cannot be told."""
    models = {need.name: revision(need.name) for need in assignment.needs}
    known = [f"{name} {told}" for name, told in models.items() if told]
    parts = [part for part in (assignment.revision, *known) if part]
    return "; ".join(parts) if len(known) == len(models) else ""


def parts_of(
    assignments: Sequence[Assignment],
    models: Mapping[str, str],
    subtitles: str,
) -> tuple[Part, ...]:
    """What assignments are in a `Making`.

    `models` are the revisions by the name of the detector; `subtitles` tells apart those that who
    listens is given.
    """
    return tuple(
        Part(
            name := a.settings.name,
            a.plugin.type,
            _written(a),
            {key: (c.label, c.description) for key, c in a.settings.categories.items()},
            models[name],
            tuple(sorted(a.languages)),
            subtitles if a.plugin.modality == "audio" else "",
            getattr(a.plugin, "looks_again", False),
        )
        for a in assignments
    )


def _written(assignment: Assignment) -> str:
    options = dict(assignment.settings.options)
    if assignment.looks_again:
        options.pop("may_clear", None)  # whoever judges decides that
    return json.dumps(options, sort_keys=True, default=str)
