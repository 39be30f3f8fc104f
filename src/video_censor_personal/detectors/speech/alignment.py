"""Finds when the words of a subtitle are said, and says so when they are not.

Plain forced alignment stretches the words it is given over all the sound it is given. When a
subtitle leaves words out, comes late or stands beside other speech, its answer is wrong and looks
right. So the words here are optional, and between any two of them any other sound may come: a
grammar of the words in order with loops of single phones in between, where each phone of a loop
and each word left out costs so much that a word which is really there wins.

Measured on 396 cases from four synthetic voices, the same on which the limits below were chosen
(words dropped, replaced or added, speech on either side, 10 dB noise): of 288 words that were said
268 were placed, 265 of them to within 0.15 s at both ends; of 108 that were not said 2 were, both
where another word stood in their place.

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

from video_censor_personal.detectors.speech.pronunciation import pronounce
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
_SKIP_COST = 1e-7
_BEAM = 1e-48
"""Wide enough that a way which leaves out several words in a row is not given up too early."""
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
_MIN_MEAN_FIT = -2.0e-3
"""Log likelihood a frame of a word less that of the best phones whatever. Measured: -2.8e-3 and
better for words that were said, -3e-3 and worse for most that were not; averaged over a subtitle,
-1.9e-3 and better where it was said, about -2.3e-3 where another was. A subtitle of one word has no
neighbours to vouch for it."""
_QUIET = 10 ** (-35 / 20)
"""Amplitude below which the border of a word is silence, as a share of its loudest moment."""
_MAX_TRIM_FRAMES = 15
_GROWTH_FRAMES = {"silence": 3, "word": 5, "other": 10}
"""A placed word grows by this, depending on what comes next, but never into a placed neighbour.
Measured: edges cut in by 0.03 s on average, and by up to 0.09 s where a loop of phones took the
last sound of the word for its own."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*['’]?")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; punctuation, hyphens and music signs fall away."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


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
        self._decoder = Decoder(
            samprate=SAMPLE_RATE_HZ,
            lm=None,
            bestpath=False,
            beam=_BEAM,
            pbeam=_BEAM,
            wbeam=_BEAM,
            loglevel="FATAL",
        )
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
        own = [n for n, i in enumerate(index) if i in script.own]
        transitions = _script_transitions(words, range(own[0], own[-1] + 1))
        heard = self._hear(samples, transitions, len(words))
        where = dict(_in_order(words, heard))
        placed = {i: where[n] for n, i in enumerate(index) if n in where}
        if sum(i in script.own for i in placed) < len(own) * _MIN_SHARE_PLACED:
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
        fits = {i: _fit(word, heard, free) for i, word in placed.items()}
        fit = min(fits[script.wanted[0]], fits[script.wanted[-1]])
        if sum(fits.values()) < _MIN_MEAN_FIT * len(fits):
            return Unplaced("the sound does not say what the subtitle says")
        if fit < (_MIN_FIT if len(fits) > len(script.wanted) else _MIN_FIT_ALONE):
            return Unplaced("what was heard there does not sound like it")
        start, end = _borders(first, last, heard, _loudness(samples))
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


def _script_transitions(words: Sequence[str], own: range) -> list[tuple[object, ...]]:
    """Each word once, in order, or not at all, with any phones in between.

    Of the neighbours' words before and after `own`, any number of the outermost may be left out
    at the cost of one: nobody knows how many of them are in the sound.
    """
    transitions: list[tuple[object, ...]] = []
    for state in range(len(words) + 1):
        transitions += [(state, state, _PHONE_COST, f"_{phone}") for phone in _PHONES]
    for state, word in enumerate(words):
        transitions += [(state, state + 1, 1.0, word), (state, state + 1, _SKIP_COST)]
    transitions += [(0, state, _SKIP_COST) for state in range(2, own.start + 1)]
    transitions += [(state, len(words), _SKIP_COST) for state in range(own.stop, len(words) - 1)]
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


def _borders(
    first: _Heard, last: _Heard, heard: Sequence[_Heard], loudness: NDArray[np.float32]
) -> tuple[int, int]:
    """The frames from `first` to `last`, without silence at their ends, and what may still be
    theirs."""
    before = [sound for sound in heard if sound.end <= first.start]
    after = [sound for sound in heard if sound.start >= last.end]
    earliest = max((sound.end for sound in before if sound.is_word), default=0)
    latest = min((sound.start for sound in after if sound.is_word), default=heard[-1].end)
    floor = loudness[first.start : last.end].max(initial=0) * _QUIET
    start, end = first.start, last.end
    while start < first.start + _MAX_TRIM_FRAMES and loudness[start] <= floor:
        start += 1
    while end > last.end - _MAX_TRIM_FRAMES and loudness[end - 1] <= floor:
        end -= 1
    start -= _growth(start > first.start, before[-1:])
    end += _growth(end < last.end, after[:1])
    return max(earliest, start), min(latest, end)


def _growth(trimmed: bool, neighbour: Sequence[_Heard]) -> int:
    """Frames by which a border moves outwards."""
    if trimmed:
        return _GROWTH_FRAMES["silence"]
    other = neighbour and neighbour[0].word.startswith("_")
    return _GROWTH_FRAMES["other" if other else "word"]


def _loudness(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """The loudest amplitude of each frame, `(frames,)`."""
    size = SAMPLE_RATE_HZ // _FRAMES_PER_S
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float32)
    loudest: NDArray[np.float32] = np.abs(frames).max(axis=1)
    return loudest


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
