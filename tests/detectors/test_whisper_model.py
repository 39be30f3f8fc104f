"""What faster-whisper gives is made fit for use, and what lies in a model folder is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from scripted_whisper import ScriptedWord, scripted_whisper

from video_censor_personal.detectors.speech.heard_words import HeardWord, is_same_word, listed_words
from video_censor_personal.detectors.speech.vocabulary import Vocabulary, WordOptions
from video_censor_personal.detectors.speech.whisper_model import WhisperFolder, joined_words
from video_censor_personal.errors import DetectorError


def token(text: str, start_s: float, end_s: float, probability: float = 0.9) -> HeardWord:
    return HeardWord(text, start_s, end_s, probability)


def vocabulary(**options: object) -> Vocabulary:
    return Vocabulary(WordOptions(**options), 0.5, Path())


def test_parts_of_a_word_become_one_word_with_the_least_probability():
    parts = [
        token(" bull", 1.0, 1.2), token("-", 1.2, 1.2, 0.99), token("shit,", 1.2, 1.6, 0.4),
        token(" man", 1.6, 2.0), token(" ", 2.0, 2.1),
    ]  # fmt: skip
    assert joined_words(parts, 5) == [
        HeardWord("bull-shit,", 1.0, 1.6, 0.4), HeardWord("man", 1.6, 2.0, 0.9),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("start_s", "end_s", "expected"),
    [
        (3.0, 9.0, (3.0, 5.0)),
        (-1.0, 0.5, (0.0, 0.5)),
        (38.0, 38.4, (4.5, 5.0)),
        (5.0, 5.0, (4.5, 5.0)),
        (2.0, 2.0, (1.75, 2.25)),
        (3.0, 2.5, (2.75, 3.25)),
        (0.0, 0.0, (0.0, 0.5)),
    ],
)
def test_times_lie_within_the_clip_and_every_word_has_a_length(start_s, end_s, expected):
    (word,) = joined_words([token(" hell", start_s, end_s)], 5.0)
    assert (word.start_s, word.end_s) == pytest.approx(expected)
    (word,) = joined_words([token(" hell", start_s, end_s)], 0.2)
    assert 0 <= word.start_s < word.end_s <= 0.2


def test_listed_words_and_phrases_are_found_with_the_words_they_consist_of():
    words = [
        token(text, n, n + 0.8, probability)
        for n, (text, probability) in enumerate(
            [("You", 1), ("son,", 0.9), ("of", 0.3), ("a", 1), ("bitch!", 0.8), ("Damn", 0.7)]
        )
    ]
    phrase, damn = listed_words(words, vocabulary(), "en")
    assert (phrase.match.text, phrase.words) == ("son, of a bitch", range(1, 5))
    assert (phrase.start_s, phrase.end_s, phrase.probability) == (1, 4.8, 0.3)
    assert (damn.match.text, damn.words, damn.around) == (
        "Damn", range(5, 6), "You son, of a bitch! Damn",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "heard", "same"),
    [
        ("goddamn", "god damn", True),
        ("damn", "damned", True),
        ("f***", "fuck", True),
        ("f***", "shit", False),
        ("hell", "shit", False),
    ],
)
def test_a_written_word_and_a_heard_one_are_the_same_despite_spelling(written, heard, same):
    one, *_ = vocabulary().find(written, "en")
    other, *_ = vocabulary().find(heard, "en")
    assert is_same_word(one, other) is same


def test_a_folder_tells_whether_its_model_knows_other_languages(tmp_path):
    folder = scripted_whisper(tmp_path, [ScriptedWord("oui", 1)], languages={"fr": 0.6, "en": 0.4})
    model = WhisperFolder("m", folder)
    model.check()
    assert model.is_multilingual
    tokens = json.loads((folder / "vocabulary.json").read_text())
    (folder / "vocabulary.json").unlink()
    with pytest.raises(DetectorError, match=r"'m' lacks vocabulary\.json"):
        model.check()
    (folder / "vocabulary.txt").write_text("".join(f"{token}\n" for token in tokens))
    model.check()
    assert model.is_multilingual
    (folder / "vocabulary.txt").write_text("".join(f"{token}\n" for token in tokens if token))
    assert not model.is_multilingual


def test_the_plug_in_and_the_code_around_the_model_load_no_runtime():
    code = (
        "import sys\n"
        "from video_censor_personal.detectors.whisper import plugin\n"
        "import video_censor_personal.detectors.speech.whisper_model\n"
        "assert plugin.available() is None\n"
        "heavy = {'faster_whisper', 'ctranslate2', 'av', 'onnxruntime', 'huggingface_hub'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
