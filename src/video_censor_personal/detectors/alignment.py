"""Finds when the words of a subtitle are said, and says so when they are not.

Plain forced alignment stretches the words it is given over all the sound it is given. When a
subtitle leaves words out, comes late or stands beside other speech, its answer is wrong and looks
right. So the words here are optional, and between any two of them any other sound may come: a
grammar of the words in order with loops of single phones in between, where each phone of a loop
and each word left out costs so much that a word which is really there always wins. Measured on 396
joined and continuous sentences of four synthetic voices (words dropped, replaced, extra, speech on
either side, 10 dB noise): see `tests/detectors/test_alignment.py`.

What was placed is then doubted: too few of the subtitle's words found, a word too short to be
said, cut off at the border, or not like its sound, and the answer is `Unplaced`, upon which the
caller takes the whole subtitle.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder

from video_censor_personal.detectors.pronunciation import pronounce
from video_censor_personal.media.base import SAMPLE_RATE_HZ

__all__ = ["Aligner", "Placed", "Script", "Unplaced", "words_of"]

_PHONES = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH",
    "IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH",
    "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
_PHONE_COST = 1e-15
"""Probability of each phone of other sound. From 1e-5 on (cheaper) loops eat the edges of words;
at 1e-20 words are put where they were not said."""
_SKIP_COST = 1e-10
_LOOP_COST = 1e-2

_FREE_TRANSITIONS: list[tuple[object, ...]] = [
    *((0, 0, _LOOP_COST, f"_{phone}") for phone in _PHONES),
    (0, 1, 1.0),
]

_FRAMES_PER_S = 100
_MIN_PHONE_S = 0.035
_MAX_WORD_S = 1.2
_MIN_SHARE_PLACED = 0.5
_MIN_FIT = -2.7e-3
_MIN_FIT_ALONE = -1.7e-3
"""Log likelihood a frame of a word less that of the best phones whatever: measured -2.8e-3 and
better for words that were said, -3e-3 and worse for most that were not. A subtitle of one word
has no neighbours to vouch for it."""
_SAFETY_FRAMES = 5
_SAFETY_FRAMES_IN_SOUND = 10
"""A placed word grows by this, but not into a neighbour: measured edges cut in by 0.03 s on
average, at the end by up to 0.09 s where a loop took the last sound of the word for its own."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*['’]?")


def words_of(text: str) -> list[re.Match[str]]:
    """The words of a subtitle with their positions; punctuation, hyphens and music signs fall
    away."""
    return list(_WORD.finditer(text))


@dataclass(frozen=True, slots=True)
class Script:
    """What is probably said in a stretch of sound.

    Attributes:
        words: in order, in lower case.
        own: the indices of those which belong to the subtitle itself, not to its neighbours.
        wanted: the indices of those to be timed, consecutive.
    """

    words: tuple[str, ...]
    own: range
    wanted: range


