"""Plug-ins come in through installed entry points, anyone's like our own."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import frame, portrait

from video_censor_personal.detectors.base import DetectorSettings, FrameDetector
from video_censor_personal.detectors.nudenet import plugin as nudenet
from video_censor_personal.detectors.registry import discover, find
from video_censor_personal.errors import ConfigError
from video_censor_personal.findings import Sighting

Install = Callable[..., None]

OWLS = '''
"""A detector of someone else's: sees an owl in every picture."""
from video_censor_personal.findings import Sighting

class Owls:
    name = "owls"
    categories = frozenset({"owls"})
    def look(self, frames):
        return [[Sighting("owls", "OWL", 0.9)] for _ in frames]

class Plugin:
    type = "owls"
    modality = "video"
    categories = frozenset({"owls"})
    notes = {}
    def check(self, settings): pass
    def needs(self, settings): return []
    def available(self): return None
    def build(self, settings): return Owls()

plugin = Plugin()
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a distribution as pip would leave it: a module and its dist-info folder."""

    def run(module: str, code: str, entries: str) -> None:
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[video_censor_personal.detectors]\n{entries}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    monkeypatch.syspath_prepend(tmp_path)
    return run


def test_our_own_detectors_come_through_the_same_door() -> None:
    found = discover()
    assert found.plugins["nudenet"] is nudenet
    assert found.plugins["speech-profanity"].modality == "audio"
    assert found.failures == ()


def test_an_installed_plugin_is_found_and_works(install: Install) -> None:
    install("owl_watch", OWLS, "owls = owl_watch:plugin")
    plugin = find("owls", discover())
    detector = plugin.build(DetectorSettings("owls", {}))
    assert isinstance(detector, FrameDetector)
    assert detector.look([frame(portrait())]) == [[Sighting("owls", "OWL", 0.9)]]


@pytest.mark.parametrize("written", ["Speech_Profanity", "speech profanity", " SPEECH-PROFANITY "])
def test_a_type_is_found_however_it_is_written(written: str) -> None:
    assert find(written, discover()).type == "speech-profanity"


def test_an_unknown_type_names_the_types_there_are() -> None:
    with pytest.raises(ConfigError, match="did you mean 'nudenet'") as error:
        find("nudnet", discover())
    assert f"available types: {', '.join(sorted(discover().plugins))}" in str(error.value)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import a_library_that_is_not_there", "ModuleNotFoundError: No module named"),
        ("1 / 0", "ZeroDivisionError"),
        ("plugin = None", "it lacks type, modality"),
        ("other = 1", "AttributeError"),
    ],
)
def test_a_broken_plugin_is_reported_and_breaks_nothing_else(
    install: Install, caplog: pytest.LogCaptureFixture, code: str, reason: str
) -> None:
    install("broken_watch", code, "broken = broken_watch:plugin")
    with caplog.at_level(logging.WARNING):
        found = discover()
    assert "'broken' cannot be used" in caplog.text
    assert "nudenet" in found.plugins
    (failure,) = found.failures
    assert failure.name == "broken"
    assert reason in failure.reason
    with pytest.raises(ConfigError, match="'broken' could not be loaded"):
        find("broken", found)


def test_nobody_can_take_the_place_of_a_built_in_detector(install: Install) -> None:
    install("a_rival", OWLS.replace('type = "owls"', 'type = "nudenet"'), "a = a_rival:plugin")
    found = discover()
    assert found.plugins["nudenet"] is nudenet
    assert [failure.name for failure in found.failures] == ["a"]
