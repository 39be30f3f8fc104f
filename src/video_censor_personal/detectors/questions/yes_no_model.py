"""A model that sees and reads, asked a question about pictures that has yes or no for an answer.

What it would say first is compared: `P(yes) / (P(yes) + P(no))`, each summed over the tokens with
which the word can begin. Where neither is what it would say, there is no answer.

Imports torch, so import it where a model is opened, not at the top of a plug-in.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.utils import logging as transformers_logging

from video_censor_personal.detectors.questions.torch_devices import torch_device
from video_censor_personal.errors import DetectorError
from video_censor_personal.media.base import Frame

__all__ = ["YesNoModel"]

_SIDE = 672
"""Twice what LLaVA 1.5 sees; its processor scales down, and later models see more."""

_GREY = 127
_YES, _NO = ("yes", "Yes", "YES"), ("no", "No", "NO")

_LEAST_LIKELY = 0.5
"""Yes and no together must be likelier than everything else that it might say."""

_WITHOUT_TEMPLATE = "USER: <image>\n{} ASSISTANT:"
"""How LLaVA 1.5 was trained (https://huggingface.co/llava-hf/llava-1.5-7b-hf), for copies of it
that came without their chat template."""


class YesNoModel:
    """A model in a folder as transformers stores it; nothing is fetched, and no code of it runs.

    Raises (when made):
        DetectorError: it cannot be loaded, or the device is not there.
    """

    def __init__(
        self, folder: Path, *, threads: int = 1, device: str = "auto", detector: str = ""
    ) -> None:
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        torch.set_num_threads(threads)
        self._device = _device(device, detector)
        try:
            self._processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True)
            model: Any = AutoModelForImageTextToText.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                torch_dtype=_precision(self._device),
            )
            self._model = model.eval().to(self._device)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            raise DetectorError(
                f"detector {detector!r} cannot load the model {folder}: {error}; it must be one "
                "that transformers knows, with its weights as safetensors",
                detector=detector,
            ) from error
        tokenizer = self._processor.tokenizer
        tokenizer.padding_side = "left"  # what comes next is then at the same place for all
        yes, no = (_first_tokens(tokenizer, words) for words in (_YES, _NO))
        self._yes, self._no = sorted(yes - no), sorted(no - yes)
        if not self._yes or not self._no:
            raise DetectorError(
                f"detector {detector!r}: the model {folder} cannot tell yes from no by its first "
                "token",
                detector=detector,
            )
        self._keeps = "logits_to_keep" in inspect.signature(self._model.forward).parameters

    def likelihoods(self, frames: Sequence[Frame], question: str) -> list[float | None]:
        """How much more likely a yes is than a no, 0–1, for each frame; None where it would say
        something else."""
        text = self._prompt(question)
        inputs = self._processor(
            images=[Image.fromarray(_square(frame.rgb(_SIDE))) for frame in frames],
            text=[text] * len(frames),
            return_tensors="pt",
            padding=True,
        ).to(self._device, dtype=self._model.dtype)
        extra = {"logits_to_keep": 1} if self._keeps else {}
        with torch.inference_mode():
            logits = self._model(**inputs, use_cache=False, **extra).logits[:, -1].float()
            shares = torch.softmax(logits, dim=-1)
            yes = shares[:, self._yes].sum(dim=-1).tolist()
            no = shares[:, self._no].sum(dim=-1).tolist()
        return [
            for_it / (for_it + against) if for_it + against > _LEAST_LIKELY else None
            for for_it, against in zip(yes, no, strict=True)
        ]

    def _prompt(self, question: str) -> str:
        if not self._processor.chat_template:
            return _WITHOUT_TEMPLATE.format(question)
        content = [{"type": "image"}, {"type": "text", "text": question}]
        return str(
            self._processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True
            )
        )


def _first_tokens(tokenizer: Any, words: Sequence[str]) -> set[int]:
    """With which token each word can begin, at the start of a line or after a space."""
    written = [
        tokenizer.encode(start + w, add_special_tokens=False) for w in words for start in ("", " ")
    ]
    return {tokens[0] for tokens in written if tokens}


def _square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The whole picture in a grey square: processors of such models cut off what is not square."""
    height, width, _ = picture.shape
    side = max(height, width)
    square = np.full((side, side, 3), _GREY, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picture
    return square


def _device(wanted: str, detector: str) -> str:
    """What torch calls a device; the best there is for `auto`."""
    name = torch_device(wanted)
    if name is None:
        raise DetectorError(
            f"detector {detector!r}: torch cannot compute on {wanted!r} here; choose another",
            detector=detector,
        )
    return name


def _precision(device: str) -> torch.dtype:
    """16 bits: a model of 7 billion parameters takes 14 GB, and twice that in 32."""
    if device == "mps" or (device == "cuda" and not torch.cuda.is_bf16_supported()):
        return torch.float16
    return torch.bfloat16
