"""The ladder's better rung, with scripted models in the real faster-whisper on real speech."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scripted_whisper import ScriptedWord, scripted_whisper
from spoken import CONTINUOUS, blocks, cue, sentence, sound, word
from whispering import (
    HELL,
    LENGTH_S,
    OTHER_LINE,
    assert_at,
    german,
    listener,
    quiet,
    run,
    true_to,
    true_to_german,
)

from video_censor_personal.detectors.speech.whisper_folder import WhisperFolder
from video_censor_personal.detectors.speech.whisper_model import Whisper, WhisperProcess
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock

Make = Callable[..., Whisper]


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes a Whisper that says the words of a script."""

    def make(script: Sequence[ScriptedWord], **details: Any) -> Whisper:
        folder = scripted_whisper(tmp_path_factory.mktemp("whisper") / "model", script, **details)
        return Whisper(str(folder), "cpu", 1)

    return make


# -- with subtitles


def test_where_alignment_places_every_word_nothing_is_heard_again(whisper):
    detector = listener(whisper([ScriptedWord("bitch", 1.0)]))
    (found,) = run(detector, sound(HELL), [cue(0, LENGTH_S, sentence(HELL))])
    assert (found.label, found.evidence) == ("hell", "aligned")
    assert detector.hearing.heard_s == 0


def test_only_the_subtitles_that_matter_are_heard_again(whisper):
    """Of five subtitles it is the third, which the sound does not bear out, and the fourth, where
    the text does not tell which word is meant."""
    step = LENGTH_S + 0.2
    samples = np.concatenate([part for _ in range(5) for part in (sound(HELL), quiet(0.2))])
    lines = ["what the heck", sentence(HELL), OTHER_LINE, sentence(HELL).replace("hell", "h***")]
    cues = [cue(n * step, n * step + LENGTH_S, line) for n, line in enumerate([*lines, "fine"])]
    detector = listener(whisper(true_to(HELL, offset_s=0.75)), min_severity=2)
    found = run(detector, samples, cues)
    assert [(item.label, item.evidence) for item in found] == [
        ("hell", "aligned"), ("hell", "reheard"), ("h***", "reheard"),
    ]  # fmt: skip
    for n, item in enumerate(found, 1):
        assert_at(item, HELL, "hell", n * step)
    assert detector.hearing.heard_s == pytest.approx(2 * (LENGTH_S + 1.5), abs=0.2)
    assert "the word was heard in its sound" in found[1].reasoning


def test_a_word_that_is_not_heard_either_keeps_its_whole_subtitle(whisper):
    shown = cue(0, LENGTH_S, OTHER_LINE)
    (found,) = run(listener(whisper([ScriptedWord("nothing", 1.0)])), sound(HELL), [shown])
    assert (found.span, found.evidence) == (shown.span, "cue")
    assert "not heard again" in found.reasoning


def test_a_word_that_a_subtitle_strikes_out_is_found_in_its_sound(whisper):
    shown = cue(0, LENGTH_S, "What the **** are you doing with my car?")
    (found,) = run(listener(whisper(true_to(HELL))), sound(HELL), [shown])
    assert (found.label, found.evidence) == ("hell", "recognised")
    assert_at(found, HELL, "hell")


def test_a_subtitle_that_strikes_out_a_word_nobody_says_any_more_gives_nothing(whisper):
    shown = cue(0, LENGTH_S, "What the **** are you doing with my car?")
    clean = [w for w in true_to(HELL) if w.text != "hell"]
    assert run(listener(whisper(clean)), sound(HELL), [shown]) == []


def test_a_struck_out_word_that_cannot_be_heard_is_a_gap(whisper, tmp_path):
    shown = cue(0, 40, "What the **** are you doing with my car?" * 5)
    samples = np.concatenate([sound(HELL), quiet(40)])
    (gap,) = run(listener(whisper(true_to(HELL))), samples, [shown])
    assert (gap.span, gap.category) == (shown.span, "profanity")
    assert "strikes out a word, and it is too long" in gap.reason
    broken = Whisper(str(tmp_path), "cpu", 1)
    ears = listener(broken)
    ears.hearing.model = WhisperProcess(WhisperFolder("broken", tmp_path), "cpu", 1)
    (gap,) = run(ears, sound(HELL), [cue(0, LENGTH_S, "****")])
    assert gap.passing
    assert "'broken' failed" in gap.reason


