"""Speech that no subtitle tells of: found by voice activity, heard window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.speech.hearing import Hearing
from video_censor_personal.detectors.speech.subtitled_time import SHORTEST_S, SubtitledTime
from video_censor_personal.detectors.speech.whisper_model import MARGIN
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock
from video_censor_personal.timeline import Span

__all__ = ["VoicedSpeech"]

_WINDOW = 30 * SAMPLE_RATE_HZ
"""What Whisper hears at once; more is never kept."""
_LONGEST_OPEN = 20 * SAMPLE_RATE_HZ
_CUT_WITHIN = 4 * SAMPLE_RATE_HZ
_TAIL = SAMPLE_RATE_HZ // 2
"""A voice this close to the end of a window may go on after it."""
_STEP = SAMPLE_RATE_HZ * 3 // 100
_JITTER_S = Fraction(1, 1000)
"""Blocks this close to each other are one sound: containers round their times."""


class VoicedSpeech:
    """Hears voices outside of subtitled time.

    Windows end in a pause. Only where somebody speaks for 20 s without a pause of a quarter of a
    second, the window ends at the quietest moment of its last four.
    """

    def __init__(self, hearing: Hearing, subtitled: SubtitledTime, detector: str) -> None:
        self._hearing, self._subtitled, self._detector = hearing, subtitled, detector
        self._parts: list[NDArray[np.int16]] = []
        self._start = self._end = Fraction(0)

    def hear(self, block: AudioBlock) -> Iterator[Detection | Gap]:
        for time, samples in self._subtitled.outside(block):
            if abs(time - self._end) > _JITTER_S:
                yield from self.finish()
                self._start = self._end = time
            self._parts.append(samples)
            self._end += Fraction(len(samples), SAMPLE_RATE_HZ)
            while (self._end - self._start) * SAMPLE_RATE_HZ >= _WINDOW:
                yield from self._window()

    def finish(self) -> Iterator[Detection | Gap]:
        """What is still open, as far as the sound went."""
        while self._parts:
            yield from self._window()

    def _window(self) -> Iterator[Detection | Gap]:
        sound = np.concatenate(self._parts)
        samples, complete = sound[:_WINDOW], len(sound) < _WINDOW
        span = Span(self._start, self._start + Fraction(len(samples), SAMPLE_RATE_HZ))
        try:
            voices = self._hearing.model.voices(samples)
        except DetectorError as error:
            self._forget(sound, len(samples))
            yield Gap(span, str(error), PROFANITY, passing=True)
            return
        cut = len(samples) if complete else _cut(samples, voices)
        self._forget(sound, cut)
        said = [
            range(voice.start, min(voice.stop, cut))
            for voice in voices
            if voice.start < cut and self._is_unsubtitled(span, voice)
        ]
        if said:
            yield from self._hear(span.start, samples, said)

    def _is_unsubtitled(self, window: Span, voice: range) -> bool:
        """Whether a voice goes on for a word's length where no subtitle is: subtitles come and go
        a little too late or early, and what is said at their edges is theirs."""
        start = window.start + Fraction(
            voice.start + (MARGIN if voice.start else 0), SAMPLE_RATE_HZ
        )
        end = window.start + Fraction(voice.stop, SAMPLE_RATE_HZ)
        if end < window.end:
            end -= Fraction(MARGIN, SAMPLE_RATE_HZ)
        return start < end and self._subtitled.uncovered_s(Span(start, end)) >= SHORTEST_S

    def _forget(self, sound: NDArray[np.int16], count: int) -> None:
        self._parts = [sound[count:]] if count < len(sound) else []
        self._start += Fraction(count, SAMPLE_RATE_HZ)

    def _hear(
        self, start: Fraction, samples: NDArray[np.int16], voices: Sequence[range]
    ) -> Iterator[Detection | Gap]:
        first, last = voices[0].start, voices[-1].stop
        begin = start + Fraction(first, SAMPLE_RATE_HZ)
        span = Span(begin, start + Fraction(last, SAMPLE_RATE_HZ))
        if self._hearing.refusal:
            yield Gap(span, self._hearing.refusal, PROFANITY)
            return
        try:
            heard = self._hearing.hear(begin, samples[first:last], packed=True)
        except DetectorError as error:
            yield Gap(span, str(error), PROFANITY, passing=True)
            return
        for said in heard.said:
            if not self._subtitled.holds(said.span):
                yield self._hearing.detection(
                    said, self._detector, "heard where no subtitle tells it"
                )
        if not heard.understood:
            yield Gap(span, "what is said could not be understood", PROFANITY)
        if self._hearing.doubt:
            yield Gap(span, self._hearing.doubt, PROFANITY)


def _cut(samples: NDArray[np.int16], voices: Sequence[range]) -> int:
    """How much of a full window is complete: what begins at the end of it waits for the next."""
    if not voices or voices[-1].stop < len(samples) - _TAIL:
        return len(samples) - _TAIL
    if len(samples) - voices[-1].start <= _LONGEST_OPEN:
        return voices[-1].start
    first = len(samples) - _CUT_WITHIN
    steps = samples[first : first + _CUT_WITHIN // _STEP * _STEP].reshape(-1, _STEP)
    loudness = np.square(steps.astype(np.float32)).mean(axis=1)
    return first + int(np.argmin(loudness)) * _STEP + _STEP // 2
