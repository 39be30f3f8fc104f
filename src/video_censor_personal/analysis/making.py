"""What the scores of an analysis depend on, besides the video; `differences` compares two of them.

Sensitivities, padding and merging are not among it: they are applied to the scores afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from video_censor_personal import categories
from video_censor_personal.detectors.assignment import Assignment
from video_censor_personal.detectors.base import CategorySettings
from video_censor_personal.findings import Modality

__all__ = ["Making", "Part", "model_of", "parts_of"]


@dataclass(frozen=True, slots=True)
class Part:
    """One detector of an analysis.

    Attributes:
        type: of its plug-in.
        options: the further keys of its entry under `detectors:`, as canonical JSON: those that
            matter to what it finds, and not only to who judges it, and are not the default
            (`Assignment.chosen_options`).
        categories: those it looked for: key -> how they were named and described.
        model: the revision of each model, word list and so on, by name, such as `words 0a1b2c3d`,
            with `; ` or `, ` between two; `?` for a revision, or nothing at all: nobody can tell.
        languages: of one that listens: those of the sound tracks it was given; empty: any.
        subtitles: of one that listens: tells apart the files of subtitles it was given.
        again: it looks only at what others point at.
        modality: whether it looks or listens.
    """

    name: str
    type: str
    options: str
    categories: Mapping[str, tuple[str, str]]
    model: str
    languages: tuple[str, ...] = ()
    subtitles: str = ""
    again: bool = False
    modality: Modality = "video"


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

    def pointed_at(self, part: Part) -> set[tuple[str, str]]:
        """Who points at what for one that looks again: (detector, category)."""
        others = [other for other in self.parts if not other.again]
        return {(o.name, key) for o in others for key in o.categories if key in part.categories}


def model_of(assignment: Assignment, revision: Callable[[str], str]) -> str:
    """What a detector works with, as in `Part.model`: what its plug-in says of itself, and the
    `revision` of every model that it takes."""
    models = [f"{need.name} {revision(need.name) or '?'}" for need in assignment.needs]
    return "; ".join(part for part in (assignment.revision, *models) if part)


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
            {key: _told(a, c) for key, c in a.settings.categories.items()},
            models[name],
            tuple(sorted(a.languages)),
            subtitles if a.plugin.modality == "audio" else "",
            a.looks_again,
            a.plugin.modality,
        )
        for a in assignments
    )


def _written(assignment: Assignment) -> str:
    options = assignment.chosen_options
    if assignment.looks_again:
        options.pop("may_clear", None)  # whoever judges decides that
    return json.dumps(options, sort_keys=True, default=str)


def _told(assignment: Assignment, category: CategorySettings) -> tuple[str, str]:
    """The name and the description of a category, as far as they tell the detector anything."""
    if assignment.reads_descriptions:
        return category.label, category.description
    return categories.label(category.key), ""
