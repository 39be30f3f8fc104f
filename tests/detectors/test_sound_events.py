"""Sounds by their kind, heard by a model that is shaped like YAMNet."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tiny_tagger import make_tiny_tagger

from video_censor_personal.categories import VIOLENCE
from video_censor_personal.detectors.base import CategorySettings, DetectorSettings
from video_censor_personal.detectors.sound_events import SoundEventDetector, plugin
from video_censor_personal.detectors.sounds.sound_tagger import SoundTagger
from video_censor_personal.errors import ConfigError, DetectorError
from video_censor_personal.findings import Detection
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock
from video_censor_personal.timeline import Span, union

RATE = SAMPLE_RATE_HZ


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_tagger(tmp_path_factory.mktemp("tagger") / "yamnet.onnx")


def settings(model: Path, *categories: str, **options: object) -> DetectorSettings:
    chosen = {name: CategorySettings(name, name.title()) for name in categories}
    return DetectorSettings("ears", chosen, options, {"yamnet": model})


def sound(seconds: float, *tones: tuple[float, float, float], level: float = 0.1) -> np.ndarray:
    """Silence with tones: (Hz, from, until)."""
    times = np.arange(round(seconds * RATE)) / RATE
    wave = np.zeros(len(times))
    for hz, start, end in tones:
        wave += level * np.sin(2 * np.pi * hz * times) * ((times >= start) & (times < end))
    return np.round(wave * 32767).astype(np.int16)


def blocks(
    samples: np.ndarray, size: int = RATE, start: Fraction = Fraction(0)
) -> list[AudioBlock]:
    return [
        AudioBlock(start + Fraction(first, RATE), samples[first : first + size])
        for first in range(0, len(samples), size)
    ]


def heard(detector: SoundEventDetector, played: Sequence[AudioBlock]) -> list[Detection]:
    detector.begin([])
    found = [d for block in played for d in detector.hear(block)]
    return [*found, *detector.finish()]


def spans(found: Sequence[Detection], category: str) -> list[tuple[float, float]]:
    joined = union(d.span for d in found if d.category == category)
    return [(float(span.start), float(span.end)) for span in joined]


def test_a_sound_is_found_where_it_is_with_its_name_and_its_score(model: Path) -> None:
    detector = plugin.build(settings(model, VIOLENCE, "screams"))
    found = heard(detector, blocks(sound(30, (1000, 5, 8), (300, 20, 21.5))))
    assert {d.label for d in found if d.category == "screams"} == {"screaming"}
    assert {d.label for d in found if d.category == VIOLENCE} == {"screaming", "explosion"}
    assert max(d.score or 0 for d in found) == pytest.approx(0.9, abs=0.02)
    ((start, end),) = spans(found, "screams")
    assert 4.0 <= start <= 5.0
    assert 8.0 <= end <= 9.0
    assert len(spans(found, VIOLENCE)) == 2
    assert all("sounds like" in d.reasoning and d.modality == "audio" for d in found)


@pytest.mark.parametrize("size", [160, 7_919, RATE, 40 * RATE])
def test_the_size_of_the_blocks_changes_nothing(model: Path, size: int) -> None:
    samples = sound(25.3, (1000, 9, 11), (1000, 24.9, 25.3))
    whole = heard(plugin.build(settings(model, "screams")), blocks(samples))
    other = heard(plugin.build(settings(model, "screams")), blocks(samples, size))
    assert [(d.span, d.label) for d in whole] == [(d.span, d.label) for d in other]
    assert [d.score for d in whole] == pytest.approx([d.score for d in other], abs=1e-5)


def test_the_end_is_heard_and_nothing_lasts_beyond_it(model: Path) -> None:
    found = heard(plugin.build(settings(model, "screams")), blocks(sound(3.7, (1000, 3.2, 3.7))))
    assert found
    assert max(d.span.end for d in found) == Fraction(37, 10)


def test_a_hole_in_the_sound_is_not_bridged(model: Path) -> None:
    before, after = sound(2, (1000, 1.2, 2)), sound(2, (1000, 0, 0.8))
    played = [*blocks(before), *blocks(after, start=Fraction(12))]
    found = heard(plugin.build(settings(model, "screams")), played)
    (early, late) = spans(found, "screams")
    assert early[0] <= 1.2
    assert early[1] == 2
    assert late[0] == 12
    assert 12.8 <= late[1] <= 13.5


def test_weak_evidence_is_reported_and_less_than_that_is_not(model: Path) -> None:
    detector = plugin.build(settings(model, "screams"))
    lenient = detector.scales["screams"].lenient
    faint = heard(detector, blocks(sound(3, (1000, 0, 3), level=0.04)))
    assert faint
    assert all(lenient <= (d.score or 0) < detector.scales["screams"].default for d in faint)
    assert heard(detector, blocks(sound(3, (1000, 0, 3), level=0.01))) == []


@pytest.mark.parametrize(
    "shape", [{"batched": True}, {"fixed": True}, {"fixed": True, "batched": True}], ids=str
)
def test_every_shape_of_conversion_says_the_same(
    model: Path, tmp_path: Path, shape: dict[str, bool]
) -> None:
    samples = sound(11.5, (1000, 2, 4), (300, 7, 9))
    usual = heard(plugin.build(settings(model, VIOLENCE)), blocks(samples))
    other = make_tiny_tagger(tmp_path / "a.onnx", **shape)
    found = heard(plugin.build(settings(other, VIOLENCE)), blocks(samples))
    assert [d.span for d in usual] == [d.span for d in found]
    assert [d.score for d in usual] == pytest.approx([d.score for d in found], abs=1e-4)


def test_a_class_of_its_own_name_is_a_category(model: Path) -> None:
    assert plugin.sees("dog", settings(model))
    assert not plugin.sees("smallfolk", settings(model))
    found = heard(plugin.build(settings(model, "dog")), blocks(sound(4, (2500, 1, 2))))
    assert {d.label for d in found} == {"dog"}


def test_a_file_of_ones_own_names_other_sounds(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(
        "categories:\n  Pets: {classes: [Dog, Cat], scale: {strict: 1, default: 0.9, lenient: 0.8}}"
        "\n  screams: {classes: [Explosion]}\n"
    )
    detector = plugin.build(settings(model, "pets", "screams", sounds=str(file)))
    assert detector.scales["pets"].lenient == 0.8
    found = heard(detector, blocks(sound(9, (1000, 1, 2), (300, 4, 5), (2500, 7, 8.5))))
    assert {(d.category, d.label) for d in found} == {("pets", "dog"), ("screams", "explosion")}
    assert plugin.revision(settings(model, sounds=str(file))) != plugin.revision(settings(model))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("categories: {a: {classes: [Screming]}}", "did you mean 'Screaming'"),
        ("categories: {a: {classes: []}}", "classes"),
        ("categories: {screams: {classes: [Yell]}, Screams: {classes: [Yell]}}", "twice"),
        ("scale: {strict: 0.1, default: 0.5, lenient: 0.2}", "strict >= default"),
        ("sounds: {}", 'unknown key "sounds"'),
        ("- a", "mapping"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(
    model: Path, tmp_path: Path, text: str, what: str
) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=what) as refused:
        plugin.check(settings(model, VIOLENCE, sounds=str(file)))
    assert refused.value.file == file


def test_a_sound_that_nobody_knows_is_refused(model: Path) -> None:
    with pytest.raises(ConfigError, match="knows no sound of 'Smallfolk'"):
        plugin.check(settings(model, "smallfolk"))
    with pytest.raises(ConfigError, match="no file 'nowhere"):
        plugin.check(settings(model, VIOLENCE, sounds="nowhere.yaml"))


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda folder: make_tiny_tagger(folder / "a.onnx", classes=520), "521 classes"),
        (lambda folder: folder, "one ONNX file, and holds none"),
        (lambda folder: folder / "gone.onnx", "is not there"),
    ],
)
def test_what_is_no_such_model_is_refused(
    tmp_path: Path, make: Callable[[Path], Path], what: str
) -> None:
    with pytest.raises(DetectorError, match=what):
        SoundTagger(make(tmp_path), detector="ears")


def test_a_model_that_looks_at_pictures_is_no_model_for_sounds() -> None:
    spec = importlib.util.find_spec("nudenet")  # found, not imported: that would load OpenCV
    assert spec is not None
    assert spec.origin is not None
    with pytest.raises(DetectorError, match="no YAMNet: it does not take a waveform"):
        SoundTagger(Path(spec.origin).parent / "320n.onnx")


def test_a_folder_with_one_model_is_that_model(tmp_path: Path) -> None:
    make_tiny_tagger(tmp_path / "onnx" / "yamnet.onnx")
    detector = plugin.build(settings(tmp_path, "screams"))
    assert heard(detector, [AudioBlock(Fraction(0), sound(2, (1000, 0, 2)))])


def test_windows_that_count_and_touch_are_one_detection(model: Path) -> None:
    from video_censor_personal.analysis.windows import joined

    found = heard(
        plugin.build(settings(model, "screams")), blocks(sound(20, (1000, 2, 6), (1000, 12, 13)))
    )
    one = joined(found)
    assert len(one) == 2
    assert one[0].span == Span(found[0].span.start, one[0].span.end)
    assert one[0].score == max(d.score or 0 for d in found if d.span.start < 8)
