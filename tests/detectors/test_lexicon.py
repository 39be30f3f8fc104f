"""Which words of a line are flagged, however they are spelled, and which are not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_censor_personal.detectors.speech.lexicon import Lexicon
from video_censor_personal.detectors.speech.word_list import LANGUAGES, built_in_list, parse_lines

ENGLISH = Lexicon(built_in_list("en"), min_severity=2)
EVERYTHING = {code: Lexicon(built_in_list(code)) for code in LANGUAGES}


def found(text: str, lexicon: Lexicon = ENGLISH) -> list[tuple[str, str]]:
    return [(match.text, match.spoken) for match in lexicon.find(text)]


def masked(text: str, lexicon: Lexicon) -> str:
    for match in reversed(lexicon.find(text)):
        text = text[: match.start] + "*" * len(match.text) + text[match.end :]
    return text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("What the hell?", [("hell", "hell")]),
        ("DAMN!", [("DAMN", "damn")]),
        ("you fuckin' idiots", [("fuckin'", "fuckin'")]),
        ("hell's bells", [("hell's", "hell")]),
        ("What the hell’s that", [("hell’s", "hell")]),
        ("You son of a\nbitch", [("son of a\nbitch", "son of a bitch")]),
        ("son-of-a-bitch", [("son-of-a-bitch", "son of a bitch")]),
        ("oh shiiiiit", [("shiiiiit", "shit")]),
        ("fuuuuuck", [("fuuuuuck", "fuck")]),
        ("sh1t, a$$, @ss, b1tch", [("sh1t", "shit"), ("a$$", "ass"), ("@ss", "ass"),
                                   ("b1tch", "bitch")]),
        ("f***, s**t, b*tch", [("f***", "fuck"), ("s**t", "shit"), ("b*tch", "bitch")]),
        ("f*ing f--k", [("f*ing", "fucking"), ("f--k", "fuck")]),
        ("F.U.C.K and s-h-i-t and f u c k", [("F.U.C.K", "fuck"), ("s-h-i-t", "shit"),
                                             ("f u c k", "fuck")]),
        ("*hell* _damn_ “shit”", [("hell", "hell"), ("damn", "damn"), ("shit", "shit")]),
        ("D-damn it", [("damn it", "damn it")]),
    ],
)  # fmt: skip
def test_a_listed_word_is_found_however_it_is_spelled(line, expected):
    assert found(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "I live in Scunthorpe, near Penistone and Hell's Kitchen.",
        "He shot a cockatoo; the assassin hid in the grass.",
        "She'll say he'll be there, and we'll see.",
        "The class will assess the passing shellfish.",
        "Hello, Michelle! The shell is on the shelf.",
        "A cocktail at the Peacock, with a cockerel and a cocker spaniel.",
        "Moby Dick and Dick Tracy visited Dick Van Dyke.",
        "455 Main Street, room 1337, on the 7175th day.",
        "Wh-- what? Sh-- should we? A-- a man! I-I c-can't.",
        "The **** is ****, and ****ing *** again.",
        "It's a dam. Damascus. Dampen. Condamine.",
        "Classic basses, glass, mass, bass, brass, pass.",
        "Dictate the diction of Dickens, Dickinson and Dickson.",
        "He titled the title. A constitution. Titan. Titmouse.",
        "There's a chink in the armour; it's spick and span.",
        "She graduated summa cum laude. Cucumbers. Document. Cumbria.",
        "He fell into a booby trap. Tit for tat.",
        "A Bloody Mary for Mr Hooker: John Lee Hooker.",
        "Arsenal, arsenic, parse, hearse. The U.S.A. and A.S.A.P.",
        "The sheriff shifted. Shiitake. Shih Tzu. Mishit? No: miss hit.",
        "Whoreson? No, where's on. The shore. Analysis, analogy.",
        "Good God, how good it is; gooood.",
        "Passion, compass, embarrass, harass, canvass.",
        "snigger, niggardly, denigrate, Niger, Nigeria",
    ],
)
def test_an_innocent_line_is_left_alone(line):
    assert found(line) == []


def test_the_mildest_words_need_a_low_severity():
    assert found("Heck, darn it, what a bloody idiot") == []
    mild = Lexicon(built_in_list("en"), min_severity=1)
    assert [text for text, _ in found("Heck, darn it, you idiot", mild)] == [
        "Heck", "darn it", "idiot",
    ]  # fmt: skip
    assert found("damn shit fuck", Lexicon(built_in_list("en"), 3)) == [
        ("shit", "shit"), ("fuck", "fuck"),
    ]  # fmt: skip
    assert found("damn shit fuck", Lexicon(built_in_list("en"), 4)) == [("fuck", "fuck")]


def test_a_replacement_follows_the_case_of_the_text():
    replacements = [m.replacement for m in ENGLISH.find("Damn, DAMN, damn! Fucking hell")]
    assert replacements == ["Darn", "DARN", "darn", "Freaking", "heck"]


@pytest.mark.parametrize("severity", [1, 2, 3, 4])
@pytest.mark.parametrize("code", LANGUAGES)
def test_no_replacement_is_a_listed_word(code, severity):
    lexicon = Lexicon(built_in_list(code), severity)
    for entry in lexicon.entries:
        for match in lexicon.find(entry.form) if entry.kind == "words" else ():
            assert lexicon.find(match.replacement) == []


@pytest.mark.parametrize(
    ("code", "line", "expected"),
    [
        ("es", "¡Joder! Eres un hijo de puta, cabron.", ["Joder", "hijo de puta", "cabron"]),
        ("es", "La computadora disputa el puesto.", []),
        ("de", "Scheisse, du Arschloch! Leck mich am Arsch.",
         ["Scheisse", "Arschloch", "Leck mich am Arsch"]),
        ("de", "So eine Scheiße.", ["Scheiße"]),
        ("de", "Der Barsch und der Marsch sind dick.", []),
        ("fr", "Putain, quel connard, va te faire foutre !",
         ["Putain", "connard", "va te faire foutre"]),
        ("fr", "L'enculé ! Enculés !", ["enculé", "Enculés"]),
        ("fr", "Le calcul du cul-de-sac est confus.", []),
    ],
)  # fmt: skip
def test_other_languages_have_lists_of_their_own(code, line, expected):
    lexicon = Lexicon(built_in_list(code), min_severity=2)
    assert [match.text for match in lexicon.find(line)] == expected


def test_wildcards_regexes_phrases_and_exceptions_of_a_user_work_together():
    lexicon = Lexicon(parse_lines([
        "frak*", "great scott | good heavens", r"/\bbl(a|u)h\1?/ | hm", r"/(x)y\1/",
        "!frakking ore",
    ]))  # fmt: skip
    line = "Frakking toasters, frak! Great\nScott: blah blaha xyx"
    assert [m.text for m in lexicon.find(line)] == [
        "Frakking", "frak", "Great\nScott", "blah", "blaha", "xyx",
    ]  # fmt: skip
    assert [m.replacement for m in lexicon.find("great scott, BLAH")] == ["good heavens", "HM"]
    assert not lexicon.find("We mine frakking ore and diffraks.")


def test_every_listed_form_is_found_by_its_own_list():
    for code, lexicon in EVERYTHING.items():
        for entry in lexicon.entries:
            matches = lexicon.find(f"so, {entry.form}!")
            assert [m.text for m in matches] == [entry.form], (code, entry.form)
            assert not lexicon.find(masked(f"so, {entry.form}!", lexicon)), (code, entry.form)


def test_the_english_list_is_thorough_and_no_form_is_listed_twice():
    assert len(EVERYTHING["en"].entries) > 700
    for code in LANGUAGES:
        forms = [entry.form for entry in built_in_list(code).entries]
        assert sorted({form for form in forms if forms.count(form) > 1}) == [], code


SNIPPETS = st.sampled_from(
    ["damn", "Shit", "f**k", "f u c k", "s.h.i.t", "a$$", "son of a bitch", "****", "hell's",
     "he'll", "Hell's Kitchen", "grass", "*", "-", "'", "s", "ing", " ", "\n", ".", ", ", "_", "1"]
)  # fmt: skip
LINES = st.lists(SNIPPETS | st.text(max_size=4), max_size=10).map("".join)


@given(LINES)
@settings(max_examples=300, deadline=None)
def test_matches_are_disjoint_and_in_order(line):
    position = 0
    for match in ENGLISH.find(line):
        assert position <= match.start < match.end
        assert line[match.start : match.end] == match.text
        position = match.end


@given(st.lists(SNIPPETS, max_size=8).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_a_masked_line_has_nothing_left_to_find(line):
    assert ENGLISH.find(masked(line, ENGLISH)) == []


@given(LINES.filter(lambda line: "*" not in line), st.sampled_from([". ", "\n", "! ", " — "]))
@settings(max_examples=200, deadline=None)
def test_a_word_is_found_whatever_sentences_stand_around_it(line, gap):
    text = f"{line}. {gap}bullshit{gap}. {line}"
    assert any(m.text.startswith("bullshit") for m in ENGLISH.find(text))
