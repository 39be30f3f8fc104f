"""Writes down what is said where no subtitle says it: utterances, and the words in them.

The model that comes along is small. On clean synthetic speech it hears about three of four listed
words, in noise few; what it hears it times to about 0.03 s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder, Endpointer

from video_censor_personal.detectors.speech.heard_words import HeardWord
from video_censor_personal.media.base import SAMPLE_RATE_HZ

__all__ = ["Recogniser", "Utterance", "UtteranceSplitter"]

_FRAMES_PER_S = 100
_MAX_UTTERANCE_S = 15
"""Longer speech is cut in a pause: the decoder's memory grows with the length."""
_CUT_WITHIN_S = 4
_PAUSE_S = 0.03
_FRAME_S = 0.03
_JITTER_S = Fraction(1, 1000)
"""Blocks this close to each other are one sound: containers round their times."""


class Recogniser:
    """Recognises English speech. Loads the language model (0.3 s, 120 MB)."""

    def __init__(self) -> None:
        self._decoder = Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL")

    def recognise(self, samples: NDArray[np.int16]) -> list[HeardWord]:
        """The words in one utterance (`(N,)`, 16 kHz); takes 0.16 CPU seconds a second.

        What was recognised before does not matter.
        """
        decoder = self._decoder
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return []
        return [
            HeardWord(
                re.sub(r"\(\d+\)\Z", "", segment.word),
                segment.start_frame / _FRAMES_PER_S,
                (segment.end_frame + 1) / _FRAMES_PER_S,
                min(1.0, float(segment.prob)),
            )
            for segment in decoder.seg()
            if segment.word[0] not in "<["
        ]


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech between two silences; `time` is that of its first sample."""

    time: Fraction
    samples: NDArray[np.int16]


class UtteranceSplitter:
    """Cuts sound into utterances as it comes; what it gives does not depend on block borders."""

    def __init__(self) -> None:
        self._start = self._end = Fraction(0)
        self._endpointer: Endpointer | None = None
        self._rest = b""
        self._speech = b""
        self._speech_start = Fraction(0)

    def hear(self, time: Fraction, samples: NDArray[np.int16]) -> Iterator[Utterance]:
        """The utterances that are complete after these samples."""
        if self._endpointer is None or abs(time - self._end) > _JITTER_S:
            yield from self.finish()
            self._endpointer = Endpointer(sample_rate=SAMPLE_RATE_HZ, frame_length=_FRAME_S)
            self._start = self._end = time
        self._end += Fraction(len(samples), SAMPLE_RATE_HZ)
        sound = self._rest + samples.tobytes()
        size = self._endpointer.frame_bytes
        whole = (len(sound) - 1) // size * size  # the end of a stream must not be empty
        for offset in range(0, whole, size):
            yield from self._take(self._endpointer.process(sound[offset : offset + size]))
        self._rest = sound[whole:]

    def finish(self) -> Iterator[Utterance]:
        """The utterance that the end of the sound completes, if one is open."""
        if self._endpointer is not None:
            yield from self._take(self._endpointer.end_stream(self._rest))
            yield from self._complete()
        self._endpointer, self._rest = None, b""

    def _take(self, speech: bytes | None) -> Iterator[Utterance]:
        """Add what the end-pointer calls speech; it says so with a third of a second's delay."""
        endpointer = self._endpointer
        if speech is None or endpointer is None:
            return
        if not self._speech:
            offset = Fraction(round(endpointer.speech_start * SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
            self._speech_start = self._start + offset
        self._speech += speech
        if not endpointer.in_speech:
            yield from self._complete()
        elif len(self._speech) >= _MAX_UTTERANCE_S * SAMPLE_RATE_HZ * 2:
            yield self._cut()

    def _complete(self) -> Iterator[Utterance]:
        if self._speech:
            yield Utterance(self._speech_start, np.frombuffer(self._speech, np.int16))
        self._speech = b""

    def _cut(self) -> Utterance:
        """The speech up to the quietest moment of its last seconds; the rest stays."""
        samples = np.frombuffer(self._speech, np.int16)
        step = int(_PAUSE_S * SAMPLE_RATE_HZ)
        first = len(samples) - _CUT_WITHIN_S * SAMPLE_RATE_HZ
        tail = samples[first:]
        steps = tail[: len(tail) // step * step].reshape(-1, step).astype(np.float32)
        cut = first + int(np.argmin(np.square(steps).mean(axis=1))) * step + step // 2
        utterance = Utterance(self._speech_start, samples[:cut])
        self._speech = self._speech[cut * 2 :]
        self._speech_start += Fraction(cut, SAMPLE_RATE_HZ)
        return utterance
