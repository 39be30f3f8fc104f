"""The real weights on real pictures: what is found, where, and how sure."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from pictures import FACE, frame, meadow, portrait, scaled, with_portrait

from video_censor_personal.detectors.base import (
    CategorySettings,
    DetectorSettings,
    ModelNeed,
    Scale,
)
from video_censor_personal.detectors.nudenet import CLASSES, NudeNetDetector, plugin
from video_censor_personal.errors import ConfigError, DetectorError
from video_censor_personal.findings import Box, Sighting
from video_censor_personal.media.base import Frame


def settings(
    *categories: str,
    sensitivity: float = 0.5,
    models: dict[str, Path] | None = None,
    **options: Any,
) -> DetectorSettings:
    chosen = {key: CategorySettings(key, key.title(), sensitivity) for key in categories}
    return DetectorSettings("eyes", chosen, options, models or {})


@pytest.fixture(scope="module")
def faces() -> NudeNetDetector:
    return plugin.build(settings("faces"))


@pytest.fixture(scope="module")
def everything() -> NudeNetDetector:
    return plugin.build(settings(*plugin.categories, sensitivity=1.0))


def only(sightings: Sequence[Sighting]) -> Sighting:
    assert len(sightings) == 1, sightings
    return sightings[0]


def box_of(sighting: Sighting) -> Box:
    assert sighting.box is not None
    return sighting.box


def turned(box: Box) -> Box:
    """`box` in the picture mirrored left to right."""
    return Box(1 - box.x - box.width, box.y, box.width, box.height)


def test_the_face_in_a_portrait_is_found_where_it_is(faces: NudeNetDetector) -> None:
    seen = only(faces.look([frame(portrait())])[0])
    assert (seen.category, seen.label) == ("faces", "FACE_FEMALE")
    assert seen.score > 0.7
    assert box_of(seen).overlap(FACE) > 0.75
    assert seen.reasoning == "a woman's face"


def test_colours_go_in_as_rgb(faces: NudeNetDetector) -> None:
    """Red and blue swapped, as the wheel's own class feeds them, cost a tenth of the score."""
    right, swapped = faces.look([frame(portrait()), frame(portrait()[:, :, ::-1])])
    assert only(right).score > only(swapped).score + 0.08


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_video_is_looked_at_upright(faces: NudeNetDetector, rotation: int) -> None:
    coded = np.rot90(portrait(), -rotation // 90)
    seen = only(faces.look([frame(coded, rotation=rotation)])[0])
    assert seen.score > 0.7
    assert box_of(seen).overlap(FACE) > 0.75


def test_the_mirror_image_gives_the_mirrored_box(faces: NudeNetDetector) -> None:
    seen = only(faces.look([frame(portrait()[:, ::-1])])[0])
    assert box_of(seen).overlap(turned(FACE)) > 0.75


@pytest.mark.parametrize(("width", "height"), [(1280, 400), (360, 900), (641, 361), (321, 305)])
def test_boxes_are_fractions_of_the_picture_whatever_its_shape(
    faces: NudeNetDetector, width: int, height: int
) -> None:
    left, top = width - 256, height - 300
    seen = only(faces.look([frame(with_portrait(left, top, width, height))])[0])
    expected = Box(
        (left + FACE.x * 256) / width,
        (top + FACE.y * 300) / height,
        FACE.width * 256 / width,
        FACE.height * 300 / height,
    )
    assert box_of(seen).overlap(expected) > 0.65


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((180, 320, 3), np.uint8),
        np.full((180, 320, 3), 255, np.uint8),
        meadow(320, 180),
        np.random.default_rng(1).integers(0, 255, (180, 320, 3), dtype=np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((7, 3, 3), np.uint8),
        np.zeros((10, 4000, 3), np.uint8),
        np.zeros((3000, 10, 3), np.uint8),
    ],
    ids=["black", "white", "meadow", "noise", "1x1", "3x7", "4000x10", "10x3000"],
)
def test_nothing_is_found_where_nothing_is(
    everything: NudeNetDetector, picture: np.ndarray[Any, Any]
) -> None:
    assert everything.look([frame(picture)]) == [[]]


