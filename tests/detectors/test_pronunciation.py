"""How listed words that no dictionary holds are said."""

from __future__ import annotations

import pytest
from spoken import sound

from video_censor_personal.detectors.speech.alignment import Aligner, Script
from video_censor_personal.detectors.speech.pronunciation import pronounce
from video_censor_personal.detectors.speech.word_list import built_in_list

DICTIONARY = {
    "fuck": "F AH K", "cluster": "K L AH S T ER", "mother": "M AH DH ER", "shag": "SH AE G",
    "dive": "D AY V",
}  # fmt: skip


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("fuck", "F AH K"),
        ("clusterfuck", "K L AH S T ER F AH K"),
        ("motherfuckers", "M AH DH ER F AH K ER Z"),
        ("mother-fuck", "M AH DH ER F AH K"),
        ("shagging", "SH AE G IH NG"),
        ("diving", "D AY V IH NG"),
        ("fuckin'", "F AH K IH N"),
        ("frak", "F R AE K"),
        ("smege", "S M IY G"),
        ("skeezy", "S K IY Z IY"),
        ("ωμ", None),
        ("24", None),
    ],
)
def test_dictionary_parts_endings_and_spelling_in_this_order(word, phones):
    assert pronounce(word, DICTIONARY.get) == phones


def test_the_model_can_listen_for_every_english_word_of_the_list():
    aligner = Aligner()
    said = {
        part
        for entry in built_in_list("en").entries
        if entry.kind == "words"
        for part in entry.form.replace("-", " ").split()
    }
    script = Script(("the", *sorted(said)), range(1), range(1, 1 + len(said)))
    answer = aligner.place(sound("words_hell_slt.wav")[:3200], script)
    assert "nobody knows" not in str(answer)
