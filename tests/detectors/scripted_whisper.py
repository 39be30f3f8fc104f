"""A Whisper that always says the same, as a real model folder for the real faster-whisper.

A decoder whose position alone decides what comes next: its self-attention and feed-forward layers
are zero, and the embedding of position p is the code of the p-th token of the script. One head of
its cross-attention looks at the encoder's frame of the word's time, from which faster-whisper
derives word times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ctranslate2.specs import whisper_spec
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

__all__ = ["ScriptedWord", "scripted_whisper"]

_WIDTH = 64
_POSITIONS = 448
_FRAMES = 1500
_FRAME_S = 0.02


@dataclass(frozen=True)
class ScriptedWord:
    """A word that is written down with ` ` before it, about `at_s` after the start of the clip.

    `probability`: what the model gives to it, more than 1/3; the rest goes to "um" and "er".
    """

    text: str
    at_s: float
    probability: float = 1.0


def scripted_whisper(
    folder: Path,
    script: Sequence[ScriptedWord],
    *,
    languages: dict[str, float] | None = None,
    end_s: float | None = None,
) -> Path:
    """A model folder; with `languages` (code -> probability) a multilingual one that detects them.

    `end_s`: when the last word ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    codes_of = list(languages or {"en": 1.0})
    tokenizer = _tokenizer(script, codes_of, bool(languages))
    codes = _codes(tokenizer.get_vocab_size())
    spec = whisper_spec.WhisperSpec(1, 1, 1, 1)
    _fill(spec)
    _write_script(spec, tokenizer, codes, script, languages, end_s)
    names = {number: name for name, number in tokenizer.get_vocab(True).items()}
    spec.register_vocabulary([names[number] for number in range(len(names))])
    spec.config.alignment_heads = [[0, 0]]
    spec.config.lang_ids = [tokenizer.token_to_id(f"<|{code}|>") for code in codes_of]
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokenizer.token_to_id("<|endoftext|>")]
    spec.validate()
    spec.optimize(quantization=None)
    spec.save(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _choices(word: ScriptedWord) -> dict[str, float]:
    """What may come in place of a word, with the probabilities."""
    if word.probability == 1:
        return {f" {word.text}": 1.0}
    rest = (1 - word.probability) / 2
    return {f" {word.text}": word.probability, " um": rest, " er": rest}


def _tokenizer(
    script: Sequence[ScriptedWord], languages: Sequence[str], multilingual: bool
) -> Tokenizer:
    vocabulary = {sign: n for n, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges: list[tuple[str, str]] = []
    for word in dict.fromkeys(text for entry in script for text in _choices(entry)):
        whole, *letters = pre_tokenizers.ByteLevel(use_regex=False).pre_tokenize_str(word)[0][0]
        for letter in letters:
            if (whole, letter) not in merges and whole + letter not in vocabulary:
                merges.append((whole, letter))
                vocabulary[whole + letter] = len(vocabulary)
            whole += letter
    if multilingual:
        vocabulary[""] = len(vocabulary)  # by which CTranslate2 knows them
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages)]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>"]
    special += ["<|nospeech|>", "<|notimestamps|>"]
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in special])
    times = [f"<|{n * _FRAME_S:.2f}|>" for n in range(_FRAMES + 1)]
    tokenizer.add_tokens([AddedToken(name, special=False) for name in times])
    return tokenizer


def _codes(count: int) -> NDArray[np.float32]:
    """A direction for each token, of mean 0 and variance 1, as a layer norm leaves it."""
    codes = np.random.default_rng(0).normal(size=(count, _WIDTH)).astype(np.float32)
    codes -= codes.mean(axis=1, keepdims=True)
    codes /= codes.std(axis=1, keepdims=True)
    return codes


def _fill(spec: whisper_spec.WhisperSpec) -> None:
    """Every layer of both halves, zero except for the norms and the encoder's positions."""
    encoder, decoder = spec.encoder, spec.decoder
    for convolution, inputs in ((encoder.conv1, 80), (encoder.conv2, _WIDTH)):
        convolution.weight = np.zeros((_WIDTH, inputs, 3), np.float32)
        convolution.bias = np.zeros(_WIDTH, np.float32)
    encoder.position_encodings.encodings = _frame_positions()
    for half in (encoder, decoder):
        _norm(half.layer_norm)
        for layer in half.layer:
            _norm(layer.self_attention.layer_norm)
            _linear(layer.self_attention.linear[0], 3 * _WIDTH)
            _linear(layer.self_attention.linear[1], _WIDTH)
            _norm(layer.ffn.layer_norm)
            _linear(layer.ffn.linear_0, _WIDTH)
            _linear(layer.ffn.linear_1, _WIDTH)
    for layer in decoder.layer:
        _norm(layer.attention.layer_norm)
        _linear(layer.attention.linear[0], _WIDTH)
        _linear(layer.attention.linear[1], 2 * _WIDTH)
        _linear(layer.attention.linear[2], _WIDTH)