def test_one_batch_may_mix_sizes_and_keeps_the_order(faces: NudeNetDetector) -> None:
    pictures = [meadow(320, 180), portrait(), meadow(100, 400), with_portrait(0, 0), portrait()]
    found = faces.look([frame(picture) for picture in pictures])
    assert [len(sightings) for sightings in found] == [0, 1, 0, 1, 1]
    assert found[1] == found[4]


@pytest.mark.parametrize("side", [300, 400, 500, 660])
def test_a_dressed_person_is_not_nude(side: int) -> None:
    detector = plugin.build(settings("nudity", "sexual_themes"))
    pictures = []
    for left in (100, 400, 700):
        picture = meadow(1280, 720, left).copy()
        picture[40 : 40 + side, left : left + side * 5 // 6] = scaled(
            portrait(), side * 5 // 6, side
        )
        pictures.append(frame(picture))
    assert detector.look(pictures) == [[], [], []]


def test_two_people_are_two_faces(faces: NudeNetDetector) -> None:
    picture = with_portrait(0, 30)
    picture[30:330, 380:636] = scaled(portrait(), 256, 300)[:, ::-1]
    boxes = sorted(box_of(seen).x for seen in faces.look([frame(picture)])[0])
    assert len(boxes) == 2
    assert boxes[0] < 0.3 < 0.6 < boxes[1]


def test_a_score_is_raw_whatever_the_sensitivity_and_its_scale_says_what_it_means() -> None:
    small = frame(scaled(with_portrait(0, 0, 1024, 576), 512, 288))
    for sensitivity in (0.0, 0.5, 1.0):
        detector = plugin.build(settings("faces", sensitivity=sensitivity))
        assert 0.4 < only(detector.look([small])[0]).score < 0.46
    assert detector.scales == {"faces": Scale(strict=0.7, default=0.4, lenient=0.2)}
    assert plugin.build(settings("nudity")).scales["nudity"].threshold(0.5) == 0.35


def test_all_that_is_any_evidence_is_reported_and_nothing_else(faces: NudeNetDetector) -> None:
    far = frame(scaled(with_portrait(0, 0, 1100, 620), 512, 288))
    assert 0.2 <= only(faces.look([far])[0]).score < 0.3


def test_what_is_found_for_one_category_does_not_depend_on_the_others(
    everything: NudeNetDetector,
) -> None:
    pictures = [
        frame(portrait()),
        frame(with_portrait(0, 0)),
        frame(with_portrait(0, 0, 1024, 576)),
    ]
    together = everything.look(pictures)
    assert {seen.category for seen in together[0]} >= {"faces", "femalefaces"}
    for category in sorted(plugin.categories):
        alone = plugin.build(settings(category)).look(pictures)
        assert alone == [
            [seen for seen in found if seen.category == category] for found in together
        ]


def test_the_revision_names_the_weights() -> None:
    assert plugin.revision(settings("faces")) == "320n.onnx c15d8273"
    assert plugin.revision(settings("faces", model="own")) == "", "the model manager knows it"


def test_a_larger_input_sees_smaller_faces() -> None:
    """A face a tenth as high as the picture is beyond what the built-in size shows."""
    crowd = meadow(1280, 720).copy()
    crowd[100:300, 500:670] = scaled(portrait(), 170, 200)
    small, large = plugin.build(settings("faces")), plugin.build(settings("faces", size=960))
    assert small.look([frame(crowd)]) == [[]]
    assert only(large.look([frame(crowd)])[0]).score > 0.6


def test_a_custom_concept_finds_the_parts_it_names() -> None:
    detector = plugin.build(settings("femalefaces", "malefaces"))
    assert {seen.category for seen in detector.look([frame(portrait())])[0]} == {"femalefaces"}


def test_every_class_of_the_model_is_in_the_table(everything: NudeNetDetector) -> None:
    """Nothing that the model can see falls through, and the table names no class it lacks."""
    known = everything._model._session.get_modelmeta().custom_metadata_map["names"]
    assert len(CLASSES) == 18
    assert all(repr(name) in known for name in CLASSES)


def built_in_weights() -> bytes:
    spec = importlib.util.find_spec("nudenet")
    assert spec is not None
    assert spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "320n.onnx").read_bytes()


def own_model(tmp_path: Path, content: bytes) -> DetectorSettings:
    path = tmp_path / "own.onnx"
    path.write_bytes(content)
    return settings("faces", models={"own": path}, model="own")