@dataclass(frozen=True, slots=True)
class Placed:
    """From the start of the first wanted word to the end of the last, in seconds of the sound;
    `confidence` 0–1."""

    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Unplaced:
    """The wanted words were not found for certain, and why (the end of a sentence)."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Heard:
    word: str
    start: int
    end: int
    score: float

    @property
    def is_word(self) -> bool:
        """Not a phone of a loop, not silence, not a breath."""
        return self.word[0] not in "_<["


class Aligner:
    """Places words of English in sound. Loads the speech model (0.3 s, 60 MB)."""

    def __init__(self) -> None:
        self._decoder = Decoder(samprate=SAMPLE_RATE_HZ, lm=None, bestpath=False, loglevel="FATAL")
        for phone in _PHONES:
            self._decoder.add_word(f"_{phone}", phone, phone == _PHONES[-1])

    def place(self, samples: NDArray[np.int16], script: Script) -> Placed | Unplaced:
        """When the wanted words of `script` are said in `samples` (`(N,)`, 16 kHz)."""
        if not samples.any():
            return Unplaced("its sound is silent")
        known = [self._knows(w, i in script.wanted) for i, w in enumerate(script.words)]
        words = [word for word, is_known in zip(script.words, known, strict=True) if is_known]
        index = [i for i, is_known in enumerate(known) if is_known]
        if not {script.wanted[0], script.wanted[-1]} <= set(index):
            return Unplaced("nobody knows how it is said")
        heard = self._hear(samples, _script_transitions(words), len(words))
        where = dict(_in_order(words, heard))
        placed = {i: where[n] for n, i in enumerate(index) if n in where}
        own = sum(i in script.own for i in index)
        if sum(i in script.own for i in placed) < own * _MIN_SHARE_PLACED:
            return Unplaced("the sound does not say what the subtitle says")
        if not {script.wanted[0], script.wanted[-1]} <= placed.keys():
            return Unplaced("it was not found in the sound")
        return self._judge(samples, script, placed, heard)

    def _judge(
        self,
        samples: NDArray[np.int16],
        script: Script,
        placed: dict[int, _Heard],
        heard: Sequence[_Heard],
    ) -> Placed | Unplaced:
        first, last = placed[script.wanted[0]], placed[script.wanted[-1]]
        frames = len(samples) * _FRAMES_PER_S // SAMPLE_RATE_HZ
        if first.start <= 1 or last.end >= frames - 3:
            return Unplaced("it is cut off by the border of the subtitle")
        for word in (first, last):
            phones = self._decoder.lookup_word(word.word).split()
            if word.end - word.start < _MIN_PHONE_S * _FRAMES_PER_S * len(phones):
                return Unplaced("it was found in too short a time")
        if last.end - first.start > _MAX_WORD_S * _FRAMES_PER_S * len(script.wanted):
            return Unplaced("its words were found too far apart")
        free = self._hear(samples, _FREE_TRANSITIONS, 1)
        fit = min(_fit(word, heard, free) for word in (first, last))
        alone = len(placed) <= len(script.wanted)
        if fit < (_MIN_FIT_ALONE if alone else _MIN_FIT):
            return Unplaced("what was heard there does not sound like it")
        start, end = _grown(first, last, heard)
        return Placed(start / _FRAMES_PER_S, end / _FRAMES_PER_S, _confidence(fit))

    def _knows(self, word: str, wanted: bool) -> bool:
        """Whether the model can listen for `word`; a wanted one is added to its dictionary."""
        if self._decoder.lookup_word(word):
            return True
        phones = pronounce(word, self._decoder.lookup_word) if wanted else None
        if phones:
            self._decoder.add_word(word, phones)
        return phones is not None

    def _hear(
        self, samples: NDArray[np.int16], transitions: list[tuple[object, ...]], final: int
    ) -> list[_Heard]:
        """The best way through a grammar, from state 0 to `final`."""
        decoder = self._decoder
        decoder.add_fsg("script", decoder.create_fsg("script", 0, final, transitions))
        decoder.activate_search("script")
        decoder.reinit_feat()  # what was heard before must not matter
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return []
        return [
            _Heard(re.sub(r"\(\d+\)\Z", "", s.word), s.start_frame, s.end_frame + 1, s.ascore)
            for s in decoder.seg()
            if s.word != "(NULL)"
        ]


def _script_transitions(words: Sequence[str]) -> list[tuple[object, ...]]:
    """Each word once, in order, or not at all, with any phones in between."""
    transitions: list[tuple[object, ...]] = []
    for state in range(len(words) + 1):
        transitions += [(state, state, _PHONE_COST, f"_{phone}") for phone in _PHONES]
    for state, word in enumerate(words):
        transitions += [(state, state + 1, 1.0, word), (state, state + 1, _SKIP_COST)]
    return transitions


def _in_order(words: Sequence[str], heard: Sequence[_Heard]) -> list[tuple[int, _Heard]]:
    """Which of `words` each heard word is; a word that comes twice is taken for the earlier."""
    pairs, position = [], 0
    for sound in heard:
        if not sound.is_word:
            continue
        while words[position] != sound.word:
            position += 1
        pairs.append((position, sound))
        position += 1
    return pairs


def _grown(first: _Heard, last: _Heard, heard: Sequence[_Heard]) -> tuple[int, int]:
    """The frames from `first` to `last` and what may still belong to them."""
    before = (sound.end for sound in heard if sound.is_word and sound.end <= first.start)
    after = [sound for sound in heard if sound.start >= last.end]
    latest = min((sound.start for sound in after if sound.is_word), default=heard[-1].end)
    growth = _SAFETY_FRAMES_IN_SOUND if after and after[0].word[0] == "_" else _SAFETY_FRAMES
    start = max(max(before, default=0), first.start - _SAFETY_FRAMES)
    return start, min(latest, last.end + growth)


def _confidence(fit: float) -> float:
    return round(max(0.5, min(0.98, 0.9 + fit * 40)), 3)


def _fit(word: _Heard, heard: Sequence[_Heard], free: Sequence[_Heard]) -> float:
    """How much worse a frame of `word` fits its sound than the best phones whatever (log)."""
    frames = range(word.start, word.end)
    said, best = _log_likelihood(heard, frames), _log_likelihood(free, frames)
    return (said - best) / max(1, len(frames))


def _log_likelihood(heard: Sequence[_Heard], frames: range) -> float:
    total = 0.0
    for sound in heard:
        shared = min(sound.end, frames.stop) - max(sound.start, frames.start)
        if shared > 0:
            total += math.log(sound.score) * shared / (sound.end - sound.start)
    return total
