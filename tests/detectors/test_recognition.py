"""Utterances cut out of a stream, and the words recognised in them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from spoken import CONTINUOUS, blocks, sound, word

from video_censor_personal.detectors.speech.recognition import (
    Recogniser,
    Utterance,
    UtteranceSplitter,
)
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock

START = Fraction(7, 3)


def split(stream: list[AudioBlock]) -> list[Utterance]:
    splitter, found = UtteranceSplitter(), []
    for block in stream:
        found += splitter.hear(block.time, block.samples)
    return found + list(splitter.finish())


def with_pauses() -> np.ndarray:
    pause = np.zeros(SAMPLE_RATE_HZ, np.int16)
    speech = sound("words_hell_slt.wav")
    return np.concatenate([pause, speech, pause, pause, speech, pause])


def test_silence_separates_utterances_and_is_not_part_of_them():
    first, second = split(list(blocks(with_pauses(), START)))
    length = len(sound("words_hell_slt.wav")) / SAMPLE_RATE_HZ
    assert float(first.time - START) == pytest.approx(1, abs=0.35)
    assert float(second.time - first.time) == pytest.approx(length + 2, abs=0.1)
    assert len(first.samples) / SAMPLE_RATE_HZ == pytest.approx(length, abs=0.5)
    assert split(list(blocks(np.zeros(3 * SAMPLE_RATE_HZ, np.int16)))) == []


@pytest.mark.parametrize("sizes", [(1,), (160, 7777, 479), (10**9,)])
def test_the_borders_of_blocks_do_not_matter(sizes):
    samples = with_pauses()
    samples = samples[: 3 * SAMPLE_RATE_HZ] if sizes == (1,) else samples
    whole = split(list(blocks(samples, START)))
    pieces = split(list(blocks(samples, START, sizes)))
    assert [u.time for u in pieces] == [u.time for u in whole]
    for one, other in zip(pieces, whole, strict=True):
        assert np.array_equal(one.samples, other.samples)


def test_an_utterance_is_exactly_the_sound_at_its_time_even_where_it_was_cut_for_its_length():
    samples = np.concatenate([sound(CONTINUOUS)[3000:-3000]] * 5)
    utterances = split(list(blocks(samples, START)))
    assert len(utterances) >= 3
    for utterance in utterances:
        assert len(utterance.samples) <= 16 * SAMPLE_RATE_HZ
        offset = (utterance.time - START) * SAMPLE_RATE_HZ
        assert offset.denominator == 1
        there = samples[int(offset) : int(offset) + len(utterance.samples)]
        assert np.array_equal(there, utterance.samples)
    assert sum(len(u.samples) for u in utterances) > len(samples) * 0.97


def test_a_jump_in_time_ends_an_utterance():
    half = 2 * SAMPLE_RATE_HZ
    samples = sound(CONTINUOUS)
    utterances = split([
        AudioBlock(START, samples[:half]), AudioBlock(START + 10, samples[half : 2 * half]),
    ])  # fmt: skip
    assert len(utterances) == 2
    assert START + 10 <= utterances[1].time < START + 11


def test_words_are_timed_and_what_was_recognised_before_does_not_matter():
    recogniser = Recogniser()
    first = recogniser.recognise(sound(CONTINUOUS))
    for text in ("hell", "damn", "shit"):
        heard = next(w for w in first if w.text == text)
        truth = word(CONTINUOUS, text)
        assert heard.start_s == pytest.approx(truth.start_s, abs=0.15)
        assert heard.end_s == pytest.approx(truth.end_s, abs=0.2)
        assert 0 <= heard.probability <= 1
    recogniser.recognise(sound("words_damn_awb.wav"))
    assert recogniser.recognise(sound(CONTINUOUS)) == first
