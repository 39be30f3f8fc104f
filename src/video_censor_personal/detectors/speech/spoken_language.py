"""Which language a track is in, found in several windows of its speech."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from video_censor_personal.detectors.speech.whisper_model import WhisperSource
from video_censor_personal.errors import DetectorError
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock

__all__ = ["Language", "LanguageFinder"]

_WINDOW = 30 * SAMPLE_RATE_HZ
_MIN_VOICE = 3 * SAMPLE_RATE_HZ
"""In less speech than this a language is guessed rather than heard."""
_WINDOWS = 3
_LONGEST_WAIT_S = Fraction(600)
"""So much sound is held back at most (19 MB) while speech for the last window is waited for."""
_CERTAIN = 0.6
"""The mean probability from which a language is taken for certain; chosen, not measured."""
_WORTH_NAMING = 0.1


@dataclass(frozen=True, slots=True)
class Language:
    """The likeliest language (its code, empty where nobody spoke), how likely (0–1), and the
    others that come near."""

    code: str
    probability: float
    others: Mapping[str, float]

    @property
    def is_certain(self) -> bool:
        return not self.code or self.probability >= _CERTAIN


@dataclass(frozen=True, slots=True)
class _Vote:
    """What a window says of the language; `voice`: how many samples of speech it has."""

    probabilities: Mapping[str, float]
    voice: int


class LanguageFinder:
    """Holds sound back until the language of three windows with speech in them is known.

    What comes before the first voice is not held back: there the language does not matter.
    """

    def __init__(self, model: WhisperSource) -> None:
        self._model = model
        self._held: deque[AudioBlock] = deque()
        self._window: list[AudioBlock] = []
        self._votes: list[_Vote] = []
        self.language: Language | None = None
        """None until it is decided."""

    def hear(self, block: AudioBlock) -> list[AudioBlock]:
        """The blocks that may go on now, in order."""
        if self.language is not None:
            return [block]
        self._held.append(block)
        self._window.append(block)
        if sum(len(part.samples) for part in self._window) >= _WINDOW:
            self._listen()
        if self._votes:
            waited = self._held[-1].span.end - self._held[0].time
            enough = sum(vote.voice >= _MIN_VOICE for vote in self._votes) >= _WINDOWS
            return self.finish() if enough or waited >= _LONGEST_WAIT_S else []
        return [] if self._window else self._release()

    def finish(self) -> list[AudioBlock]:
        """All that is still held back; the language is decided by what was heard so far."""
        if self.language is None:
            if self._window:
                self._listen()
            self.language = _decision(self._votes)
        return self._release()

    def _release(self) -> list[AudioBlock]:
        blocks = list(self._held)
        self._held.clear()
        return blocks

    def _listen(self) -> None:
        """Count the window's vote, if there is a voice in it. A model that fails has none: what it
        cannot hear later becomes gaps."""
        samples = np.concatenate([block.samples for block in self._window])
        self._window = []
        try:
            voices = self._model.voices(samples)
            if voices:
                said = np.concatenate([samples[voice.start : voice.stop] for voice in voices])
                self._votes.append(_Vote(self._model.languages(said), len(said)))
        except DetectorError:
            return


def _decision(votes: Sequence[_Vote]) -> Language:
    """By the mean of the votes, each weighted with its length."""
    if not votes:
        return Language("", 0.0, {})
    total = sum(vote.voice for vote in votes)
    codes = {code for vote in votes for code in vote.probabilities}
    means = {
        code: sum(vote.probabilities.get(code, 0.0) * vote.voice for vote in votes) / total
        for code in codes
    }
    ranked = sorted(means, key=lambda code: (-means[code], code))
    others = {code: means[code] for code in ranked[1:3] if means[code] >= _WORTH_NAMING}
    return Language(ranked[0], means[ranked[0]], others)