def test_a_model_from_the_model_manager_replaces_the_built_in_one(tmp_path: Path) -> None:
    chosen = own_model(tmp_path, built_in_weights())
    assert plugin.needs(chosen) == [ModelNeed("own")]
    assert plugin.needs(settings("faces")) == []
    assert only(plugin.build(chosen).look([frame(portrait())])[0]).score > 0.7


def test_a_model_is_shown_pictures_of_the_size_it_was_made_for(tmp_path: Path) -> None:
    larger = built_in_weights().replace(b"[320, 320]", b"[640, 640]")
    far = frame(with_portrait(500, 100, 1280, 720))
    assert plugin.build(settings("faces")).look([far]) == [[]]
    assert only(plugin.build(own_model(tmp_path, larger)).look([far])[0]).score > 0.5
    unknown = built_in_weights().replace(b"[320, 320]", b"[unknown ]")
    assert plugin.build(own_model(tmp_path, unknown)).look([frame(portrait())])[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a model", "cannot be loaded"),
        (built_in_weights().replace(b"FACE_", b"HEAD_"), "knows none of the classes FACE_FEMALE"),
        (built_in_weights().replace(b"names", b"nomes"), "does not name its classes"),
    ],
    ids=["damaged", "other classes", "no names"],
)
def test_a_model_that_cannot_be_used_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(DetectorError, match=rf"own\.onnx.*{words}") as error:
        plugin.build(own_model(tmp_path, content))
    assert error.value.detector == "eyes"


def with_answer(row: int, value: float) -> bytes:
    """The real weights, with `value` added to one row of what they answer: 0 is where boxes are,
    from 4 on stand the classes."""
    model = onnx.load_from_string(built_in_weights())
    (answer,) = model.graph.output
    added = np.zeros((1, 22, 1), np.float32)
    added[0, row] = value
    for node in model.graph.node:
        node.output[:] = ["plain" if name == answer.name else name for name in node.output]
    model.graph.initializer.append(numpy_helper.from_array(added, "added"))
    model.graph.node.append(helper.make_node("Add", ["plain", "added"], [answer.name]))
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("row", [0, 4 + 1, 4 + 12])
def test_an_answer_that_is_no_number_is_never_taken_for_nothing_there(
    tmp_path: Path, row: int, value: float
) -> None:
    """As 16-bit arithmetic gives it where it overflows. 1 and 12 are the two faces."""
    detector = plugin.build(own_model(tmp_path, with_answer(row, value)))
    with pytest.raises(DetectorError, match=r"own\.onnx gave scores or boxes that are no numbers"):
        detector.look([frame(portrait())])
    same = plugin.build(own_model(tmp_path, with_answer(row, 0.0)))
    assert only(same.look([frame(portrait())])[0]).score > 0.7


@pytest.mark.parametrize("library", ["nudenet", "onnxruntime"])
def test_a_missing_library_is_named_with_the_command_to_install_it(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    assert f"pip install {library}" in str(plugin.available())


def test_a_model_without_a_file_is_an_error() -> None:
    with pytest.raises(DetectorError, match="'own'"):
        plugin.build(settings("faces", model="own"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sise": 640}, "did you mean 'size'"),
        ({"size": 100}, "multiple of 32"),
        ({"size": 64}, "96"),
        ({"model": ""}, "model"),
        ({"model": 640}, "string"),
    ],
)
def test_options_it_does_not_understand_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plugin.check(settings("faces", **options))


def test_a_category_it_cannot_see_is_refused() -> None:
    with pytest.raises(ConfigError, match="'Violence'"):
        plugin.check(settings("faces", "violence"))


def test_neither_the_wheels_code_nor_opencv_is_imported(faces: NudeNetDetector) -> None:
    faces.look([frame(portrait())])
    assert not {"cv2", "nudenet"} & set(sys.modules)


def test_scores_do_not_depend_on_the_threads() -> None:
    chosen = settings("faces")
    four = DetectorSettings("eyes", chosen.categories, threads=4)
    picture: list[Frame] = [frame(portrait())]
    one_thread, four_threads = plugin.build(chosen).look(picture), plugin.build(four).look(picture)
    assert math.isclose(only(one_thread[0]).score, only(four_threads[0]).score, abs_tol=1e-4)
