"""Pictures and sentences become vectors, each for itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tiny_clip import make_tiny_clip, make_tiny_siglip, quantise

from video_censor_personal.detectors.pictures.dual_encoder import DualEncoder
from video_censor_personal.errors import DetectorError

MODELS: dict[str, Callable[[Path], Path]] = {
    "clip": make_tiny_clip,
    "siglip": make_tiny_siglip,
    "clip in 8 bit": lambda folder: quantise(make_tiny_clip(folder)),
}

every_kind = pytest.mark.parametrize("kind", MODELS)


def views(count: int) -> list[np.ndarray]:
    """Pictures of very different brightness."""
    shades = np.linspace((0, 40, 10), (255, 90, 130), count).astype(np.uint8)
    return [np.broadcast_to(shade, (224, 224, 3)) for shade in shades]


@every_kind
def test_a_picture_is_seen_alike_alone_and_in_any_batch(tmp_path: Path, kind: str) -> None:
    """Dynamic 8-bit steps are chosen for all that comes together, and would be others alone."""
    model, pictures = DualEncoder(MODELS[kind](tmp_path / "model")), views(37)
    together = model.see(pictures)
    alone = np.concatenate([model.see([picture]) for picture in pictures])
    assert together.shape == (37, 4)
    assert np.abs(together - alone).max() < 1e-6


@every_kind
def test_vectors_have_the_length_one(tmp_path: Path, kind: str) -> None:
    model = DualEncoder(MODELS[kind](tmp_path / "model"))
    assert np.linalg.norm(model.see(views(3)), axis=1) == pytest.approx([1, 1, 1], abs=1e-6)
    assert np.linalg.norm(model.read("blood")) == pytest.approx(1, abs=1e-6)


@every_kind
def test_pictures_lie_where_their_words_lie(tmp_path: Path, kind: str) -> None:
    model = DualEncoder(MODELS[kind](tmp_path / "model"))
    (red,) = model.see([np.broadcast_to(np.array([220, 60, 60], np.uint8), (224, 224, 3))])
    near, far = (red @ model.read(f"a photo of {word}") for word in ("blood", "the ocean"))
    assert near > far + 0.5


def test_the_family_is_told_by_the_files(tmp_path: Path) -> None:
    assert DualEncoder(make_tiny_clip(tmp_path / "clip")).family == "clip"
    assert DualEncoder(make_tiny_siglip(tmp_path / "siglip")).family == "siglip"


def test_halves_with_vectors_of_different_length_are_refused(tmp_path: Path) -> None:
    folder = make_tiny_clip(tmp_path / "clip")
    path = folder / "onnx/text_model.onnx"
    model = onnx.load(path)
    (vectors,) = [w for w in model.graph.initializer if w.name == "vectors"]
    wider = np.ones((len(numpy_helper.to_array(vectors)), 5), np.float32)
    vectors.CopyFrom(numpy_helper.from_array(wider, "vectors"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
    onnx.save(model, path)
    with pytest.raises(DetectorError, match="becomes 4 numbers and a sentence 5"):
        DualEncoder(folder)


def test_a_model_that_gives_no_number_is_never_taken_at_its_word(tmp_path: Path) -> None:
    folder = make_tiny_clip(tmp_path / "clip")
    path = folder / "onnx/vision_model.onnx"
    model = onnx.load(path)
    (grey,) = [w for w in model.graph.initializer if w.name == "grey"]
    grey.CopyFrom(numpy_helper.from_array(np.full(4, np.nan, np.float32), "grey"))
    onnx.save(model, path)
    with pytest.raises(DetectorError, match=r"vision_model\.onnx gave no vectors"):
        DualEncoder(folder)


def test_of_several_variants_the_fastest_on_a_processor_is_taken(tmp_path: Path) -> None:
    folder, other = make_tiny_clip(tmp_path / "clip"), make_tiny_clip(tmp_path / "other")
    for half in ("vision_model", "text_model"):
        moved = quantise(other) if half == "vision_model" else other
        (moved / f"onnx/{half}_quantized.onnx").rename(folder / f"onnx/{half}_quantized.onnx")
        (folder / f"onnx/{half}.onnx").write_bytes(b"never opened")
    assert DualEncoder(folder).see(views(1)).shape == (1, 4)


def test_a_model_for_one_picture_at_a_time_gets_one_at_a_time(tmp_path: Path) -> None:
    folder = make_tiny_clip(tmp_path / "clip")
    for half in ("vision_model", "text_model"):
        path = folder / f"onnx/{half}.onnx"
        model = onnx.load(path)
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 1
        onnx.save(model, path)
    assert DualEncoder(folder).see(views(3)).shape == (3, 4)
