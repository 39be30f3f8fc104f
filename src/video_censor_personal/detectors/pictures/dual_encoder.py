"""A CLIP or SigLIP model in ONNX Runtime: pictures and sentences become vectors to compare.

A model is the folder of a repository as `transformers.js` lays it out: `onnx/vision_model*.onnx`,
`onnx/text_model*.onnx`, `tokenizer.json`, `preprocessor_config.json`. The cosine between the
vectors of a picture and a sentence says how well they fit (https://arxiv.org/abs/2103.00020,
https://arxiv.org/abs/2303.15343).
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.detectors.onnx_session import open_session
from video_censor_personal.detectors.pictures.picture_input import Picture, read_picture_input
from video_censor_personal.detectors.pictures.sentence_input import read_sentence_input
from video_censor_personal.errors import DetectorError

__all__ = ["DualEncoder"]

Vectors = NDArray[np.float32]

_BATCH = 16
"""Pictures that go in together: 16 of 224 by 224 pixels are 10 MB of input."""

_VARIANTS = ("_quantized", "", "_fp16")
"""What the file names end in, for the case that several lie there: the fastest on a CPU first."""

_DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


class DualEncoder:
    """A loaded model. `pictures` says what it sees of a frame, `family` how it was trained.

    Raises:
        DetectorError: a file is missing or damaged, or the files do not belong together.
    """

    def __init__(
        self, folder: Path, *, threads: int = 1, device: str = "auto", detector: str = ""
    ) -> None:
        files = _find(folder, detector)
        self.pictures = read_picture_input(files["preprocessor_config.json"], detector)
        self._sentences = read_sentence_input(files["tokenizer.json"], detector)
        self.family = self._sentences.family
        opened = partial(open_session, threads=threads, device=device, detector=detector)
        vision, text = files["vision_model"], files["text_model"]
        self._vision = _Encoder(
            vision, opened(vision), ["pixel_values"], ["image_embeds", "pooler_output"], detector
        )
        self._text = _Encoder(
            text,
            opened(text),
            ["input_ids", "attention_mask"],
            ["text_embeds", "pooler_output"],
            detector,
        )
        if isinstance(length := self._text.shape("input_ids")[1], int):
            self._sentences.fill_up(length)
        self._check_agreement(folder, detector)

    def see(self, views: Sequence[Picture]) -> Vectors:
        """`(N, D)`, each of length 1, of views that `pictures` made.

        A view's vector does not depend on the others.
        """
        step = 1 if self._vision.one_by_one else _BATCH
        batches = [views[first : first + step] for first in range(0, len(views), step)]
        return np.concatenate(
            [self._vision.run(pixel_values=self.pictures.tensor(batch)) for batch in batches]
        )

    def read(self, sentence: str) -> Vectors:
        """`(D,)`, of length 1."""
        ids, mask = self._sentences.tokens(sentence)
        vector: Vectors = self._text.run(input_ids=ids, attention_mask=mask)[0]
        return vector

    def _check_agreement(self, folder: Path, detector: str) -> None:
        """One picture and one sentence: what does not fit shall fail before the film begins."""
        side = self.pictures.side
        (seen,) = self.see([np.zeros((side, side, 3), np.uint8)])
        read = self.read("a picture")
        if seen.shape != read.shape:
            raise DetectorError(
                f"the halves of the model in {folder} do not belong together: a picture becomes "
                f"{seen.size} numbers and a sentence {read.size}; download the model again",
                detector=detector,
            )


class _Encoder:
    """One half of a model: what it takes becomes vectors.

    It must take the first of `inputs`, may take the others, and gives one of `outputs`.

    `one_by_one`: it takes one at a time, or would mix up those that come together.
    """

    def __init__(
        self,
        path: Path,
        session: Any,
        inputs: Sequence[str],
        outputs: Sequence[str],
        detector: str,
    ) -> None:
        self._path, self._session, self._detector = path, session, detector
        self._inputs = {given.name: given for given in session.get_inputs()}
        there = [given.name for given in session.get_outputs()]
        self._output = next((name for name in outputs if name in there), "")
        if not self._output or inputs[0] not in self._inputs or set(self._inputs) - set(inputs):
            raise DetectorError(
                f"{path} is no half of a CLIP or SigLIP model: it takes "
                f"{', '.join(self._inputs)} and gives {', '.join(there)}, where "
                f"{', '.join(inputs)} and {' or '.join(outputs)} are expected",
                detector=detector,
            )
        batch = self._inputs[inputs[0]].shape[0]
        self.one_by_one = isinstance(batch, int) or _quantises_what_it_sees(path)

    def shape(self, name: str) -> list[int | str | None]:
        """The declared shape of an input; numbers are fixed."""
        shape: list[int | str | None] = self._inputs[name].shape
        return shape

    def run(self, **values: NDArray[Any]) -> Vectors:
        """`(N, D)`, each of length 1; of `values` only what the model takes is fed.

        Raises:
            DetectorError: the model cannot work with them.
        """
        feed = {
            name: values[name].astype(_DTYPES.get(given.type, values[name].dtype))
            for name, given in self._inputs.items()
        }
        try:
            answer = self._session.run([self._output], feed)[0]
        except Exception as error:
            # ONNX Runtime's errors share no base class below Exception.
            raise DetectorError(
                f"the model {self._path} failed: {error}; if it always does, its files do not "
                "belong together: download the model again",
                detector=self._detector,
            ) from error
        vectors = np.asarray(answer, np.float32)
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        if vectors.ndim != 2 or not (np.isfinite(lengths) & (lengths > 0)).all():
            raise DetectorError(
                f"the model {self._path} gave no vectors but {vectors.shape} numbers of the "
                f"lengths {lengths.ravel()[:4]}",
                detector=self._detector,
            )
        unit: Vectors = vectors / lengths
        return unit


def _quantises_what_it_sees(path: Path) -> bool:
    """Whether 8-bit steps are chosen anew for all that comes together.

    Then a picture's vector depends on what else is in its batch
    (https://github.com/microsoft/onnxruntime/issues/10111).
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b"DynamicQuantizeLinear") >= 0


def _find(folder: Path, detector: str) -> dict[str, Path]:
    """The files of a model by what they are for."""
    candidates = {
        half: [f"onnx/{half}{variant}.onnx" for variant in _VARIANTS]
        for half in ("vision_model", "text_model")
    }
    candidates |= {name: [name] for name in ("tokenizer.json", "preprocessor_config.json")}
    found = {
        part: folder / name
        for part, names in candidates.items()
        for name in reversed(names)
        if (folder / name).is_file()
    }
    missing = [" or ".join(names) for part, names in candidates.items() if part not in found]
    if missing:
        raise DetectorError(
            f"the model in {folder} lacks {', '.join(missing)}; name them under `files` of its "
            "entry in models.sources (or leave `files` out) and download it again",
            detector=detector,
        )
    return found
