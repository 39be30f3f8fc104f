"""Models of the CLIP and the SigLIP family in a few hundred bytes, made on the spot.

A picture's vector is its mean colour, a sentence's the colour that its words stand for:

    folder = make_tiny_clip(tmp_path / "clip")      # blood is red, grass green, a screen grey

Files, names, inputs and outputs are those of a real repository for transformers.js.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

__all__ = ["CLIP_FILES", "COLOURS", "make_tiny_clip", "make_tiny_siglip", "quantise"]

CLIP_FILES = (
    "onnx/vision_model.onnx",
    "onnx/text_model.onnx",
    "tokenizer.json",
    "preprocessor_config.json",
)

COLOURS = {
    "blood": (1, -1, -1, 0),
    "bloody": (1, -1, -1, 0),
    "fighting": (-1, 1, -1, 0),
    "leprechauns": (-1, 1, -1, 0),
    "sex": (-1, -1, 1, 0),
    "ocean": (-1, -1, 1, 0),
    "talking": (0, 0, 0, 1),
    "plain": (0, 0, 0, 1),
    "screen": (0, 0, 0, 1),
}
"""Words by the direction of their vector: red, green, blue, grey. All others point a little in
every direction."""

_OTHER_WORDS = (0.005, 0.005, 0.005, 0.01)

_CLIP_PICTURES = {
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "CLIPImageProcessor",
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 224},
}
_SIGLIP_PICTURES = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "SiglipImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 224, "width": 224},
}


def make_tiny_clip(folder: Path) -> Path:
    """As `Xenova/clip-vit-base-patch32`; gives the folder."""
    start, end = "<|startoftext|>", "<|endoftext|>"
    words = [start, end, "<unk>", *COLOURS]
    single = f"{start} $A {end}"
    tokenizer = _tokenizer(words, single, [(start, 0), (end, 1)])
    return _write(folder, tokenizer, words, _CLIP_PICTURES, "image_embeds", "text_embeds")


def make_tiny_siglip(folder: Path) -> Path:
    """As `Xenova/siglip-base-patch16-224`: other names, other preparation, 64 tokens exactly."""
    words = ["<pad>", "</s>", "<unk>", *COLOURS]
    tokenizer = _tokenizer(words, "$A </s>", [("</s>", 1)])
    return _write(
        folder, tokenizer, words, _SIGLIP_PICTURES, "pooler_output", "pooler_output", length=64
    )


def quantise(folder: Path) -> Path:
    """The halves of a model with 8-bit weights, as `*_quantized.onnx`, in place of the others."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    from onnxruntime.quantization import quantize_dynamic

    for half in ("vision_model", "text_model"):
        path = folder / "onnx" / f"{half}.onnx"
        quantize_dynamic(path, path.with_name(f"{half}_quantized.onnx"))
        path.unlink()
    return folder


def _tokenizer(words: list[str], single: str, special: list[tuple[str, int]]) -> Tokenizer:
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.normalizer = normalizers.Strip()
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=special)
    return tokenizer


def _write(
    folder: Path,
    tokenizer: Tokenizer,
    words: list[str],
    pictures: Mapping[str, object],
    seen: str,
    read: str,
    length: int | str = "sequence_length",
) -> Path:
    (folder / "onnx").mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures))
    onnx.save(_vision(seen), folder / "onnx" / "vision_model.onnx")
    onnx.save(_text(words, read, length), folder / "onnx" / "text_model.onnx")
    return folder


def _vision(output: str) -> onnx.ModelProto:
    """The mean of each channel, less the brightness: grey is nothing but the last direction."""
    colours = np.concatenate([np.eye(3) - 1 / 3, np.zeros((3, 1))], axis=1)
    return _model(
        [
            helper.make_node("ReduceMean", ["pixel_values", "axes"], ["mean"], keepdims=0),
            helper.make_node("MatMul", ["mean", "colours"], ["colour"]),
            helper.make_node("Add", ["colour", "grey"], [output]),
        ],
        helper.make_tensor_value_info(
            "pixel_values", TensorProto.FLOAT, ["batch_size", 3, "height", "width"]
        ),
        output,
        colours=colours.astype(np.float32),
        grey=np.array([0, 0, 0, 0.5], np.float32),
        axes=np.array([2, 3]),
    )


def _text(words: list[str], output: str, length: int | str) -> onnx.ModelProto:
    vectors = np.array([COLOURS.get(word, _OTHER_WORDS) for word in words], np.float32)
    return _model(
        [
            helper.make_node("Gather", ["vectors", "input_ids"], ["read"]),
            helper.make_node("ReduceMean", ["read", "axes"], [output], keepdims=0),
        ],
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch_size", length]),
        output,
        vectors=vectors,
        axes=np.array([1]),
    )


def _model(
    nodes: list[onnx.NodeProto], given: onnx.ValueInfoProto, output: str, **constants: np.ndarray
) -> onnx.ModelProto:
    answer = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch_size", 4])
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", [given], [answer], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(made)
    return made
