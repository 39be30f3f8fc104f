"""What a frame shows, judged by tiny models of both families through the real code."""

from __future__ import annotations

import importlib.util
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import frame, meadow
from tiny_clip import CLIP_FILES, make_tiny_clip, make_tiny_siglip, quantise

from video_censor_personal.detectors.base import CategorySettings, DetectorSettings, ModelNeed
from video_censor_personal.detectors.pictures.concept_book import built_in_book
from video_censor_personal.detectors.pictures.dual_encoder import DualEncoder
from video_censor_personal.detectors.zero_shot import ZeroShotDetector, plugin
from video_censor_personal.errors import ConfigError, DetectorError
from video_censor_personal.media.base import Frame

MODELS: dict[str, Callable[[Path], Path]] = {
    "clip": make_tiny_clip,
    "siglip": make_tiny_siglip,
    "clip in 8 bit": lambda folder: quantise(make_tiny_clip(folder)),
}

RED, GREEN, BLUE, GREY = (220, 60, 60), (60, 220, 60), (60, 60, 220), (128, 128, 128)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("model") / "clip")


@pytest.fixture
def copy(clip: Path, tmp_path: Path) -> Path:
    """A model whose files a test may change."""
    return shutil.copytree(clip, tmp_path / "copy")


def settings(folder: Path | None, *names: str, **options: Any) -> DetectorSettings:
    """`name` or `name: description`."""
    chosen = {}
    for name in names:
        key, _, description = name.partition(": ")
        chosen[key] = CategorySettings(key, key.title(), 0.5, description)
    return DetectorSettings("eyes", chosen, options, {"clip-b32": folder} if folder else {})


def looking_for(model: Path, *names: str, **options: Any) -> ZeroShotDetector:
    return plugin.build(settings(model, *names, **options))


def plain(colour: tuple[int, int, int], width: int = 320, height: int = 180) -> Frame:
    return frame(np.full((height, width, 3), colour, np.uint8))


def seen(detector: ZeroShotDetector, *frames: Frame) -> list[list[str]]:
    return [[sighting.category for sighting in some] for some in detector.look(frames)]


# -- what is found


@pytest.mark.parametrize("kind", MODELS)
def test_each_scene_is_found_as_what_it_shows(tmp_path: Path, kind: str) -> None:
    detector = looking_for(MODELS[kind](tmp_path / "model"), "gore", "violence", "sexual_themes")
    found = seen(detector, plain(GREY), plain(RED), plain(GREEN), plain(BLUE), plain((0, 0, 0)))
    assert found == [[], ["gore"], ["violence"], ["sexual_themes"], []]


def test_a_sighting_is_of_the_whole_frame_and_says_what_was_compared(clip: Path) -> None:
    ((sighting,),) = looking_for(clip, "gore").look([plain(RED)])
    assert sighting.box is None
    assert sighting.label == "Gore"
    assert sighting.score > 0.99
    assert "a person covered in blood" in sighting.reasoning
    assert "people talking" in sighting.reasoning


@pytest.mark.parametrize("name", ["ocean", "water: the wide ocean.", "Blue things: OCEAN"])
def test_a_concept_of_ones_own_needs_a_name_or_a_sentence(clip: Path, name: str) -> None:
    detector = looking_for(clip, name)
    assert seen(detector, plain(BLUE), plain(RED), plain(GREY)) == [[name.split(":")[0]], [], []]


def test_a_sentence_takes_the_place_of_the_built_in_phrases(clip: Path) -> None:
    detector = looking_for(clip, "gore: leprechauns at work")
    assert seen(detector, plain(RED), plain(GREEN)) == [[], ["gore"]]


