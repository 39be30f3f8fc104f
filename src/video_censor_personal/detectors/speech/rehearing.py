"""Subtitles that alignment could not settle, heard again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.speech.heard_words import is_same_word
from video_censor_personal.detectors.speech.hearing import Hearing, Said
from video_censor_personal.detectors.speech.lexicon import Match
from video_censor_personal.detectors.speech.subtitled_speech import SubtitledLine
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ
from video_censor_personal.timeline import Span

__all__ = ["Rehearing"]

_LONGEST = 32 * SAMPLE_RATE_HZ
"""Whisper hears 30 s at once; a subtitle that lasts longer is not one that somebody reads."""


class Rehearing:
    """A `SecondEar`: gives words of subtitles the time at which Whisper hears them, and finds the
    words that subtitles strike out.

    A word that is not heard either keeps the whole subtitle. A subtitle that strikes out a word
    where no listed word is heard, as in a track that was cleaned, gives nothing.
    """

    def __init__(self, hearing: Hearing, detector: str) -> None:
        self._hearing, self._detector = hearing, detector

    def settle(
        self, line: SubtitledLine, samples: NDArray[np.int16], found: Sequence[Detection]
    ) -> Iterator[Detection | Gap]:
        too_long = "it is too long to be heard again" if len(samples) > _LONGEST else ""
        if refusal := self._hearing.refusal or too_long:
            yield from found
            yield from _gap(line, refusal)
            return
        try:
            heard = self._hearing.hear(
                line.window.start,
                samples,
                expected=[match for match, _ in line.found],
            )
        except DetectorError as error:
            yield from found
            yield from _gap(line, str(error), passing=True)
            return
        left = list(heard.said)
        settled = [
            self._settled(line, detection, _take(left, match, line.cue.span))
            for (match, _), detection in zip(line.found, found, strict=True)
        ]
        yield from settled
        for said in left:
            known = any(said.span.overlaps(other.span) for other in settled)
            if not known and line.cue.span.contains((said.span.start + said.span.end) / 2):
                yield self._hearing.detection(said, self._detector, "heard in a subtitle's sound")
        if not heard.understood:
            yield from _gap(line, "its sound could not be understood")
        if self._hearing.doubt:
            yield from _gap(line, self._hearing.doubt)

    def _settled(self, line: SubtitledLine, detection: Detection, said: Said | None) -> Detection:
        if detection.evidence != "cue":
            return detection
        if said is None:
            reasoning = f"{detection.reasoning}, and it was not heard again there"
            return replace(detection, reasoning=reasoning)
        return replace(
            detection,
            span=said.span,
            evidence="reheard",
            reasoning=f"{line.said}; the word was heard in its sound "
            f"({said.how}, {said.probability:.0%} sure)",
        )


def _gap(line: SubtitledLine, reason: str, *, passing: bool = False) -> Iterator[Gap]:
    """Nobody knows which word it is that a subtitle strikes out."""
    if line.struck_out:
        sentence = f"a subtitle strikes out a word, and {reason}"
        yield Gap(line.cue.span, sentence, PROFANITY, passing=passing)


def _take(heard: list[Said], match: Match, cue: Span) -> Said | None:
    """Remove from `heard` the first that is `match`, those in the subtitle's time before others."""
    same = [said for said in heard if is_same_word(match, said.match)]
    same.sort(key=lambda said: not said.span.overlaps(cue))
    if same:
        heard.remove(same[0])
    return same[0] if same else None
