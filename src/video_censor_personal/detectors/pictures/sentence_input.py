"""What a text model reads of a sentence, with the model's own `tokenizer.json`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from video_censor_personal.detectors.pictures.concept_book import Family
from video_censor_personal.errors import DetectorError

__all__ = ["SentenceInput", "read_sentence_input"]

_log = logging.getLogger(__name__)

Tokens = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Reading:
    """How a family reads sentences.

    Attributes:
        tokens: a sentence is cut off after so many.
        end: the token that ends a sentence, and that fills it up.
        filled_up: every sentence is filled up to `tokens`, as SigLIP was trained: it reads the
            last one (https://huggingface.co/docs/transformers/model_doc/siglip). CLIP reads the
            first `end`, which nothing behind it can change.
    """

    tokens: int
    end: str
    filled_up: bool


_READINGS: Mapping[Family, _Reading] = {
    "clip": _Reading(77, "<|endoftext|>", False),
    "siglip": _Reading(64, "</s>", True),
}


class SentenceInput:
    """Sentences as a model's tokens; `family` is the one that the tokenizer belongs to."""

    def __init__(self, tokenizer: Tokenizer, family: Family) -> None:
        self.family = family
        self._tokenizer = tokenizer
        reading = _READINGS[family]
        tokenizer.enable_truncation(reading.tokens)
        tokenizer.no_padding()
        if reading.filled_up:
            self.fill_up(reading.tokens)

    def fill_up(self, length: int) -> None:
        """Make every sentence `length` tokens long."""
        end = _READINGS[self.family].end
        number = self._tokenizer.token_to_id(end)
        self._tokenizer.enable_truncation(min(length, _READINGS[self.family].tokens))
        self._tokenizer.enable_padding(pad_id=number, pad_token=end, length=length)

    def tokens(self, sentence: str) -> tuple[Tokens, Tokens]:
        """The tokens' numbers and which of them are the sentence: `(1, L)` each.

        A sentence that is too long is cut off with a warning.
        """
        # Both families were trained on small letters; not every tokenizer.json says so.
        encoded = self._tokenizer.encode(sentence.lower())
        if encoded.overflowing:
            _log.warning(
                "%r is longer than the model reads; only its first %d tokens count",
                sentence,
                len(encoded.ids),
            )
        return np.array([encoded.ids]), np.array([encoded.attention_mask])


def read_sentence_input(path: Path, detector: str = "") -> SentenceInput:
    """What a `tokenizer.json` says.

    Raises:
        DetectorError: it is no such file, or of neither family.
    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        # tokenizers raises plain exceptions.
        raise DetectorError(
            f"the tokenizer {path} cannot be read: {error}; download the model again",
            detector=detector,
        ) from error
    for family, reading in _READINGS.items():
        end = tokenizer.token_to_id(reading.end)
        if end is not None and end in tokenizer.encode("a").ids:
            return SentenceInput(tokenizer, family)
    ends = " or ".join(repr(reading.end) for reading in _READINGS.values())
    raise DetectorError(
        f"{path} is the tokenizer of neither a CLIP nor a SigLIP model: it ends sentences neither "
        f"with {ends}; use a model of these families",
        detector=detector,
    )
