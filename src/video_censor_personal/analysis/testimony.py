"""A detector of a run as a witness: what it was asked, what it was given, what it said."""

from __future__ import annotations

from video_censor_personal.analysis.coverage import Search
from video_censor_personal.analysis.evidence import Witness
from video_censor_personal.analysis.examination import Examined, passed_over
from video_censor_personal.detectors.assignment import Assignment
from video_censor_personal.media.base import MediaInfo

__all__ = ["witness_of"]


def witness_of(assignment: Assignment, info: MediaInfo, found: Examined, model: str) -> Witness:
    """What the detector of an assignment, whose model has the revision `model`, contributed to what
    was `found` in a video. One that takes second looks has said nothing yet."""
    name, modality = assignment.settings.name, assignment.plugin.modality
    return Witness(
        search=Search(
            name,
            modality,
            frozenset(assignment.settings.categories),
            assignment.notes,
            passed_over(info, modality, assignment.languages),
            assignment.languages,
        ),
        scales=found.scales.get(name, {}),
        model=model,
        looks=found.looks.get(name, ()),
        heard=found.heard.get(name, ()),
        kind=assignment.kind,
    )
