"""Subtitles that strike a word out do not hide that it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spoken import CONTINUOUS, INNOCENT, blocks, cue, sentence, sound, word

from video_censor_personal.detectors.speech.heard_words import HeardWord
from video_censor_personal.detectors.speech.speech_model import SpeechModel
from video_censor_personal.detectors.speech.vocabulary import Vocabulary, WordOptions
from video_censor_personal.detectors.speech_profanity import ProfanityListener
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ, Cue

HELL = "words_hell_slt.wav"
HELL_LINE = "What the **** are you doing with my car?"
WORDS = ("hell", "damn", "shit")


def length_s(samples: np.ndarray) -> float:
    return len(samples) / SAMPLE_RATE_HZ


def run(
    samples: np.ndarray, *cues: Cue, speech: Any = None, **options: Any
) -> tuple[list[Detection], list[Gap]]:
    vocabulary = Vocabulary(WordOptions(**options), 0.5, Path())
    detector = ProfanityListener("ears", vocabulary, speech or SpeechModel())
    detector.begin(cues)
    found = [item for block in blocks(samples) for item in detector.hear(block)]
    found += detector.finish()
    return (
        [item for item in found if isinstance(item, Detection)],
        [item for item in found if isinstance(item, Gap)],
    )


def continuous(text: str) -> Cue:
    return cue(0, length_s(sound(CONTINUOUS)), text)


def test_a_struck_out_word_is_found_in_its_sound():
    text = sentence(CONTINUOUS)
    for name in WORDS:
        text = text.replace(name, "****")
    found, gaps = run(sound(CONTINUOUS), continuous(text))
    assert [(item.label, item.evidence) for item in found] == [(w, "recognised") for w in WORDS]
    for item in found:
        truth = word(CONTINUOUS, item.label)
        assert float(item.span.start) == pytest.approx(truth.start_s, abs=0.15)
        assert "where a subtitle strikes a word out" in item.reasoning
    assert gaps == []


@pytest.mark.parametrize("text", [HELL_LINE, "****", "What the [ __ ] are you doing?"])
def test_a_struck_out_word_that_is_not_heard_leaves_its_subtitle_unknown(text):
    shown = cue(0, length_s(sound(HELL)), text)
    found, gaps = run(sound(HELL), shown)
    assert found == []
    assert [(gap.span, gap.category, gap.passing) for gap in gaps] == [
        (shown.span, "profanity", False)
    ]
    assert "strikes a word out" in gaps[0].reason or "strikes out a word" in gaps[0].reason


def test_every_struck_out_word_has_to_be_heard():
    found, (gap,) = run(sound(CONTINUOUS), continuous("**** " * 4 + sentence(INNOCENT)))
    assert [item.label for item in found] == list(WORDS)
    assert gap.category == "profanity"


def test_a_word_that_the_subtitle_shows_is_not_the_one_that_it_strikes_out():
    found, gaps = run(sound(CONTINUOUS), continuous(sentence(CONTINUOUS) + " ****"))
    assert [(item.label, item.evidence) for item in found] == [(w, "aligned") for w in WORDS]
    assert len(gaps) == 1


def test_a_word_of_the_next_subtitle_is_not_the_one_that_is_struck_out():
    before = cue(0, word(CONTINUOUS, "hell").start_s - 0.2, "The **** is very nice today, what the")
    found, (gap,) = run(sound(CONTINUOUS), before)
    assert gap.span == before.span
    assert "hell" in [item.label for item in found]  # no subtitle tells it


class _Hears:
    """A speech model that hears one word in every utterance, or none."""

    def __init__(self, text: str = "", probability: float = 0.0) -> None:
        self._text, self._probability = text, probability

    def place(self, samples: Any, script: Any) -> Any:
        raise AssertionError("no listed word is shown")

    def recognise(self, samples: Any) -> list[HeardWord]:
        if not self._text:
            raise DetectorError("the speech model stopped too often")
        return [HeardWord(self._text, 0.5, 0.8, self._probability)]

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("text", "probability", "unknown"),
    [("damn", 0.5, False), ("damn", 0.0, True), ("heck", 0.9, True)],
    ids=["sure", "unsure", "mild"],
)
def test_what_would_not_be_flagged_is_not_taken_for_the_struck_out_word(text, probability, unknown):
    shown = cue(0, length_s(sound(HELL)), HELL_LINE)
    found, gaps = run(sound(HELL), shown, speech=_Hears(text, probability))
    assert [item.label for item in found] == [text]
    assert bool(gaps) == unknown


def test_where_the_model_fails_or_does_not_know_the_language_nothing_passes_as_clean():
    shown = cue(0, length_s(sound(HELL)), HELL_LINE)
    _, (gap,) = run(sound(HELL), shown, speech=_Hears())
    assert gap.passing
    assert "stopped too often" in gap.reason
    spanish = cue(0, length_s(sound(HELL)), "¡Vete a la ******!", "spa")
    _, (gap,) = run(sound(HELL), spanish, languages=["en", "es"])
    assert "no speech model" in gap.reason


def test_in_silence_and_after_the_end_nothing_is_said():
    silence = np.zeros(4 * SAMPLE_RATE_HZ, np.int16)
    assert run(silence, cue(0, 4, HELL_LINE), cue(60, 64, HELL_LINE)) == ([], [])


def test_where_a_part_of_its_sound_is_missing_the_rest_is_heard():
    _, (gap,) = run(sound(HELL), cue(2, 6, HELL_LINE))
    assert gap.category == "profanity"