def test_every_picture_shows_by_how_much_one_phrase_fits_better(clip: Path) -> None:
    """The documented formula, by hand, on a colour between two phrases."""
    model = DualEncoder(clip)
    mixed = plain((150, 110, 110), 224, 224)
    (vector,) = model.see(model.pictures.views(mixed))
    own, other = (
        np.mean([model.read(t.format(phrase)) for t in built_in_book().templates], axis=0)
        for phrase in ("blood", "people talking")
    )
    cosines = [vector @ v / np.linalg.norm(v) for v in (own, other)]
    ((sighting,),) = looking_for(clip, "blood", concepts=_zero(clip)).look([mixed])
    assert 0 < sighting.score < 0.9
    assert sighting.score == pytest.approx(1 / (1 + np.exp(-100 * (cosines[0] - cosines[1]))))


def _zero(folder: Path) -> str:
    """Concepts of which every score is reported."""
    path = folder.parent / "zero.yaml"
    path.write_text("scales: {clip: {strict: 0.9, default: 0.5, lenient: 0}}")
    return str(path)


# -- all of a frame


def with_red_edges(width: int, height: int) -> Frame:
    """A wide picture that is red wherever the middle square does not reach."""
    picture = np.full((height, width, 3), RED, np.uint8)
    picture[:, (width - height) // 2 : (width + height) // 2] = GREY
    return frame(picture)


@pytest.mark.parametrize("size", [(320, 180), (384, 160)])
@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_the_sides_of_a_wide_picture_are_seen(
    tmp_path: Path, kind: str, size: tuple[int, int]
) -> None:
    detector = looking_for(MODELS[kind](tmp_path / "model"), "gore")
    assert seen(detector, plain(GREY, *size), with_red_edges(*size)) == [[], ["gore"]]


def test_tiles_find_what_is_small(clip: Path) -> None:
    picture = np.full((180, 320, 3), GREY, np.uint8)
    picture[:80, :80] = RED
    small = frame(picture)
    assert seen(looking_for(clip, "gore"), small) == [[]]
    assert seen(looking_for(clip, "gore", tiles=2), small) == [["gore"]]


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("tiles", [1, 2])
def test_a_frame_is_judged_alike_alone_and_in_any_batch(
    tmp_path: Path, kind: str, tiles: int
) -> None:
    model = MODELS[kind](tmp_path / "model")
    detector = looking_for(model, "blood", "ocean", tiles=tiles, concepts=_zero(tmp_path))
    shades = [(n * 12, 60, 250 - n * 12) for n in range(20)]  # from the ocean to blood
    frames = [plain(shade, 160, 90 + n) for n, shade in enumerate(shades)]
    frames.append(frame(meadow(160, 90)))
    together = detector.look(frames)
    alone = [detector.look([one])[0] for one in frames]
    assert [[s.score for s in some] for some in together] == [
        pytest.approx([s.score for s in some], abs=1e-5) for some in alone
    ]


def test_phrases_are_read_once(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    once = DualEncoder.read
    monkeypatch.setattr(
        DualEncoder, "read", lambda self, text: (read.append(text), once(self, text))[1]
    )
    detector = looking_for(clip, "gore", "violence", "ocean")
    assert "a photo of people fighting" in read
    assert sum("people talking" in sentence for sentence in read) == len(built_in_book().templates)
    before = len(read)
    detector.look([plain(RED)])
    assert len(read) == before


# -- files


def test_it_takes_a_model_of_the_catalogue_unless_told_otherwise() -> None:
    assert plugin.needs(settings(None, "gore")) == [ModelNeed("clip-b32")]
    assert plugin.needs(settings(None, "gore", model="mine")) == [ModelNeed("mine")]


@pytest.mark.parametrize("name", CLIP_FILES)
def test_a_file_that_is_missing_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(DetectorError, match="lacks") as caught:
        looking_for(copy, "gore")
    assert name in str(caught.value)
    assert "models.sources" in str(caught.value)
    assert caught.value.detector == "eyes"


@pytest.mark.parametrize("name", CLIP_FILES)
@pytest.mark.parametrize("content", [b"", b"not what it should be", b"[]", b"{}"])
def test_a_file_that_is_damaged_is_named(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    with pytest.raises(DetectorError, match=name.rpartition("/")[2]):
        looking_for(copy, "gore")


def test_a_tokenizer_of_another_kind_of_model_is_refused(copy: Path) -> None:
    text = (copy / "tokenizer.json").read_text().replace("<|endoftext|>", "[SEP]")
    (copy / "tokenizer.json").write_text(text)
    with pytest.raises(DetectorError, match="neither a CLIP nor a SigLIP"):
        looking_for(copy, "gore")


def test_a_tokenizer_with_more_words_than_the_model_is_refused(copy: Path) -> None:
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["picture"] = 4000
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(DetectorError, match=r"text_model\.onnx failed.*download"):
        looking_for(copy, "gore")


def test_a_half_of_another_model_is_refused(copy: Path) -> None:
    shutil.copy(copy / "onnx/text_model.onnx", copy / "onnx/vision_model.onnx")
    with pytest.raises(DetectorError, match="takes input_ids and gives text_embeds"):
        looking_for(copy, "gore")


def test_a_single_file_is_no_model(copy: Path) -> None:
    with pytest.raises(DetectorError, match="a repository, not one file"):
        looking_for(copy / "onnx/vision_model.onnx", "gore")
    with pytest.raises(DetectorError, match="download the models"):
        plugin.build(settings(None, "gore"))


def test_the_device_reaches_the_model(clip: Path) -> None:
    wanted = settings(clip, "gore")
    with pytest.raises(DetectorError, match="is not there"):
        plugin.build(
            DetectorSettings("eyes", wanted.categories, {}, wanted.model_paths, device="directml")
        )


@pytest.mark.parametrize("library", ["onnxruntime", "tokenizers"])
def test_a_missing_library_is_named_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == library else there(name)
    )
    said = str(plugin.available())
    assert library in said
    assert "video-censor-personal[clip]" in said


# -- what a person may set


def test_a_file_of_concepts_replaces_and_adds(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(
        "concepts:\n  gore: {prompts: [the ocean]}\n  Small folk: {prompts: [leprechauns]}\n"
    )
    wanted = settings(clip, "gore", "smallfolk", concepts="my.yaml")
    detector = plugin.build(
        DetectorSettings(
            "eyes", wanted.categories, wanted.options, wanted.model_paths, base_dir=tmp_path
        )
    )
    assert seen(detector, plain(RED), plain(GREEN), plain(BLUE)) == [[], ["smallfolk"], ["gore"]]


def test_scales_can_be_set_for_each_family(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(
        "concepts:\n  gore:\n    scales:\n      clip: {strict: 1, default: 0.8, lenient: 0.3}\n"
    )
    detector = looking_for(clip, "gore", "ocean", concepts=str(tmp_path / "my.yaml"))
    assert detector.scales["gore"].lenient == 0.3
    assert detector.scales["ocean"].lenient == 0.5
    assert seen(detector, plain(RED)) == [["gore"]], "the phrases stay as they were"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"concept": "my.yaml"}, "did you mean 'concepts'"),
        ({"concepts": "no.yaml"}, "no file .*no.yaml"),
        ({"tiles": 9}, "'tiles' is 9"),
        ({"model": ""}, "'model' is ''"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plugin.check(settings(None, "gore", **options))


def test_the_revision_changes_with_the_phrases_and_the_scales_only(tmp_path: Path) -> None:
    texts = (
        "concepts: {gore: {prompts: [red]}}",
        "scales: {clip: {strict: 1, default: 1, lenient: 0}}",
    )
    said = {plugin.revision(settings(None, "gore")), plugin.revision(settings(None, "violence"))}
    assert len(said) == 1, "what was looked for is kept with the scores"
    for text in texts:
        (tmp_path / "my.yaml").write_text(text)
        said.add(plugin.revision(settings(None, "gore", concepts=str(tmp_path / "my.yaml"))))
    assert len(said) == 3


def test_a_sentence_that_is_too_long_is_said(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        looking_for(clip, "long: " + "very " * 90 + "long")
    assert "only its first 77 tokens count" in caplog.text
