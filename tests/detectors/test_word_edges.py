"""Edges of words are put where the sound is quiet, and never far."""

from __future__ import annotations

import numpy as np
import pytest
from spoken import WITH_SWEARING, sound, word

from video_censor_personal.detectors.speech.word_edges import MAX_SNAP_S, snapped
from video_censor_personal.media.base import SAMPLE_RATE_HZ


def burst(start_s: float, end_s: float, length_s: float = 3.0) -> np.ndarray:
    samples = np.zeros(round(length_s * SAMPLE_RATE_HZ), np.int16)
    samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)] = 8_000
    return samples


@pytest.mark.parametrize("off_s", [-0.1, -0.04, 0.0, 0.04, 0.1])
def test_a_time_inside_the_word_is_moved_out_of_it(off_s):
    start_s, end_s = snapped(burst(1, 1.5), 1 + max(0, off_s), 1.5 + min(0, off_s))
    assert 1 - MAX_SNAP_S <= start_s <= 1
    assert 1.5 <= end_s <= 1.5 + MAX_SNAP_S


def test_silence_around_a_word_is_left_out_by_half_as_much():
    assert snapped(burst(1, 1.5), 0.97, 1.53) == pytest.approx((0.97, 1.53))
    start_s, end_s = snapped(burst(1, 1.5), 0.5, 2.0)
    assert 0.5 <= start_s <= 0.56
    assert 1.94 <= end_s <= 2.0


def test_in_steady_sound_an_edge_stays():
    assert snapped(burst(0, 3), 1.0, 1.5) == (1.0, 1.5)


def test_edges_stay_inside_the_clip():
    assert snapped(burst(0, 3), 0.0, 3.0) == (0.0, 3.0)
    assert snapped(burst(0, 0.02, 0.02), 0.0, 0.02) == (0.0, 0.02)
    assert snapped(np.zeros(0, np.int16), 0.0, 0.0) == (0.0, 0.0)


@pytest.mark.parametrize(("name", "text"), WITH_SWEARING.items())
def test_real_words_whose_times_are_a_tenth_off_are_covered(name, text):
    truth = word(name, text)
    for start_s, end_s in (
        (truth.start_s + 0.08, truth.end_s - 0.08),
        (truth.start_s, truth.end_s),
    ):
        start, end = snapped(sound(name), start_s, end_s)
        assert start <= truth.start_s + 0.03
        assert end >= truth.end_s - 0.03
        assert start >= truth.start_s - 0.15
        assert end <= truth.end_s + 0.15
