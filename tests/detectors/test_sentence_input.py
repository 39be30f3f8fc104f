"""Sentences become the tokens that each family was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_clip import make_tiny_clip, make_tiny_siglip

from video_censor_personal.detectors.pictures.sentence_input import (
    SentenceInput,
    read_sentence_input,
)
from video_censor_personal.errors import DetectorError


@pytest.fixture
def clip(tmp_path: Path) -> SentenceInput:
    return read_sentence_input(make_tiny_clip(tmp_path / "clip") / "tokenizer.json")


@pytest.fixture
def siglip(tmp_path: Path) -> SentenceInput:
    return read_sentence_input(make_tiny_siglip(tmp_path / "siglip") / "tokenizer.json")


def test_clip_gets_a_sentence_between_its_marks(clip: SentenceInput) -> None:
    ids, mask = clip.tokens("blood and blood")
    assert clip.family == "clip"
    assert ids.tolist() == [[0, 3, 2, 3, 1]]
    assert mask.tolist() == [[1, 1, 1, 1, 1]]


def test_siglip_gets_64_tokens_filled_up_with_its_end(siglip: SentenceInput) -> None:
    """`<pad>` would be another sentence to it."""
    ids, mask = siglip.tokens("blood")
    assert siglip.family == "siglip"
    assert ids.tolist() == [[3] + [1] * 63]
    assert mask.sum() == 2


def test_small_and_capital_letters_are_the_same(clip: SentenceInput) -> None:
    assert clip.tokens("BLOOD")[0].tolist() == clip.tokens("blood")[0].tolist()


def test_clip_keeps_the_end_of_what_it_cuts_off(clip: SentenceInput) -> None:
    ids, _ = clip.tokens("blood " * 200)
    assert ids.shape == (1, 77)
    assert ids[0, -1] == 1


def test_a_model_of_fixed_length_gets_that_length(clip: SentenceInput) -> None:
    clip.fill_up(77)
    ids, mask = clip.tokens("blood")
    assert ids.tolist() == [[0, 3] + [1] * 75]
    assert mask.sum() == 3


def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"tokenizer\.json cannot be read"):
        read_sentence_input(tmp_path / "tokenizer.json")
