"""Words placed in real speech whose times are known, and refusals where they cannot be."""

from __future__ import annotations

import random

import numpy as np
import pytest
from spoken import (
    INNOCENT,
    WITH_SWEARING,
    Word,
    sentence,
    sound,
    with_noise,
    without_pauses,
    word,
    words,
)

from video_censor_personal.detectors.speech.alignment import Aligner, Placed, Script, Unplaced
from video_censor_personal.media.base import SAMPLE_RATE_HZ

TOLERANCE_S = 0.15
SWEARING = list(WITH_SWEARING.items())


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return Aligner()


def script(text: str, wanted: str) -> Script:
    said = text.split()
    first = said.index(wanted.split()[0])
    return Script(tuple(said), range(len(said)), range(first, first + len(wanted.split())))


def error_s(placed: Placed | Unplaced, truth: Word) -> float:
    assert isinstance(placed, Placed), placed
    return max(abs(placed.start_s - truth.start_s), abs(placed.end_s - truth.end_s))


def test_the_longer_words_of_every_sentence_are_placed_to_within_its_tolerance(aligner):
    errors = []
    for name in [*WITH_SWEARING, INNOCENT]:
        said = tuple(w.text for w in words(name))
        for position, truth in enumerate(words(name)):
            if len(truth.text) < 5:
                continue  # the listed ones have a test of their own
            wanted = range(position, position + 1)
            answer = aligner.place(sound(name), Script(said, range(len(said)), wanted))
            if said.count(truth.text) == 1 and isinstance(answer, Placed):
                errors.append(error_s(answer, truth))
    print(f"{len(errors)} words, mean {np.mean(errors):.3f} s, worst {max(errors):.3f} s")
    assert len(errors) >= 8
    assert np.mean(errors) < 0.09
    assert max(errors) < 0.2


@pytest.mark.parametrize(("name", "wanted"), SWEARING)
def test_a_listed_word_is_placed_and_no_part_of_it_left_out(aligner, name, wanted):
    truth = word(name, wanted)
    placed = aligner.place(sound(name), script(sentence(name), wanted))
    assert error_s(placed, truth) < TOLERANCE_S
    padding = 0.08  # what a copy adds
    assert placed.start_s - padding < truth.start_s
    assert placed.end_s + padding > truth.end_s


@pytest.mark.parametrize(("name", "wanted"), SWEARING)
def test_speech_without_pauses_is_no_harder(aligner, name, wanted):
    samples, moved = without_pauses(name)
    truth = next(w for w in moved if w.text == wanted)
    assert error_s(aligner.place(samples, script(sentence(name), wanted)), truth) < TOLERANCE_S


@pytest.mark.parametrize(("name", "wanted"), SWEARING)
def test_a_subtitle_that_leaves_words_out_never_gives_a_wrong_time(aligner, name, wanted):
    choose = random.Random(5)
    placed = 0
    for _ in range(4):
        left = [w.text for w in words(name) if w.text == wanted or choose.random() < 0.5]
        answer = aligner.place(sound(name), script(" ".join(left), wanted))
        if isinstance(answer, Placed):
            assert error_s(answer, word(name, wanted)) < TOLERANCE_S, left
            placed += 1
    assert placed >= 3


@pytest.mark.parametrize(("name", "wanted"), SWEARING)
def test_a_subtitle_with_other_and_further_words_is_still_placed(aligner, name, wanted):
    said = sentence(name).split()
    said = ["yesterday", *said[:1], "kitchen", *said[1:], "people"]
    placed = aligner.place(sound(name), script(" ".join(said), wanted))
    assert error_s(placed, word(name, wanted)) < TOLERANCE_S


@pytest.mark.parametrize(("name", "wanted"), SWEARING)
def test_a_word_that_was_not_said_is_not_placed(aligner, name, wanted):
    truth = word(name, wanted)
    first, last = (round(t * SAMPLE_RATE_HZ) for t in (truth.start_s, truth.end_s))
    cut_out = np.delete(sound(name), slice(first, last))
    assert isinstance(aligner.place(cut_out, script(sentence(name), wanted)), Unplaced)


def test_the_text_of_another_scene_is_not_placed(aligner):
    others = [
        "people seventeen mother fuck happy green kitchen",
        "paper station bitch maybe window",
        "london brother never yesterday motherfuckers happy",
    ]
    for name in [*WITH_SWEARING, INNOCENT]:
        for text in others:
            wanted = next(w for w in text.split() if "fuck" in w or w == "bitch")
            assert isinstance(aligner.place(sound(name), script(text, wanted)), Unplaced), name


@pytest.mark.parametrize(("name", "wanted"), SWEARING)
def test_at_10_db_noise_a_word_is_placed_right_or_not_at_all(aligner, name, wanted):
    answer = aligner.place(with_noise(sound(name), 10), script(sentence(name), wanted))
    if isinstance(answer, Placed):
        assert error_s(answer, word(name, wanted)) < 0.2


def test_a_word_that_no_dictionary_holds_is_placed_by_its_spelling(aligner):
    name = "words_shit_rms.wav"
    text = sentence(name).replace("shit", "shyt")
    assert error_s(aligner.place(sound(name), script(text, "shyt")), word(name, "shit")) < 0.2
    # and one that is not wanted does not get in the way
    text = sentence(name).replace("piece", "pqzx 24 ωμέγα")
    answer = aligner.place(sound(name), script(text, "shit"))
    assert error_s(answer, word(name, "shit")) < TOLERANCE_S


def test_a_phrase_goes_from_its_first_word_to_its_last(aligner):
    name = "words_shit_rms.wav"
    placed = aligner.place(sound(name), script(sentence(name), "piece of shit"))
    phrase = Word("", word(name, "piece").start_s, word(name, "shit").end_s)
    assert error_s(placed, phrase) < TOLERANCE_S


def test_a_word_cut_off_at_the_border_is_not_trusted(aligner):
    name = "words_hell_slt.wav"
    samples = sound(name)[: int(1.0 * SAMPLE_RATE_HZ)]  # in the middle of `hell`
    assert isinstance(aligner.place(samples, script("what the hell", "hell")), Unplaced)


def test_silence_and_hiss_hold_no_word(aligner):
    hiss = np.random.default_rng(2).normal(0, 300, 2 * SAMPLE_RATE_HZ).astype(np.int16)
    for samples in (np.zeros(SAMPLE_RATE_HZ, np.int16), hiss, np.zeros(0, np.int16)):
        assert isinstance(aligner.place(samples, script("what the hell", "hell")), Unplaced)


def test_what_was_heard_before_does_not_matter(aligner):
    name = "words_hell_slt.wav"
    first = aligner.place(sound(name), script(sentence(name), "hell"))
    aligner.place(with_noise(sound(INNOCENT), 0), script("the class", "class"))
    assert aligner.place(sound(name), script(sentence(name), "hell")) == first
