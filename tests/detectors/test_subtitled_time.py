"""Which subtitles stand for what is said under them."""

from __future__ import annotations

import pytest
from spoken import cue, sentence

from video_censor_personal.detectors.speech.subtitled_time import told_spans
from video_censor_personal.detectors.speech.text_language import _COMMONEST, reads_like
from video_censor_personal.detectors.speech.word_list import LANGUAGES
from video_censor_personal.timeline import Span

ENGLISH = [
    sentence(name)
    for name in ("words_hell_slt.wav", "words_damn_awb.wav", "words_shit_rms.wav")
]  # fmt: skip
GERMAN = [
    "Was machst du in meinem Haus?",
    "Ich weiß nicht, was das ist.",
    "Gehen wir nach Hause, bitte. Er ist nicht hier.",
]
DUTCH = [
    "Wat doe je hier in mijn huis? Ik was in de stad",
    "en we waren met z'n allen over de brug gegaan. Is dat zo?",
    "Die man was hier. Hij had het over me, of is dat niet van mij?",
]


def shown(texts: list[str], language: str = "", source: str = "film.srt") -> list:
    return [cue(5 * n, 5 * n + 4, text, language, source) for n, text in enumerate(texts)]


@pytest.mark.parametrize("language", ["", "und", "mul"])
def test_of_subtitles_without_a_language_only_those_in_one_that_is_looked_for_count(language):
    english, german, dutch = (shown(texts, language) for texts in (ENGLISH, GERMAN, DUTCH))
    assert told_spans(english, {"en"}) == [c.span for c in english]
    assert told_spans(german, {"de", "en"}) == [c.span for c in german]
    assert told_spans(german, {"en"}) == []
    assert told_spans(dutch, {"en", "de", "es", "fr"}) == []


def test_subtitles_that_name_their_language_are_taken_at_their_word():
    assert len(told_spans(shown(DUTCH[:1], "eng"), {"en"})) == 1


def test_each_track_without_a_language_speaks_for_itself():
    both = [*shown(ENGLISH, source="a.srt"), cue(20, 24, "Wat doe jij?", "", "b.forced.srt")]
    assert told_spans(both, {"en"}) == [Span.of(0, 4), Span.of(5, 9), Span.of(10, 14)]


def test_capitals_and_contractions_make_no_difference():
    assert reads_like(["I DON'T KNOW WHAT THAT'S ABOUT, BUT WE'VE GOT TO GO"], {"en"})


def test_a_line_that_happens_to_hold_words_of_a_language_is_not_in_it():
    assert not reads_like(["Van Gogh and Co."], {"en"})
    assert not reads_like([], {"en"})


def test_a_subtitle_counts_for_as_long_as_its_text_may_take():
    long_text = "word " * 12  # 60 signs: 12 s
    cues = [
        cue(0, 7, "Yes."),
        cue(10, 17.1, "No."),
        cue(20, 32, long_text),
        cue(40, 52.1, long_text),
    ]
    assert told_spans(cues, {"en"}) == [Span.of(0, 7), Span.of(20, 32)]


def test_signs_that_strike_words_out_count_and_sounds_do_not():
    cues = [cue(0, 4, "****"), cue(5, 9, "[engine roars]\n♪ ♪")]
    assert told_spans(cues, {"en"}) == [Span.of(0, 4)]


def test_every_language_with_a_word_list_has_its_commonest_words():
    assert _COMMONEST.keys() == LANGUAGES.keys()
