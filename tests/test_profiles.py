"""Profiles: found by name, checked like a configuration, laid under it key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from video_censor_personal.config import (
    Config,
    ConfigError,
    Profile,
    find_profile,
    list_profiles,
    load_config,
)
from video_censor_personal.config.profiles import own_profiles_dir
from video_censor_personal.detectors.registry import discover
from video_censor_personal.detectors.roster import assign

BUILT_IN = ("family", "teen", "workplace")


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of one's own profiles, which is there and empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    own_profiles_dir().mkdir(parents=True)
    return own_profiles_dir()


def laid(tmp_path: Path, profile: str, config: str | None = None) -> Config:
    """The configuration with a profile below it."""
    path = tmp_path / "p.yaml"
    path.write_text(f"description: of a test\n{profile}")
    over = None
    if config is not None:
        over = tmp_path / "my.yaml"
        over.write_text(config)
    return load_config(over, profile=find_profile(str(path)))


@pytest.mark.parametrize("name", BUILT_IN)
def test_those_that_come_along_can_be_carried_out(name: str) -> None:
    profile = find_profile(name.upper())
    assert profile.is_built_in
    assert len(profile.description) > 40
    config = load_config(None, profile=profile)
    assert (config.path, config.profile) == (None, name)
    seen = {key for a in assign(config, discover(), anywhere=True) for key in a.settings.categories}
    assert seen == set(config.enabled_categories())


def test_a_configuration_wins_over_the_profile_and_that_over_the_defaults(tmp_path: Path) -> None:
    profile = (
        "detections: {nudity: {sensitivity: 0.9}, sexual themes: {sensitivity: 0.8}}\n"
        "processing: {padding_s: 1, frame_sampling: {sample_rate: 2}}\n"
        "remediation: {audio: {tracks: [eng]}, video: {category_modes: {Sexual-Themes: cut}}}\n"
    )
    own = (
        "detections: {Nudity: {sensitivity: 0.2}, faces: {}}\n"
        "processing: {padding_s: 0}\n"
        "remediation: {audio: {tracks: [0]}, video: {category_modes: {sexual_themes: blank}}}\n"
        "models: {cache_dir: cache}\n"
    )
    config = laid(tmp_path, profile, own)
    assert {k: c.sensitivity for k, c in config.detections.items()} == {
        "nudity": 0.2,
        "sexual_themes": 0.8,
        "faces": 0.5,
    }
    assert (config.processing.padding_s, config.processing.frame_sampling.sample_rate) == (0, 2)
    assert config.processing.segment_merge.merge_threshold == 2.0
    assert config.remediation.audio.tracks == [0], "lists are not mixed"
    assert config.remediation.video.category_modes == {"sexual_themes": "blank"}
    assert config.models.cache_dir == str(tmp_path / "cache")
    assert (config.path, config.profile) == (tmp_path / "my.yaml", "p")


def test_what_the_file_leaves_empty_is_left_to_the_profile(tmp_path: Path) -> None:
    assert laid(tmp_path, "processing: {padding_s: 3}", "processing:\n").processing.padding_s == 3


def test_a_profile_without_categories_leaves_the_usual_ones(tmp_path: Path) -> None:
    config = laid(tmp_path, "remediation: {audio: {mode: bleep}}")
    assert config.enabled_categories() == ["nudity", "sexual_themes", "profanity"]


def test_detectors_of_a_type_that_the_file_names_are_the_files(tmp_path: Path) -> None:
    profile = "detectors: [{type: nudenet, size: 640}, {type: zero-shot, optional: true}]"
    own = "detectors: [{type: Zero_Shot, enabled: false}, {type: whisper}]"
    config = laid(tmp_path, profile, own)
    assert [(d.type, d.enabled) for d in config.detectors] == [
        ("nudenet", True),
        ("Zero_Shot", False),
        ("whisper", True),
    ]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("description: x\ndetections:\n  nudity: {sensitivty: 1}\n", 3, 'mean "sensitivity"'),
        ("description: x\ndetectons: {}\n", 2, 'did you mean "detections"'),
        ("detections: {nudity: {}}\n", 1, "needs a `description`"),
        ("description: [x]\n", 1, "needs a `description`"),
        ("description: x\nprocessing:\n  device: cuda\n", 3, "`device` belongs into a config"),
        ("description: x\nmodels: {cache_dir: /tmp/x}\n", 2, "detectors name those of the catal"),
        ("description: x\nremediation:\n  audio: {bleep_file: a.wav}\n", 3, "a file of this mach"),
        (
            "description: x\ndetectors:\n  - type: llava-endpoint\n    url: http://evil/v1\n",
            4,
            "a server that pictures would be sent to",
        ),
        ("description: x\ndetectors:\n  - {type: zero-shot, concepts: my.yaml}\n", 3, "a file of"),
        ("- x\n", 1, "mapping of sections"),
    ],
)
def test_a_mistake_is_told_with_the_profiles_own_line(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        find_profile(str(path))
    assert (caught.value.file, caught.value.line) == (path, line)


def test_mistakes_of_what_lies_together_name_the_right_file(tmp_path: Path) -> None:
    config = laid(tmp_path, "detectors:\n  - type: nudenet\n    sise: 3\n", "detections: {faces: }")
    with pytest.raises(ConfigError, match="did you mean 'size'") as caught:
        assign(config, discover())
    assert (caught.value.file, caught.value.line) == (tmp_path / "p.yaml", 4)
    with pytest.raises(ConfigError, match="mode must be one of") as caught:
        laid(tmp_path, "detections: {faces: {}}", "remediation:\n  audio: {mode: lout}\n")
    assert (caught.value.file, caught.value.line) == (tmp_path / "my.yaml", 2)


def test_an_unknown_name_is_told_with_the_nearest_and_the_place_of_ones_own(own: Path) -> None:
    with pytest.raises(ConfigError, match=r"no profile 'famliy'; did you mean 'family'") as caught:
        find_profile("famliy")
    assert str(own) in str(caught.value)
    with pytest.raises(ConfigError, match="no such configuration file"):
        find_profile("none.yaml")


def test_ones_own_are_found_by_name_and_win(own: Path, tmp_path: Path) -> None:
    (own / "Grandma.yml").write_text("description: for grandma\ndetections: {profanity: {}}\n")
    (own / "family.yaml").write_text("description: my own family\ndetections: {faces: {}}\n")
    (own / "broken.yaml").write_text("description: [")
    assert find_profile("grandma").description == "for grandma"
    assert find_profile("family").path == own / "family.yaml"
    found = list(list_profiles())
    names = [each.name for each in found if isinstance(each, Profile)]
    assert names == ["family", "Grandma", "teen", "workplace"]
    (broken,) = (each for each in found if isinstance(each, ConfigError))
    assert str(own / "broken.yaml") in str(broken)
