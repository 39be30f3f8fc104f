"""A model that names sounds, in ONNX Runtime: a waveform in, a score for every kind of sound out.

YAMNet (https://github.com/tensorflow/models/tree/master/research/audioset/yamnet) as its ONNX
conversions have it: `(N,)` or `(1, N) float32` of -1..1 at 16 kHz, `N` free or one window, gives
`(windows, 521) float32` of 0–1, each class for itself, and embeddings that are not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.detectors.onnx_session import open_session
from video_censor_personal.detectors.sounds.sound_book import audio_set_classes
from video_censor_personal.detectors.sounds.sound_stretches import HOP, WINDOW, window_count
from video_censor_personal.errors import DetectorError

__all__ = ["SoundTagger"]

_FULL_SCALE = 32_768.0


class SoundTagger:
    """A loaded model; `path` is its file, or a folder with one ONNX file in it.

    Raises:
        DetectorError: the file is no such model.
    """

    def __init__(self, path: Path, *, threads: int = 1, device: str = "auto", detector: str = ""):
        self._path, self._detector = _file(path, detector), detector
        self._session = open_session(self._path, threads=threads, device=device, detector=detector)
        inputs = self._session.get_inputs()
        shape = inputs[0].shape
        if len(inputs) != 1 or len(shape) not in (1, 2) or inputs[0].type != "tensor(float)":
            raise self._foreign("it does not take a waveform")
        self._input, self._axes = inputs[0].name, len(shape)
        self._one_by_one = isinstance(shape[-1], int)
        if self._one_by_one and shape[-1] != WINDOW:
            raise self._foreign(f"it takes {shape[-1]} samples at a time, not {WINDOW}")
        self._output = self._scores_among(self._run(np.zeros(WINDOW, np.float32)))

    def scores(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """`(windows, 521) float32` of 0–1 for `(N,) int16`, a whole number of windows.

        Raises:
            DetectorError: the model fails, or does not answer for each window.
        """
        waveform = samples.astype(np.float32) / _FULL_SCALE
        windows = window_count(len(samples))
        if self._one_by_one:
            starts = range(0, windows * HOP, HOP)
            parts = [self._answer(waveform[start : start + WINDOW], 1) for start in starts]
            return np.concatenate(parts)
        return self._answer(waveform, windows)

    def _answer(self, waveform: NDArray[np.float32], windows: int) -> NDArray[np.float32]:
        scores = _rows(self._run(waveform)[self._output])
        # Conversions that fill up the end by themselves answer for one window more.
        if len(scores) < windows:
            raise self._foreign(f"it answers {len(scores)} times for {windows} windows of sound")
        if not np.isfinite(scores).all():
            raise DetectorError(
                f"the model {self._path} gave scores that are no numbers", detector=self._detector
            )
        return scores[:windows]

    def _run(self, waveform: NDArray[np.float32]) -> list[Any]:
        fed = waveform if self._axes == 1 else waveform[np.newaxis]
        try:
            return list(self._session.run(None, {self._input: fed}))
        except Exception as error:
            # ONNX Runtime's errors share no base class below Exception.
            raise DetectorError(
                f"the model {self._path} failed: {error}", detector=self._detector
            ) from error

    def _scores_among(self, outputs: list[Any]) -> int:
        """Which of the outputs is that of the classes."""
        for number, output in enumerate(outputs):
            if np.ndim(output) >= 1 and np.shape(output)[-1] == len(audio_set_classes()):
                return number
        shapes = ", ".join(str(np.shape(output)) for output in outputs)
        raise self._foreign(
            f"none of its outputs has {len(audio_set_classes())} classes (they are {shapes})"
        )

    def _foreign(self, why: str) -> DetectorError:
        return DetectorError(
            f"the model {self._path} is no YAMNet: {why}; take the model yamnet of the catalogue",
            detector=self._detector,
        )


def _rows(scores: Any) -> NDArray[np.float32]:
    return np.asarray(scores, np.float32).reshape(-1, np.shape(scores)[-1])


def _file(path: Path, detector: str) -> Path:
    if not path.is_dir():
        return path
    found = sorted(path.rglob("*.onnx"))
    if len(found) == 1:
        return found[0]
    what = ", ".join(str(file.relative_to(path)) for file in found) or "none"
    raise DetectorError(
        f"the folder {path} must hold one ONNX file, and holds {what}; name the file itself in the "
        "url of the model",
        detector=detector,
    )
