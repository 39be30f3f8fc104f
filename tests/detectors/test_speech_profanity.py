"""The ladder from subtitle to recognition, on real speech with known word times."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from spoken import (
    CONTINUOUS,
    INNOCENT,
    WITH_SWEARING,
    blocks,
    cue,
    sentence,
    sound,
    with_noise,
    word,
)

from video_censor_personal.analysis.coverage import Search
from video_censor_personal.analysis.evidence import Evidence, Witness, kept_detection
from video_censor_personal.analysis.judgement import judge
from video_censor_personal.detectors.base import (
    CategorySettings,
    DetectorSettings,
    Scale,
    SoundDetector,
)
from video_censor_personal.detectors.speech.heard_words import HeardWord
from video_censor_personal.detectors.speech.speech_model import SpeechModel
from video_censor_personal.detectors.speech.vocabulary import Vocabulary, severity_from
from video_censor_personal.detectors.speech_profanity import (
    ProfanityListener,
    ProfanityOptions,
    plugin,
)
from video_censor_personal.errors import ConfigError, DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock, Cue
from video_censor_personal.timeline import Span

TOLERANCE_S = 0.15
SWEARING = list(WITH_SWEARING.items())
HELL = "words_hell_slt.wav"
HELL_LINE = "What the hell are you doing with my car?"


def length_s(samples: np.ndarray) -> float:
    return len(samples) / SAMPLE_RATE_HZ


def listener(
    tmp_path: Any = None, sensitivity: float = 0.5, speech: Any = None, **options: Any
) -> ProfanityListener:
    everywhere = options.pop("recognise_everywhere", False)
    vocabulary = Vocabulary(ProfanityOptions(**options), sensitivity, tmp_path or ".")
    return ProfanityListener(
        "ears", vocabulary, speech or SpeechModel(),
        recognise_everywhere=everywhere,
    )  # fmt: skip


def run(
    detector: SoundDetector, stream: Iterable[AudioBlock], cues: Sequence[Cue] = ()
) -> list[Detection | Gap]:
    detector.begin(cues)
    found = [item for block in stream for item in detector.hear(block)]
    return found + list(detector.finish())


def assert_at(detection: Detection | Gap, start_s: float, end_s: float) -> None:
    assert isinstance(detection, Detection)
    assert float(detection.span.start) == pytest.approx(start_s, abs=TOLERANCE_S)
    assert float(detection.span.end) == pytest.approx(end_s, abs=TOLERANCE_S)


# -- with subtitles


@pytest.mark.parametrize(("name", "text"), SWEARING)
def test_a_subtitled_word_is_timed_in_its_sound(name, text):
    samples = sound(name)
    (found,) = run(
        plugin.build(settings()), blocks(samples), [cue(0, length_s(samples), sentence(name))]
    )
    assert_at(found, word(name, text).start_s, word(name, text).end_s)
    assert (found.category, found.label, found.evidence) == ("profanity", text, "aligned")
    assert (found.detector, found.modality) == ("ears", "audio")
    assert sentence(name) in found.reasoning
    assert found.replacement == {"hell": "heck", "damn": "darn", "shit": "crud"}[text]
    assert 0.5 <= found.confidence <= 1


def test_innocent_words_are_left_alone_with_and_without_subtitles():
    samples = sound(INNOCENT)
    assert run(listener(), blocks(samples)) == []
    assert run(listener(), blocks(samples), [cue(0, length_s(samples), sentence(INNOCENT))]) == []


@pytest.mark.parametrize("drift_s", [-0.5, 0.5])
def test_a_subtitle_that_is_early_or_late_makes_no_difference(drift_s):
    quiet = np.zeros(SAMPLE_RATE_HZ, np.int16)
    samples = np.concatenate([quiet, sound(HELL), quiet])
    shown = cue(1 + drift_s, 1 + drift_s + length_s(sound(HELL)), HELL_LINE)
    (found,) = run(listener(), blocks(samples), [shown])
    truth = word(HELL, "hell")
    assert found.evidence == "aligned"
    assert_at(found, 1 + truth.start_s, 1 + truth.end_s)


@pytest.mark.parametrize("text", ["What the hell my car", "hell", "- JOHN: What the HELL? [car]"])
def test_a_shortened_subtitle_gives_the_right_time_or_the_whole_subtitle(text):
    shown = cue(0, length_s(sound(HELL)), text)
    (found,) = run(listener(), blocks(sound(HELL)), [shown])
    if found.evidence == "aligned":
        assert_at(found, word(HELL, "hell").start_s, word(HELL, "hell").end_s)
    else:
        assert (found.evidence, found.span) == ("cue", shown.span)


def test_a_masked_word_is_timed_as_the_word_it_hides():
    name = "words_shit_rms.wav"
    shown = cue(0, length_s(sound(name)), sentence(name).replace("shit", "s**t"))
    (found,) = run(listener(), blocks(sound(name)), [shown])
    assert (found.label, found.evidence) == ("s**t", "aligned")
    assert_at(found, word(name, "shit").start_s, word(name, "shit").end_s)


def test_a_phrase_is_one_detection_from_its_first_word_to_its_last():
    name = "words_shit_rms.wav"
    shown = cue(0, length_s(sound(name)), sentence(name).replace("piece of shit", "piece\nof shit"))
    (found,) = run(listener(words=["piece of shit"]), blocks(sound(name)), [shown])
    assert found.label == "piece\nof shit"
    assert_at(found, word(name, "piece").start_s, word(name, "shit").end_s)


def test_every_subtitle_counts_up_to_the_last_and_the_words_of_neighbours_are_kept_apart():
    pause = np.zeros(SAMPLE_RATE_HZ // 4, np.int16)
    samples = np.concatenate([sound(HELL), pause, sound(HELL), pause, sound(HELL)])
    step = length_s(sound(HELL)) + 0.25
    cues = [cue(n * step, n * step + step - 0.25, HELL_LINE) for n in range(3)]
    found = run(listener(), blocks(samples), cues)
    truth = word(HELL, "hell")
    assert [item.evidence for item in found] == ["aligned"] * 3
    for n, item in enumerate(found):
        assert_at(item, n * step + truth.start_s, n * step + truth.end_s)


def test_a_subtitle_in_a_language_nobody_asked_for_is_not_looked_at():
    found = run(listener(), [], [cue(0, 4, "Dick und damn", "ger"), cue(5, 9, "damn", "en-GB")])
    assert [item.span for item in found] == [Span.of(5, 9)]


def test_the_same_subtitle_from_two_tracks_counts_once():
    shown = [cue(0, 4, HELL_LINE, source=track) for track in ("track 2", "film.en.srt")]
    assert len(run(listener(), blocks(sound(HELL)), shown)) == 1


@pytest.mark.parametrize(
    ("samples", "shown", "reason"),
    [
        (sound(INNOCENT), cue(0, 4, HELL_LINE), "because"),
        (sound(HELL), cue(60, 64, HELL_LINE), "missing or incomplete"),
        (sound(HELL), cue(2.5, 6, HELL_LINE), "missing or incomplete"),
        (np.zeros(4 * SAMPLE_RATE_HZ, np.int16), cue(0, 4, HELL_LINE), "silent"),
        (sound(HELL), cue(0, 3.9, "¡Mierda!", "spa"), "no speech model for Spanish"),
        (sound(HELL), cue(0, 3.9, "¡Mierda!", ""), "no speech model for Spanish"),
        (sound(HELL), cue(0, 50, HELL_LINE), "longer than 30 s"),
        (with_noise(sound(HELL), -10), cue(0, 3.9, HELL_LINE), "because"),
    ],
    ids=["other words", "after the end", "over the end", "silence", "spanish", "unknown language",
         "too long", "noise"],
)  # fmt: skip
def test_where_the_sound_does_not_bear_it_out_the_whole_subtitle_is_taken(samples, shown, reason):
    found = [d for d in run(listener(languages=["en", "es"]), blocks(samples), [shown])
             if isinstance(d, Detection) and d.evidence == "cue"]  # fmt: skip
    assert [item.span for item in found] == [shown.span]
    assert reason in found[0].reasoning


def test_without_any_sound_every_subtitled_word_is_still_reported():
    cues = [cue(1, 2, "Damn."), cue(3, 4, "Fine."), cue(5, 6, "Oh, shit!")]
    found = run(listener(), [], cues)
    assert [(item.label, item.span) for item in found] == [
        ("Damn", cues[0].span), ("shit", cues[2].span),
    ]  # fmt: skip


@pytest.mark.parametrize("snr_db", [10, 20])
def test_in_noise_a_subtitled_word_is_never_lost(snr_db):
    for name, text in SWEARING:
        samples = with_noise(sound(name), snr_db)
        truth = word(name, text)
        (found,) = run(listener(), blocks(samples), [cue(0, length_s(samples), sentence(name))])
        assert float(found.span.start) < truth.start_s + TOLERANCE_S
        assert float(found.span.end) > truth.end_s - TOLERANCE_S


def test_times_are_exact_whatever_the_blocks_and_wherever_the_sound_starts():
    samples, start = np.concatenate([sound(HELL), sound(CONTINUOUS)]), Fraction(12345, 48)
    first = float(start)
    cues = [cue(first, first + length_s(sound(HELL)), HELL_LINE)]
    whole = run(listener(), blocks(samples, start, [len(samples)]), cues)
    pieces = run(listener(), blocks(samples, start, [160, 9999, 1600]), cues)
    assert len(whole) >= 3
    assert sorted(whole, key=lambda d: d.span) == sorted(pieces, key=lambda d: d.span)


def test_only_the_sound_that_open_subtitles_need_is_kept():
    detector = listener()
    detector.begin([cue(30, 34, HELL_LINE), cue(100, 104, HELL_LINE)])
    silence = np.zeros(SAMPLE_RATE_HZ, np.int16)
    held = []
    for second in range(120):
        list(detector.hear(AudioBlock(Fraction(second), silence)))
        held.append(len(detector._subtitled._buffer._blocks))
    assert max(held) <= 7
    assert held[20] == held[60] == held[-1] == 0


# -- without subtitles


def test_without_subtitles_most_words_are_recognised_and_marked():
    """Recall on the sentences that come along: 3 of 3 in continuous speech."""
    found = run(plugin.build(settings()), blocks(sound(CONTINUOUS)))
    assert [item.label for item in found] == ["hell", "damn", "shit"]
    for item in found:
        truth = word(CONTINUOUS, item.label)
        assert_at(item, truth.start_s, truth.end_s)
        assert item.evidence == "recognised"
        assert item.confidence < 0.85
    names = [name for name, _ in SWEARING]
    heard = [d.label for name in names for d in run(listener(), blocks(sound(name)))]
    assert "shit" in heard  # of words said one by one, it hears one of three
    assert "recognised by a small English model" in plugin.notes["profanity"]


def test_sound_inside_subtitles_is_recognised_only_on_request():
    samples = sound(CONTINUOUS)
    shown = [
        cue(0, length_s(samples), "Nothing of the kind is said here, however long one listens")
    ]
    assert run(listener(), blocks(samples), shown) == []
    found = run(listener(recognise_everywhere=True), blocks(samples), shown)
    assert [item.label for item in found] == ["hell", "damn", "shit"]


def test_subtitles_that_name_no_language_and_are_in_another_hide_nothing():
    samples = sound(CONTINUOUS)
    dutch = "Wat doe jij met mijn auto vandaag, zeg? Is dat zo? Ik was in de stad"
    shown = [cue(0, 5, dutch, ""), cue(5, length_s(samples), dutch, "und")]
    assert len(run(listener(), blocks(samples), shown)) == 3


def test_a_subtitle_that_stands_for_longer_than_its_text_takes_hides_nothing():
    samples = sound(CONTINUOUS)
    shown = [cue(0, length_s(samples), "Subtitles by someone")]
    assert len(run(listener(), blocks(samples), shown)) == 3


def test_a_subtitle_without_speech_hides_nothing():
    samples = sound(CONTINUOUS)
    shown = [cue(0, length_s(samples), "[engine roars]\n♪ ♪")]
    assert len(run(listener(), blocks(samples), shown)) == 3


def test_subtitles_that_cover_a_part_leave_the_rest_to_recognition():
    truth = word(CONTINUOUS, "damn")
    shown = [cue(truth.start_s - 0.2, 5.0, "with my car")]
    found = run(listener(), blocks(sound(CONTINUOUS)), shown)
    assert "damn" not in [item.label for item in found]
    assert "shit" in [item.label for item in found]


def test_speech_that_no_model_knows_becomes_a_gap():
    found = run(listener(languages=["es", "fr"]), blocks(sound(CONTINUOUS)))
    assert found
    for gap in found:
        assert isinstance(gap, Gap)
        assert gap.category == "profanity"
        assert "no speech model for Spanish, French" in gap.reason
    assert sum(gap.span.duration for gap in found) > length_s(sound(CONTINUOUS)) * 0.8


class _Dead:
    """A speech model whose process cannot be kept alive."""

    def place(self, samples: Any, script: Any) -> Any:
        raise DetectorError("the speech model stopped too often")

    def recognise(self, samples: Any) -> Any:
        raise DetectorError("the speech model stopped too often")

    def close(self) -> None:
        pass


def test_where_the_model_fails_nothing_passes_as_clean():
    samples = np.concatenate([sound(HELL), np.zeros(SAMPLE_RATE_HZ, np.int16), sound(CONTINUOUS)])
    shown = cue(0, length_s(sound(HELL)), HELL_LINE)
    detection, *gaps = run(listener(speech=_Dead()), blocks(samples), [shown])
    assert (detection.span, detection.evidence) == (shown.span, "cue")
    assert gaps
    assert all(isinstance(gap, Gap) and "too often" in gap.reason for gap in gaps)


# -- settings


def settings(sensitivity: float = 0.5, **options: Any) -> DetectorSettings:
    asked = CategorySettings("profanity", "Profanity", sensitivity)
    return DetectorSettings("ears", {"profanity": asked}, options)


def test_words_lists_and_exceptions_of_the_user_count(tmp_path):
    (tmp_path / "mine.txt").write_text("car | vehicle\n!my car park\n")
    samples = sound(HELL)
    detector = listener(tmp_path, lexicons=["mine.txt"], words=["doing|making"], allow=["the hell"])
    found = run(detector, blocks(samples), [cue(0, length_s(samples), HELL_LINE)])
    assert [(item.label, item.replacement) for item in found] == [
        ("doing", "making"), ("car", "vehicle"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sensitivity", "labels"),
    [
        (0.0, ["fuck"]),
        (0.25, ["fuck", "shit"]),
        (0.5, ["fuck", "shit", "damn"]),
        (0.75, ["fuck", "shit", "damn", "heck"]),
        (1.0, ["fuck", "shit", "damn", "heck"]),
    ],
)
def test_sensitivity_says_how_mild_is_too_mild(sensitivity, labels):
    shown = [cue(0, 1, "fuck, shit, damn, heck")]
    assert counting(run(listener(), [], shown), sensitivity) == sorted(labels)
    strict = run(listener(min_severity=4), [], shown)
    assert counting(strict, sensitivity) == ["fuck"]


class _Hears:
    """A speech model that hears one word in every utterance, as sure as it is told."""

    def __init__(self, text: str, probability: float) -> None:
        self._word = HeardWord(text, 0.1, 0.4, probability)

    def place(self, samples: Any, script: Any) -> Any:
        raise AssertionError("there are no subtitles")

    def recognise(self, samples: Any) -> list[HeardWord]:
        return [self._word]

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("text", "severity"), [("fuck", 4), ("shit", 3), ("damn", 2), ("heck", 1)])
@pytest.mark.parametrize("probability", [0.0, 0.01, 0.1, 0.5, 0.7])
def test_what_is_recognised_counts_by_its_severity_and_its_probability(text, severity, probability):
    found = run(listener(speech=_Hears(text, probability)), blocks(sound(HELL)))
    for sensitivity in (0.0, 0.2, 0.3, 0.5, 0.6, 0.8, 1.0):
        least = Scale(strict=0.6, default=0.03, lenient=0.0).threshold(sensitivity)
        expected = severity >= severity_from(sensitivity) and probability >= least
        assert counting(found, sensitivity) == [text] * len(found) * expected


def counting(found: Sequence[Detection | Gap], sensitivity: float) -> list[str]:
    """The words in `found` that count at a sensitivity."""
    heard = tuple(
        kept_detection(d, "ears", {d.category}) for d in found if isinstance(d, Detection)
    )
    witness = Witness(Search("ears", "audio", frozenset({"profanity"})), heard=heard)
    return [d.label for d in judge(Evidence((witness,)), {"profanity": sensitivity})]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"langages": ["en"]}, "did you mean 'languages'"),
        ({"languages": ["engl"]}, "no word list for the language 'engl'; did you mean"),
        ({"languages": []}, "languages"),
        ({"words": ["f***"]}, r"words\[0\].*write the whole word"),
        ({"allow": ["fine", "/(/"]}, r"allow\[1\].*no regular expression"),
        ({"lexicons": ["nowhere.txt"]}, "nowhere.txt: the word list cannot be read"),
        ({"min_severity": 9}, "min_severity"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options, message):
    with pytest.raises(ConfigError, match=message):
        plugin.check(settings(**options))


def test_languages_are_known_by_any_of_their_names():
    plugin.check(settings(languages=["en-US", "deu", "French", "es"]))
    found = run(listener(languages=["German"]), [], [cue(0, 1, "Scheiße!", "ger")])
    assert [item.span for item in found] == [Span.of(0, 1)]


def test_the_plug_in_is_cheap_to_look_at():
    code = (
        "import sys\n"
        "from video_censor_personal.detectors.speech_profanity import plugin\n"
        "from video_censor_personal.detectors.base import DetectorSettings\n"
        "assert plugin.available() is None\n"
        "plugin.check(DetectorSettings('x', {}))\n"
        "print(sorted({'pocketsphinx', 'av', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