def test_speech_at_the_edges_of_subtitles_is_theirs_and_a_word_between_them_is_nobodys(whisper):
    hell = word(HELL, "hell")
    before, after = cue(0, hell.start_s - 0.05, "what the"), cue(1.35, LENGTH_S, "are you doing")
    detector = listener(whisper([ScriptedWord("hell", 0.4), ScriptedWord("are", 0.9)]))
    (found,) = run(detector, sound(HELL), [before, after])
    assert found.label == "hell"
    assert_at(found, HELL, "hell")
    assert detector.hearing.heard_s < 1.3
    detector = listener(whisper([ScriptedWord("hell", 0.4)]))
    late = cue(0.2, LENGTH_S - 0.15, sentence(HELL).replace("hell", "place"))
    assert run(detector, sound(HELL), [late]) == []
    assert detector.hearing.heard_s == 0


def test_a_german_word_in_a_german_subtitle_gets_its_time_from_whisper(whisper):
    model = whisper(true_to_german(), languages={"de": 1.0})
    detector = listener(model, languages=["de"], language="de")
    detector.hearing.language = "de"
    (found,) = run(detector, sound(HELL), [cue(0, LENGTH_S, "Scheiße, Mann!", "ger")])
    assert (found.label, found.evidence) == ("Scheiße", "reheard")
    assert_at(found, HELL, "hell")  # the only word around 0.9 s


# -- without subtitles


def test_without_subtitles_voices_are_heard_and_silence_is_not(whisper):
    samples = np.concatenate([quiet(40), sound(HELL), quiet(40), sound(HELL), quiet(5)])
    detector = listener(whisper(true_to(HELL, offset_s=0.2)))
    first, second = run(detector, samples)
    assert_at(first, HELL, "hell", 40)
    assert_at(second, HELL, "hell", 80 + LENGTH_S)
    assert first.evidence == "recognised"
    assert "what the hell are you doing" in first.reasoning
    assert detector.hearing.heard_s == pytest.approx(2 * LENGTH_S, abs=1.0)


def test_a_model_that_makes_up_words_is_not_believed_in_silence_noise_or_pauses(whisper):
    said = [ScriptedWord(text, at_s) for text, at_s in (("hell", 0.9), ("no", 4.2), ("shit", 9.0))]
    model = whisper(said)
    noise = (np.random.default_rng(0).normal(size=8 * SAMPLE_RATE_HZ) * 2000).astype(np.int16)
    for samples in (quiet(35), noise):
        detector = listener(model)
        assert run(detector, samples) == []
        assert detector.hearing.heard_s == 0
    shown = cue(0, 12, "**** and what follows is a long silence, as nobody says a word any more")
    silent_after = np.concatenate([sound(HELL), quiet(9)])
    found = run(listener(model), silent_after, [shown])
    assert [item.label for item in found] == ["hell"]


def test_what_is_heard_does_not_depend_on_blocks_and_no_more_than_a_window_is_kept(whisper):
    samples = np.concatenate([quiet(3), *[sound(CONTINUOUS)] * 5])
    model = whisper([ScriptedWord("hell", 2.0), ScriptedWord("no", 2.6)])

    def hear(*sizes: int) -> list[Detection | Gap]:
        detector = listener(model)
        detector.begin([])
        found = []
        for block in blocks(samples, Fraction(7, 3), sizes):
            found += detector.hear(block)
            kept = sum(map(len, detector._voiced._parts))
            assert kept <= 30 * SAMPLE_RATE_HZ + max(sizes)
        found += detector.finish()
        assert detector.hearing.heard_s == pytest.approx(5 * 9.37, abs=1.5)
        return found

    whole = hear(16_000)
    assert len(whole) == 2
    assert whole == hear(9_999, 160, 40_000)


def test_times_beyond_the_clip_are_clamped(whisper):
    model = whisper([ScriptedWord("what", 0.5), ScriptedWord("hell", 25.0)], end_s=29.9)
    (found,) = run(listener(model), sound(HELL))
    assert isinstance(found, Detection)
    assert 0 <= found.span.start < found.span.end <= Fraction(LENGTH_S)
    assert isinstance(found.span.start, Fraction)


def test_an_unlikely_word_counts_for_less(whisper):
    (sure,) = run(listener(whisper(true_to(HELL)), min_severity=1), sound(HELL))
    (unsure,) = run(listener(whisper(true_to(HELL, hell=0.4)), min_severity=1), sound(HELL))
    assert sure.score == 1
    assert 0.5 < unsure.score < 0.7
    assert "40% sure" in unsure.reasoning or "41% sure" in unsure.reasoning


