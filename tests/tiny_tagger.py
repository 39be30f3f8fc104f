"""A model shaped like YAMNet that hears nothing but pure tones, made on the spot.

Each tone in `HEARD` gives its class a score of 0.9 where it fills a window at an amplitude of 0.1
or more, less where it fills less of it: a convolution with a sine and a cosine, squared and summed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from video_censor_personal.detectors.sounds.sound_book import audio_set_classes
from video_censor_personal.detectors.sounds.sound_stretches import HOP, WINDOW

HEARD = {"Screaming": 1000.0, "Explosion": 300.0, "Dog": 2500.0}
_AMPLITUDE = 0.1


def make_tiny_tagger(
    path: Path, *, batched: bool = False, fixed: bool = False, classes: int = 521
) -> Path:
    """The model at `path`; `batched`: it takes `(1, N)`; `fixed`: one window at a time."""
    times = np.arange(WINDOW) / 16_000
    waves = [f(2 * np.pi * hz * times) for hz in HEARD.values() for f in (np.sin, np.cos)]
    kernels = np.array(waves, np.float32)[:, np.newaxis] * (2 / WINDOW / _AMPLITUDE)
    mixing = np.zeros((classes, len(waves)), np.float32)
    for number, name in enumerate(HEARD):
        mixing[audio_set_classes().index(name), 2 * number : 2 * number + 2] = 1
    constants = {
        "kernels": kernels,
        "mixing": mixing,
        "row": np.array([1, 1, -1], np.int64),
        "most": np.array(0.9, np.float32),
    }
    length = WINDOW if fixed else "n"
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["waveform", "row"], ["sound"]),
            helper.make_node("Conv", ["sound", "kernels"], ["parts"], strides=[HOP]),
            helper.make_node("Mul", ["parts", "parts"], ["power"]),
            helper.make_node("MatMul", ["mixing", "power"], ["heard"]),
            helper.make_node("Min", ["heard", "most"], ["bounded"]),
            helper.make_node("Squeeze", ["bounded"], ["flat"])
            if fixed
            else helper.make_node("Transpose", ["bounded"], ["turned"], perm=[0, 2, 1]),
            helper.make_node("Identity", ["flat" if fixed else "turned"], ["scores"]),
        ],
        "tagger",
        [
            helper.make_tensor_value_info(
                "waveform", TensorProto.FLOAT, [1, length] if batched else [length]
            )
        ],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path