def _frame_positions() -> NDArray[np.float32]:
    half = _WIDTH // 2
    waves = np.exp(-np.log(10_000) * np.arange(half) / (half - 1))
    phases = np.arange(_FRAMES)[:, None] * waves
    return np.concatenate([np.sin(phases), np.cos(phases)], axis=1).astype(np.float32)


def _norm(layer: object) -> None:
    layer.gamma = np.ones(_WIDTH, np.float32)  # type: ignore[attr-defined]
    layer.beta = np.zeros(_WIDTH, np.float32)  # type: ignore[attr-defined]


def _linear(layer: object, outputs: int) -> None:
    layer.weight = np.zeros((outputs, _WIDTH), np.float32)  # type: ignore[attr-defined]
    layer.bias = np.zeros(outputs, np.float32)  # type: ignore[attr-defined]


def _write_script(
    spec: whisper_spec.WhisperSpec,
    tokenizer: Tokenizer,
    codes: NDArray[np.float32],
    script: Sequence[ScriptedWord],
    languages: dict[str, float] | None,
    end_s: float | None,
) -> None:
    """Position p says what comes after it; the prompt of a multilingual model is two longer."""
    end = tokenizer.token_to_id("<|endoftext|>")
    positions = np.tile(codes[end], (_POSITIONS, 1))
    row = 0
    if languages:
        positions[0] = _mixture(
            codes, {tokenizer.token_to_id(f"<|{code}|>"): p for code, p in languages.items()}
        )
        row = 2
    positions[row] = codes[tokenizer.token_to_id("<|0.00|>")]
    looks: dict[int, float] = {}
    for word in script:
        row += 1
        positions[row] = _mixture(
            codes,
            {
                tokenizer.encode(text).ids[0]: probability
                for text, probability in _choices(word).items()
            },
        )
        looks[row] = word.at_s
    last_s = end_s if end_s is not None else script[-1].at_s + 0.5 if script else 0.0
    closing = min(_FRAMES, round(last_s / _FRAME_S))
    positions[row + 1] = codes[tokenizer.token_to_id(f"<|{closing * _FRAME_S:.2f}|>")]
    looks[row + 1] = last_s
    decoder = spec.decoder
    decoder.embeddings.weight = codes * np.float32(1e-6)
    decoder.position_encodings.encodings = positions.astype(np.float32)
    decoder.projection.weight = codes.copy()
    _look(decoder.layer[0].attention, positions, looks, spec.encoder)


def _mixture(codes: NDArray[np.float32], probabilities: dict[int, float]) -> NDArray[np.float64]:
    """A vector of mean 0 and variance 1 for which the projection gives these probabilities."""
    tokens = list(probabilities)
    chosen = codes[tokens].astype(np.float64)
    odds = np.log([max(probabilities[token], 1e-6) for token in tokens])
    odds -= odds.max()
    level = 50.0
    for _ in range(20):
        vector = np.linalg.lstsq(chosen, level + odds, rcond=None)[0]
        level *= np.sqrt(_WIDTH) / np.linalg.norm(vector)
    return vector


def _look(
    attention: object,
    positions: NDArray[np.float64],
    looks: dict[int, float],
    encoder: object,
) -> None:
    """The cross-attention that looks from a row of the script to a time of the sound."""
    frames = encoder.position_encodings.encodings  # type: ignore[attr-defined]
    keys = (frames - frames.mean(1, keepdims=True)) / frames.std(1, keepdims=True)
    wanted = np.stack([keys[min(_FRAMES - 1, int(t / _FRAME_S))] for t in looks.values()]) * 6
    queries = np.stack([positions[row] for row in looks])
    weight = np.linalg.lstsq(queries, wanted, rcond=None)[0].T.astype(np.float32)
    attention.linear[0].weight = weight  # type: ignore[attr-defined]
    attention.linear[1].weight = np.concatenate(  # type: ignore[attr-defined]
        [np.eye(_WIDTH, dtype=np.float32), np.zeros((_WIDTH, _WIDTH), np.float32)]
    )
