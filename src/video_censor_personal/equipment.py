"""The detectors of one run: who has the models that it takes, and those, built once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import cast

from video_censor_personal.analysis.examination import Ears
from video_censor_personal.detectors.assignment import Assignment
from video_censor_personal.detectors.base import FrameDetector, SoundDetector
from video_censor_personal.detectors.second_look import SecondLook
from video_censor_personal.errors import DetectorError
from video_censor_personal.requirements import Requirements

__all__ = ["Equipment"]


class Equipment:
    """What `requirements` come to once their models were verified.

    Those whose optional models are missing stay out, and what stands in for them takes their place;
    `warn` is told, but not of what those sentences say that were `told` already.

    Raises (when made):
        DetectorError: the device that was named is not there.

    Attributes:
        eyes, second_looks: those that look, built by `build_eyes`.
    """

    def __init__(
        self, requirements: Requirements, warn: Callable[[str], None], told: Sequence[str] = ()
    ) -> None:
        # From 1.31 on, onnxruntime tells its maker of every session unless this is set before it is
        # loaded; here, so that it holds for plug-ins as well. Nothing leaves this machine.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        self._requirements, self._warn, self._told = requirements, warn, told
        self.assignments = list(self._equipped())
        for assignment in self.assignments:
            if assignment.settings.name in requirements.spared:
                continue
            if problem := assignment.device_problem:
                raise DetectorError(problem, detector=assignment.settings.name)
        self.eyes: list[FrameDetector] = []
        self.second_looks: list[SecondLook] = []
        self._sees = False

    def build_eyes(self) -> None:
        """Build those that look, once.

        Raises:
            DetectorError: one cannot be built.
        """
        if self._sees:
            return
        built = [self._build(a) for a in self.assignments if a.plugin.modality == "video"]
        self.eyes = [detector for detector in built if isinstance(detector, FrameDetector)]
        self.second_looks = [detector for detector in built if isinstance(detector, SecondLook)]
        self._sees = True
        for detector in self.second_looks:
            if detector.absence:
                self._warn(f"{detector.name} is not used: {detector.absence}")
        self._requirements.absent = {d.name: d.absence for d in self.second_looks if d.absence}

    def ears(self, assignment: Assignment) -> Ears | None:
        """A detector that listens; None for one that looks."""
        if assignment.plugin.modality != "audio":
            return None

        def make() -> SoundDetector:
            return cast(SoundDetector, self._build(assignment))

        return Ears(assignment.settings.name, make, assignment.languages)

    def _equipped(self) -> Iterator[Assignment]:
        for assignment in self._requirements.assignments:
            why = self._requirements.lack(assignment)
            if not why:
                yield assignment
                continue
            reason = f"{assignment.settings.name} is not used: {why}"
            if assignment.stand_in is None:
                if not any(why in sentence for sentence in self._told):
                    self._warn(reason)
                continue
            reason = f"{reason}. {assignment.stand_in.settings.name} takes its place"
            self._warn(reason)
            yield replace(assignment.stand_in, note=f"{reason}.")

    def _build(self, assignment: Assignment) -> FrameDetector | SoundDetector | SecondLook:
        names = {need.name for need in assignment.needs} - self._requirements.missing
        manager = self._requirements.manager
        return assignment.build({name: manager.get_model_path(name) for name in names})
