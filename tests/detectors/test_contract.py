"""What every detector must keep to, run against each one that is built in.

Those that take models get tiny ones (`TINY`), made on the spot.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from chat_server import ChatServer
from pictures import frame, meadow, portrait, with_portrait
from scripted_whisper import ScriptedWord, scripted_whisper
from tiny_clip import make_tiny_clip
from tiny_llava import make_tiny_llava
from tiny_tagger import make_tiny_tagger

from video_censor_personal.catalogue import catalogue
from video_censor_personal.categories import PROFANITY, key
from video_censor_personal.config import CategoryConfig, Config
from video_censor_personal.detectors.base import (
    CategorySettings,
    DetectorPlugin,
    DetectorSettings,
    FrameDetector,
    SoundDetector,
    scales_of,
)
from video_censor_personal.detectors.registry import discover
from video_censor_personal.detectors.roster import assign
from video_censor_personal.detectors.second_look import Question, SecondLook
from video_censor_personal.errors import ConfigError
from video_censor_personal.findings import Detection, Gap, Sighting
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock, Cue, Frame
from video_censor_personal.timeline import Span

TINY: Mapping[str, Callable[[Path], Path]] = {
    "llava": make_tiny_llava,
    "sound-events": make_tiny_tagger,
    "whisper": lambda folder: scripted_whisper(folder, [ScriptedWord("hell", 1.0)]),
    "zero-shot": make_tiny_clip,
}
"""Plug-in type -> what makes a model for it at a path."""

SERVED = "llava-endpoint"
"""The plug-in that asks a server."""

Detector = FrameDetector | SoundDetector | SecondLook
Build = Callable[[DetectorPlugin, DetectorSettings], Detector]

BUILT_IN = list(discover().plugins.values())
LOOKING_AGAIN = [plugin for plugin in BUILT_IN if getattr(plugin, "looks_again", False)]
SEEING = [p for p in BUILT_IN if p.modality == "video" and p not in LOOKING_AGAIN]
HEARING = [plugin for plugin in BUILT_IN if plugin.modality == "audio"]
HEARING_WORDS = [plugin for plugin in HEARING if PROFANITY in plugin.categories]


def every(plugins: Sequence[DetectorPlugin]) -> pytest.MarkDecorator:
    """Run a test with each of `plugins`, but for one that takes torch where there is none."""
    torch = [
        pytest.mark.llava,
        pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    ]
    marks = {p.type: torch if p.type == "llava" else [] for p in plugins}
    for plugin in plugins:
        if plugin.type == "llava" and (lacking := plugin.available()):
            marks["llava"] = [*torch, pytest.mark.skip(reason=lacking)]
    return pytest.mark.parametrize(
        "plugin", [pytest.param(p, id=p.type, marks=marks[p.type]) for p in plugins]
    )


every_plugin = every(BUILT_IN)
every_seeing = every(SEEING)
every_looking_again = every(LOOKING_AGAIN)
every_hearing = every(HEARING)
every_hearing_words = every(HEARING_WORDS)


def settings(plugin: DetectorPlugin, **options: object) -> DetectorSettings:
    custom = "dog" if plugin.type == "sound-events" else "blood"
    names = [custom if name == "*" else name for name in sorted(plugin.categories)]
    chosen = {name: CategorySettings(name, name.title(), 1.0) for name in names}
    if plugin.type == SERVED:
        options = {"url": "http://127.0.0.1:9", **options}
    return DetectorSettings("mine", chosen, options)


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with ChatServer() as made:
        yield made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, server: ChatServer) -> Build:
    """Builds a detector with the models, or the server, that it takes."""
    made: dict[str, Path] = {}

    def build(plugin: DetectorPlugin, wanted: DetectorSettings) -> Detector:
        if plugin.type == SERVED:
            wanted = replace(wanted, options={**wanted.options, "url": server.url})
        if plugin.needs(wanted) and plugin.type not in made:
            assert plugin.type in TINY, "a detector that takes a model needs a tiny one in TINY"
            path = tmp_path_factory.mktemp(plugin.type) / "model"
            made[plugin.type] = TINY[plugin.type](path)
        models = {need.name: made[plugin.type] for need in plugin.needs(wanted)}
        return plugin.build(replace(wanted, model_paths=models))

    return build


@pytest.fixture
def seeing(plugin: DetectorPlugin, built: Build) -> FrameDetector:
    detector = built(plugin, settings(plugin))
    assert isinstance(detector, FrameDetector)
    return detector


@pytest.fixture
def looking_again(plugin: DetectorPlugin, built: Build) -> Iterator[SecondLook]:
    detector = built(plugin, settings(plugin))
    assert isinstance(detector, SecondLook)
    yield detector
    detector.release()


@pytest.fixture
def hearing(plugin: DetectorPlugin, built: Build) -> SoundDetector:
    detector = built(plugin, settings(plugin))
    assert isinstance(detector, SoundDetector)
    return detector


# -- what a plug-in says of itself


@every_plugin
def test_it_runs_here(plugin: DetectorPlugin) -> None:
    assert plugin.available() is None
    plugin.check(settings(plugin))


def test_those_that_look_and_listen_by_default_need_no_download() -> None:
    needless = {plugin.type for plugin in BUILT_IN if plugin.needs(settings(plugin)) == []}
    assert needless >= {"nudenet", "speech-profanity"}


@every_plugin
def test_the_model_that_it_takes_by_default_is_in_the_catalogue(plugin: DetectorPlugin) -> None:
    known = {model.name for model in catalogue()}
    assert {need.name for need in plugin.needs(settings(plugin))} <= known


@every_plugin
def test_its_categories_are_keys_and_its_notes_are_of_them(plugin: DetectorPlugin) -> None:
    assert plugin.categories
    assert all(key(category) == category for category in plugin.categories - {"*"})
    assert set(plugin.notes) <= set(plugin.categories)
    assert all(plugin.notes.values())


@every_plugin
def test_an_option_it_does_not_know_is_refused_by_name(plugin: DetectorPlugin) -> None:
    with pytest.raises(ConfigError, match="'no_such_option'"):
        plugin.check(settings(plugin, no_such_option=1))


@every_plugin
def test_it_carries_the_name_and_categories_it_was_given(
    plugin: DetectorPlugin, built: Build
) -> None:
    one = sorted(plugin.categories - {"*"})[0]
    detector = built(plugin, DetectorSettings("mine", {one: CategorySettings(one, one)}))
    assert detector.name == "mine"
    assert detector.categories == frozenset({one})


@every_plugin
def test_its_scales_fall_from_strict_to_lenient(plugin: DetectorPlugin, built: Build) -> None:
    scales = scales_of(built(plugin, settings(plugin)))
    for scale in scales.values():
        assert 1 >= scale.strict >= scale.default >= scale.lenient >= 0


def test_asking_about_detectors_loads_no_codec_and_no_model_runtime() -> None:
    code = (
        "import sys\n"
        "from video_censor_personal.detectors.registry import discover\n"
        "for plugin in discover().plugins.values():\n"
        "    plugin.type, plugin.modality, plugin.categories, plugin.notes, plugin.available()\n"
        "heavy = {'av', 'onnxruntime', 'pocketsphinx', 'cv2', 'nudenet', 'pysubs2', 'tokenizers',\n"
        "         'faster_whisper', 'ctranslate2', 'torch', 'transformers', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- detectors that look


def pictures() -> list[Frame]:
    turned = np.rot90(portrait(), -1)
    return [
        frame(portrait()),
        frame(meadow(640, 360), 1),
        frame(with_portrait(300, 40), 2),
        frame(turned, 3, rotation=90),
        frame(np.zeros((9, 5, 3), np.uint8), 4),
        frame(with_portrait(0, 0), 5),
        frame(np.full((120, 160, 3), (200, 20, 20), np.uint8), 6),
    ]


def alike(one: Sequence[Sighting], other: Sequence[Sighting]) -> bool:
    return [(s.category, s.label, s.reasoning) for s in one] == [
        (s.category, s.label, s.reasoning) for s in other
    ] and all(
        abs(a.score - b.score) < 1e-3
        and (a.box is None) == (b.box is None)
        and (a.box is None or b.box is None or a.box.overlap(b.box) > 0.99)
        for a, b in zip(one, other, strict=True)
    )


@every_seeing
def test_a_frame_is_judged_alike_alone_and_among_others(seeing: FrameDetector) -> None:
    together = seeing.look(pictures())
    alone = [seeing.look([picture])[0] for picture in pictures()]
    backwards = seeing.look(pictures()[::-1])[::-1]
    assert any(together), "the pictures must hold something to see"
    for one, other, third in zip(together, alone, backwards, strict=True):
        assert alike(one, other)
        assert alike(one, third)


@every_seeing
def test_no_frames_give_no_answers(seeing: FrameDetector) -> None:
    assert seeing.look([]) == []


@every_seeing
def test_sightings_are_well_formed(seeing: FrameDetector) -> None:
    sightings = [sighting for answers in seeing.look(pictures()) for sighting in answers]
    for sighting in sightings:
        assert sighting.category in seeing.categories
        assert sighting.label
        assert sighting.reasoning
        assert 0 < sighting.score <= 1
        if sighting.box is not None:
            box = sighting.box
            assert box.width > 0
            assert box.height > 0
            assert 0 <= box.x < box.x + box.width <= 1.000001
            assert 0 <= box.y < box.y + box.height <= 1.000001


# -- detectors that look again


@every_looking_again
def test_a_question_is_answered_alike_alone_and_among_others(looking_again: SecondLook) -> None:
    every, one = looking_again.categories, frozenset({"violence"})
    questions = [
        Question(picture, every if number % 2 else one) for number, picture in enumerate(pictures())
    ]
    together = looking_again.answer(questions)
    alone = [looking_again.answer([question])[0] for question in questions]
    backwards = looking_again.answer(questions[::-1])[::-1]
    assert any(max(answer.scores.values()) > 0.5 for answer in together), "one is all red"
    for question, *answers in zip(questions, together, alone, backwards, strict=True):
        for answer in answers:
            assert not answer.failure
            assert set(answer.scores) == question.categories
            assert all(0 <= score <= 1 for score in answer.scores.values())
            assert answer.scores == pytest.approx(answers[0].scores, abs=1e-3)


@every_looking_again
def test_no_questions_give_no_answers(looking_again: SecondLook) -> None:
    assert looking_again.answer([]) == []
    assert looking_again.batch >= 1
    assert set(looking_again.labels) == looking_again.categories


@every_looking_again
def test_it_is_not_used_unless_it_is_named(plugin: DetectorPlugin) -> None:
    config = Config(detections={"violence": CategoryConfig()})
    assert plugin.type not in {a.plugin.type for a in assign(config, discover())}


# -- detectors that listen


def silence(start: int) -> AudioBlock:
    return AudioBlock(Fraction(start), np.zeros(SAMPLE_RATE_HZ, np.int16))


def play(detector: SoundDetector, cues: Sequence[Cue], seconds: int) -> list[Detection | Gap]:
    detector.begin(cues)
    said = [finding for start in range(seconds) for finding in detector.hear(silence(start))]
    return [*said, *detector.finish()]


@every_hearing
def test_silence_is_clean(hearing: SoundDetector) -> None:
    assert [f for f in play(hearing, [], 3) if isinstance(f, Detection)] == []


@every_hearing
def test_it_copes_with_no_sound_at_all(hearing: SoundDetector) -> None:
    assert [f for f in play(hearing, [], 0) if isinstance(f, Detection)] == []


@every_hearing_words
def test_findings_are_well_formed(hearing: SoundDetector) -> None:
    cue = Cue(Span.of(0.5, 2.5), "what the hell are you doing, damn it", "eng", "track 2 (eng)")
    found = [finding for finding in play(hearing, [cue], 3) if isinstance(finding, Detection)]
    assert found, "the subtitle must hold something to find"
    for detection in found:
        assert detection.category in hearing.categories
        assert detection.detector == "mine"
        assert detection.modality == "audio"
        assert 0 < detection.confidence <= 1
        assert detection.label
        assert detection.reasoning
        assert detection.span.duration > 0
        assert cue.span.start <= detection.span.start < detection.span.end <= cue.span.end
