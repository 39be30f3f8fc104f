"""Whether the servers can be used that second looks are asked of."""

from __future__ import annotations

from video_censor_personal.detectors.assignment import Assignment
from video_censor_personal.detectors.base import FrameDetector, SoundDetector
from video_censor_personal.errors import VideoCensorError

__all__ = ["Servers", "asks_a_server"]


def asks_a_server(assignment: Assignment) -> bool:
    """Whether a detector answers by a model that is not on this machine, as far as we know: it
    looks again and takes none. To build it is to ask, and costs little."""
    return assignment.looks_again and not assignment.needs and not assignment.own_models


class Servers:
    """Asks each server once, for as long as this lives."""

    def __init__(self) -> None:
        self._absences: dict[str, str] = {}

    def absence(self, assignment: Assignment) -> str:
        """Why a detector that asks a server cannot; empty: it can."""
        name = assignment.settings.name
        if name not in self._absences:
            self._absences[name] = _absence(assignment)
        return self._absences[name]


def _absence(assignment: Assignment) -> str:
    try:
        detector = assignment.build({})
    except VideoCensorError as error:
        return str(error)
    return "" if isinstance(detector, FrameDetector | SoundDetector) else detector.absence
