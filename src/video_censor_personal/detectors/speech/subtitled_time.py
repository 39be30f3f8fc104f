"""In which time subtitles tell what is said, and the sound outside of it."""

from __future__ import annotations

import logging
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.detectors.speech.subtitle_text import says_something, spoken_text
from video_censor_personal.detectors.speech.text_language import reads_like
from video_censor_personal.detectors.speech.vocabulary import language_code
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock, Cue
from video_censor_personal.timeline import Span, subtract, union

__all__ = ["SHORTEST_S", "SubtitledTime", "told_spans"]

_log = logging.getLogger(__name__)

SHORTEST_S = Fraction(1, 4)
"""In less than this nobody says a whole word: subtitles closer to each other are one."""
_CONTEXT_S = Fraction(1, 5)
"""This much of a subtitle is heard as well, so that a word at its border is heard whole."""
_LONGEST_S = Fraction(7)
_SLOWEST_PER_S = 5
"""What a subtitle tells is said within 7 s, the longest that guides for subtitlers allow, or at 5
signs a second, a third of their usual pace; one that stands for longer does not tell all of it."""


def told_spans(cues: Sequence[Cue], languages: Collection[str]) -> list[Span]:
    """When `cues` tell what is said, so that nobody needs to recognise it.

    Those that name no language only do if their track reads like one of `languages`; no cue does
    that stands for longer than saying its text takes, or is abridged.
    """
    unnamed: dict[str, list[str]] = defaultdict(list)
    for cue in cues:
        if not language_code(cue.language):
            unnamed[cue.source].append(spoken_text(cue.text))
    foreign = {source for source, texts in unnamed.items() if not reads_like(texts, languages)}
    for source in sorted(foreign):
        _log.info(
            "%s names no language and does not read like one that is looked for: what is said "
            "under it is recognised as well",
            source,
        )
    return [
        cue.span
        for cue in cues
        if not cue.abridged
        and says_something(cue.text)
        and cue.span.duration <= max(_LONGEST_S, Fraction(len(cue.text), _SLOWEST_PER_S))
        and (language_code(cue.language) or cue.source not in foreign)
    ]


class SubtitledTime:
    """The time of subtitles that say something, given in any order."""

    def __init__(self, subtitled: Sequence[Span]) -> None:
        self._spans = union(subtitled, SHORTEST_S)
        self._ends = [span.end for span in self._spans]
        self._starts = [span.start for span in self._spans]

    def holds(self, span: Span) -> bool:
        """Whether the middle of `span` is subtitled: then the word there is the subtitle's."""
        middle = (span.start + span.end) / 2
        return any(near.contains(middle) for near in self._near(span))

    def uncovered_s(self, span: Span) -> Fraction:
        """Seconds of `span` that are not subtitled."""
        return sum((part.duration for part in subtract(span, self._near(span))), Fraction(0))

    def outside(self, block: AudioBlock) -> Iterator[tuple[Fraction, NDArray[np.int16]]]:
        """The parts of `block` that no subtitle covers, with the time of their first sample."""
        covered = [
            Span(near.start + _CONTEXT_S, near.end - _CONTEXT_S)
            for near in self._near(block.span)
            if near.duration > 2 * _CONTEXT_S
        ]
        for part in subtract(block.span, covered):
            first = round((part.start - block.time) * SAMPLE_RATE_HZ)
            last = round((part.end - block.time) * SAMPLE_RATE_HZ)
            yield block.time + Fraction(first, SAMPLE_RATE_HZ), block.samples[first:last]

    def _near(self, span: Span) -> list[Span]:
        """The subtitled time that shares some of `span`."""
        return self._spans[
            bisect_right(self._ends, span.start) : bisect_left(self._starts, span.end)
        ]