# -- languages


def test_the_language_is_found_out_and_its_words_are_looked_for(whisper):
    model = whisper(**german({"de": 0.9, "en": 0.1}))
    samples = np.concatenate([quiet(31), sound(HELL), sound(CONTINUOUS), quiet(1)])
    found = run(listener(model, find_language=True, languages=["en", "de"]), samples)
    assert [item.label for item in found] == ["Scheiße"]
    assert found[0].span.start > 30.7
    (fixed,) = run(listener(whisper(true_to(HELL)), languages=["en", "de"]), sound(HELL))
    assert fixed.label == "hell"


def test_speech_in_a_language_without_a_word_list_is_a_gap(whisper):
    model = whisper(**german({"ja": 0.95, "en": 0.05}))
    found = run(listener(model, find_language=True), np.concatenate([quiet(5), sound(CONTINUOUS)]))
    assert all(isinstance(gap, Gap) for gap in found)
    assert sum(gap.span.duration for gap in found) > 8
    assert min(gap.span.start for gap in found) > 4
    assert "ja 9" in found[0].reason
    assert "a word list" in found[0].reason


def test_a_doubtful_language_is_used_and_said_to_be_doubtful(whisper):
    model = whisper(**german({"de": 0.5, "en": 0.4, "fr": 0.1}))
    found = run(listener(model, find_language=True, languages=["en", "de"]), sound(CONTINUOUS))
    (word_found,) = (item for item in found if isinstance(item, Detection))
    (gap,) = (item for item in found if isinstance(item, Gap))
    assert word_found.label == "Scheiße"
    assert "not certain which language" in gap.reason
    assert "German 50%, English 4" in gap.reason


def test_sound_before_the_language_is_known_is_held_back_but_not_without_end(whisper):
    model = whisper(**german({"de": 0.9, "en": 0.1}))
    detector = listener(model, find_language=True, languages=["de"])
    detector.begin([])
    most = 0
    for second in range(660):
        samples = sound(HELL)[:SAMPLE_RATE_HZ] if second == 40 else quiet(1)
        list(detector.hear(AudioBlock(Fraction(second), samples)))
        finder = detector._finder
        most = max(most, len(finder._held) if finder else 0)
    assert 30 <= most <= 631
    list(detector.finish())


# -- a second, larger model


@pytest.mark.parametrize(
    ("said", "probability", "how"),
    [
        ("hell", 0.8, "heard by both models"),
        ("held", 0.1, "the second model did not hear it"),
    ],
)
def test_a_doubtful_word_is_heard_again_by_the_second_model(whisper, said, probability, how):
    """0.4 with 0.7 is 1 - 0.6 * 0.3; 0.4 where the other is 0.7 sure of another is 0.4 * 0.3."""
    first = whisper(true_to(HELL, hell=0.4))
    other = [ScriptedWord(said, w.at_s, 0.7) if w.text == "hell" else w for w in true_to(HELL)]
    detector = listener(first, whisper(other))
    (found,) = run(detector, sound(HELL))
    assert how in found.reasoning
    sure = float(found.reasoning.rsplit("% sure", 1)[0].rsplit(" ", 1)[1]) / 100
    assert sure == pytest.approx(probability, abs=0.06)
    assert detector.hearing.reheard_s == pytest.approx(LENGTH_S, abs=0.5)


def test_what_the_first_model_is_sure_of_is_not_heard_again(whisper):
    detector = listener(whisper(true_to(HELL)), whisper([ScriptedWord("shit", 1.0)]))
    (found,) = run(detector, sound(HELL))
    assert found.label == "hell"
    assert detector.hearing.reheard_s == 0


def test_the_second_model_finds_what_the_first_misheard(whisper):
    misheard = [ScriptedWord("help", w.at_s, 0.4) if w.text == "hell" else w for w in true_to(HELL)]
    (found,) = run(listener(whisper(misheard), whisper(true_to(HELL))), sound(HELL))
    assert found.label == "hell"
    assert "the second model" in found.reasoning
    assert_at(found, HELL, "hell")


def test_the_second_model_is_asked_for_a_subtitled_word_that_the_first_does_not_hear(whisper):
    deaf = whisper([ScriptedWord("hm", 0.5)])
    detector = listener(deaf, whisper(true_to(HELL)))
    (found,) = run(detector, sound(HELL), [cue(0, LENGTH_S, OTHER_LINE)])
    assert found.evidence == "reheard"
    assert_at(found, HELL, "hell")
