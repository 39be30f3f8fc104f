"""Second looks: what cheap detectors pointed at is shown to those that are too dear to see all.

Three things can come of a look, and none of them is ever taken for another: a yes is evidence like
any other and adds to that of the others (`fusion`); a no is kept, and changes nothing unless the
detector may clear; no answer, or one that cannot be used, is a gap.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction

from video_censor_personal.analysis.coverage import Search
from video_censor_personal.analysis.evidence import Evidence, Witness, check_scored, kept_detection
from video_censor_personal.analysis.look_plan import LookPlan, Stretch, plan_looks
from video_censor_personal.analysis.moments import Shown, shown_at
from video_censor_personal.detectors.second_look import Answer, Question, SecondLook
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.media.frame_at import frame_at
from video_censor_personal.progress import Listener, Progress, ignore
from video_censor_personal.timeline import format_timecode

__all__ = ["edges_of_interest", "look_again"]

_log = logging.getLogger(__name__)

_STAGE = "second looks"
_MOST_FAILURES = 3
"""Batches in a row of which not one question was answered, after which no more are asked."""


def look_again(
    info: MediaInfo,
    evidence: Evidence,
    detectors: Sequence[SecondLook],
    *,
    threads: int = 0,
    listener: Listener = ignore,
) -> Evidence:
    """The evidence with that of `detectors`, which take the place of the witnesses of their names.

    `evidence` has a witness for each of them, who has said nothing yet.

    Raises:
        InputError: the file could not be read any more.
    """
    names = {detector.name for detector in detectors}
    others = tuple(witness for witness in evidence.witnesses if witness.name not in names)
    gaps = list(evidence.gaps.get("video", ()))
    witnesses = {witness.name: witness for witness in evidence.witnesses}
    if info.video and not evidence.end:
        evidence = replace(evidence, end=_end(info))
    first = replace(evidence, witnesses=others)
    for detector in detectors if info.video else ():
        plan = plan_looks(first, detector.categories, detector.options)
        inquiry = _Inquiry(detector, plan, [gap for gap in gaps if gap.category is None])
        if not detector.absence:
            inquiry.run(info, threads, listener)
        gaps += [gap for gap in (*inquiry.gaps, *inquiry.missed()) if gap not in gaps]
        witnesses[detector.name] = inquiry.testimony(witnesses[detector.name])
    return replace(
        evidence, witnesses=tuple(witnesses.values()), gaps={**evidence.gaps, "video": tuple(gaps)}
    )


def edges_of_interest(detectors: Sequence[SecondLook]) -> dict[str, float]:
    """By category, the sensitivity at which the edges of what others see are worth finding: where
    it is looked again, any evidence may turn out to count."""
    there = [detector for detector in detectors if not detector.absence]
    return {category: 1.0 for detector in there for category in detector.categories}


def _end(info: MediaInfo) -> Fraction:
    """When the film ends, where nobody looked at it before."""
    return info.duration or frame_at(info, Fraction(10**6)).time


@dataclass
class _Inquiry:
    """What one detector is asked and what it says.

    Attributes:
        gaps: what could not be decoded, then or before.
    """

    detector: SecondLook
    plan: LookPlan
    gaps: list[Gap] = field(default_factory=list)
    _answers: dict[Fraction, Answer] = field(default_factory=dict)
    _failures: int = 0
    _last_failure: str = ""

    # -- asking

    def run(self, info: MediaInfo, threads: int, listener: Listener) -> None:
        """Decode the moments of the plan and ask about each."""
        moments = self.plan.moments
        if not moments:
            return
        try:
            self._go_through(info, moments, threads, listener)
        finally:
            self.detector.release()
        listener(replace(_progress(self._answers, moments), finished=True))

    def _go_through(
        self,
        info: MediaInfo,
        moments: Mapping[Fraction, frozenset[str]],
        threads: int,
        listener: Listener,
    ) -> None:
        waiting: list[Shown] = []
        with closing(shown_at(info, list(moments), threads=threads)) as items:
            for item in items:
                if isinstance(item, Gap):
                    self.gaps.append(item)
                    continue
                waiting.append(item)
                if len(waiting) >= self.detector.batch:
                    self._ask(waiting, moments)
                    waiting = []
                    listener(_progress(self._answers, moments))
                if self._failures >= _MOST_FAILURES:
                    break
        self._ask(waiting, moments)

    def _ask(self, shown: Sequence[Shown], moments: Mapping[Fraction, frozenset[str]]) -> None:
        if not shown:
            return
        questions = [
            Question(item.frame, frozenset().union(*(moments[time] for time in item.times)))
            for item in shown
        ]
        answers = self._asked(questions)
        if all(answer.failure for answer in answers):
            self._failures += 1
            self._last_failure = answers[-1].failure
        else:
            self._failures = 0
        for item, answer in zip(shown, answers, strict=True):
            self._answers.update(dict.fromkeys(item.times, answer))

    def _asked(self, questions: Sequence[Question]) -> Sequence[Answer]:
        """One answer a question; whatever a detector raises is an answer that is missing."""
        try:
            answers = self.detector.answer(questions)
            if len(answers) != len(questions):
                raise ValueError(f"{len(answers)} answers to {len(questions)} questions")
            for answer in answers:
                for category, score in answer.scores.items():
                    check_scored(category, self.detector.categories, score)
        except Exception as error:  # noqa: BLE001 - anybody's plug-in
            _log.warning("%s failed: %r", self.detector.name, error)
            return [Answer(failure=f"it failed: {error!r}", passing=True)] * len(questions)
        return [
            answer
            if answer.failure or set(answer.scores) >= question.categories
            else Answer(failure="it did not answer for every category", passing=True)
            for question, answer in zip(questions, answers, strict=True)
        ]

    # -- what came of it

    def testimony(self, witness: Witness) -> Witness:
        """What the detector said, as evidence, and what a person must know of it."""
        detector = self.detector
        said = [found for stretch in self.plan.stretches for found in self._said(stretch)]
        return replace(
            witness,
            search=self._with_notes(witness.search),
            scales=dict(detector.scales),
            model=witness.model or getattr(detector, "model", ""),
            heard=tuple(
                kept_detection(found, detector.name, detector.categories) for found in said
            ),
            again=True,
        )

    def _said(self, stretch: Stretch) -> list[Detection]:
        """The best score of its looks, over the whole stretch; a no only where all of it was
        looked at as planned."""
        category = stretch.category
        scores = {
            time: self._answers[time].scores[category]
            for time in stretch.times
            if time in self._answers and not self._answers[time].failure
        }
        if not scores:
            return []
        best = max(scores, key=lambda time: scores[time])
        lenient = self.detector.scales[category].lenient
        damaged = any(gap.span.overlaps(stretch.span) for gap in self.gaps)
        if scores[best] < lenient and (damaged or len(scores) < len(stretch.times)):
            return []
        showing = sum(score >= lenient for score in scores.values())
        reasoning = (
            f"shown by {showing} of {len(scores)} frames looked at a second time, most clearly at "
            f"{format_timecode(best)}"
        )
        return [
            Detection(
                category, self.detector.labels[category], stretch.span, scores[best], reasoning,
                self.detector.name, "video", score=scores[best],
            )
        ]  # fmt: skip

    def missed(self) -> list[Gap]:
        """What was not looked at, or not answered for, and is therefore unknown."""
        name, absence = self.detector.name, self.detector.absence
        gaps = [
            Gap(span, _passed_over(name, absence), category, passing=bool(absence))
            for category, spans in self.plan.passed_over.items()
            for span in spans
        ]
        if absence:
            stretches = [stretch for stretch in self.plan.stretches if not stretch.seen]
            return gaps + [Gap(s.span, absence, s.category, passing=True) for s in stretches]
        for stretch in self.plan.stretches:
            gaps += self._missed_in(stretch)
        return gaps

    def _missed_in(self, stretch: Stretch) -> list[Gap]:
        name = self.detector.name
        if not stretch.times:
            if stretch.seen and self.detector.options.budget is not None:
                return []  # the person's own budget; a note says so
            frames = self.detector.options.most_frames
            reason = f"{name} did not look here: its budget of {frames} frames was used up"
            return [Gap(stretch.span, reason, stretch.category)]
        failed: dict[str, bool] = {}
        for time in stretch.times:
            answer = self._answers.get(time) or self._unasked()
            if answer.failure:
                failed[answer.failure] = answer.passing or failed.get(answer.failure, False)
        return [
            Gap(stretch.span, f"{name}: {failure}", stretch.category, passing)
            for failure, passing in failed.items()
        ]

    def _unasked(self) -> Answer:
        if self._failures >= _MOST_FAILURES:
            number = self._failures * self.detector.batch
            failure = (
                f"not asked any more, after {number} questions in a row without an answer that can "
                f"be used (the last: {self._last_failure})"
            )
            return Answer(failure=failure, passing=True)
        return Answer(failure="no picture could be decoded here")

    def _with_notes(self, search: Search) -> Search:
        notes = dict(search.notes)
        for category in self.detector.categories:
            if more := self._note(category):
                said = search.notes.get(category, search.notes.get("*", ""))
                notes[category] = "; ".join(part for part in (more, said) if part)
        return replace(search, notes=notes)

    def _note(self, category: str) -> str:
        """What a person must know of this run's looks for a category."""
        name, options = self.detector.name, self.detector.options
        if self.detector.absence:
            return f"{self.detector.absence}; what others found was not looked at a second time"
        mine = [stretch for stretch in self.plan.stretches if stretch.category == category]
        left_out = sum(not stretch.times for stretch in mine if stretch.seen)
        if left_out and options.budget is not None:
            return (
                f"{name} did not look at {left_out} of {len(mine)} stretches a second time: its "
                f"budget of {options.budget} frames was used up"
            )
        if any(not stretch.seen and not stretch.strength for stretch in mine):
            return f"{name} looked at one frame of each shot, or every {options.every_s:g} s"
        return ""


def _passed_over(name: str, absence: str) -> str:
    if absence:
        return absence
    return (
        f"no other detector looks at pictures for this, and {name} only looks at what others "
        f"pointed at; to have it look at every scene, give it `look: scenes`"
    )


def _progress(answers: Mapping[Fraction, Answer], moments: Mapping[Fraction, object]) -> Progress:
    return Progress(_STAGE, len(answers), len(moments), unit="frames")
