"""`--profile`, and `video-censor profile list` and `show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from movies import make_movie
from pictures import scaled, with_portrait

from video_censor_personal.cli import main
from video_censor_personal.config.profiles import own_profiles_dir
from video_censor_personal.model_manager import ModelManager


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings and no models of whoever runs the tests; the current folder is empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the result, and what else was said, with `--json`."""
    code = main([*arguments, "--json"])
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    return code, lines[-1], captured.out


def test_list_tells_what_there_is_and_what_each_wants(capsys) -> None:
    code, result, _ = run(capsys, "profile", "list")
    assert code == 0
    wants = {profile["name"]: profile["models"] for profile in result["profiles"]}
    assert wants["workplace"] == []
    assert wants["family"] == ["clip-b32", "yamnet", "whisper-small-en"]
    assert main(["profile", "list"]) == 0
    page = capsys.readouterr().out
    assert "Wants clip-b32 (about 154 MB)" in page
    assert str(own_profiles_dir()) in page


def test_a_model_that_happens_to_be_here_is_nothing_that_a_profile_wants(
    capsys, monkeypatch
) -> None:
    monkeypatch.setattr(ModelManager, "is_at_hand", lambda self, name: True)
    _, result, _ = run(capsys, "profile", "list")
    wants = {profile["name"]: profile["models"] for profile in result["profiles"]}
    assert (wants["workplace"], len(wants["family"])) == ([], 3)
    _, result, _ = run(capsys, "profile", "show", "workplace")
    assert [model["name"] for model in result["models"]] == ["whisper-small-en"], "which is used"


def test_a_broken_profile_of_ones_own_is_named_and_hides_no_other(capsys) -> None:
    own_profiles_dir().mkdir(parents=True)
    (own_profiles_dir() / "mine.yaml").write_text("description: x\nnudity: {}\n")
    (own_profiles_dir() / "eyes.yaml").write_text("description: x\ndetectors: [{type: nudnet}]\n")
    code, result, said = run(capsys, "profile", "list")
    assert code == 2
    assert len(result["profiles"]) == 3
    assert "mine.yaml, line 2" in said
    assert "eyes.yaml, line 2: unknown detector type" in said


def test_show_tells_who_looks_for_what_and_what_is_missing(capsys) -> None:
    code, result, _ = run(capsys, "profile", "show", "teen")
    assert code == 0
    assert result["detectors"]["zero-shot"] == ["Sexual Theme", "Violence", "gore"]
    assert [model["is_here"] for model in result["models"]] == [False, False]
    assert "sensitivity: 0.25" in result["yaml"]
    assert main(["profile", "show", "teen"]) == 0
    assert "video-censor models download clip-b32 whisper-small-en" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["profile show teem", "movie.mp4 --profile teem"])
def test_an_unknown_name_is_wrong_configuration(command: str, capsys) -> None:
    assert main(command.split()) == 2
    assert "did you mean 'teen'" in capsys.readouterr().err


def test_a_shared_file_is_enough_to_censor_by_and_the_report_names_it(home: Path, capsys) -> None:
    make_movie(
        home / "film.mp4",
        seconds=1,
        size=(512, 288),
        paint=lambda n, w, h: scaled(with_portrait(0, 0, 1024, 576), w, h),
    )
    shared = home / "privacy.yaml"
    shared.write_text("description: nobody is known\ndetections: {faces: {}}\n")
    command = ["film.mp4", "-o", "r.json", "--profile", str(shared)]
    assert run(capsys, *command)[0] == 0
    report = json.loads((home / "r.json").read_text())
    assert report["summary"]["total_segments_detected"] == 1
    assert (report["metadata"]["profile"], report["metadata"]["config"]) == (
        "privacy",
        "built-in defaults",
    )
    assert "profile: privacy" in (home / "r.html").read_text()
    # What the configuration in this folder says wins, and the scores serve again.
    (home / "video-censor.yaml").write_text("detections: {faces: {sensitivity: 0}}\n")
    _, result, _ = run(capsys, *command, "--force")
    assert (result["segments"], result["reused_scores"]) == (0, "r.scores.json.gz")
    (home / "video-censor.yaml").unlink()
    command = ["profile", "apply", "r.scores.json.gz", "--profile", str(shared), "-o", "new.json"]
    code, result, _ = run(capsys, *command)
    assert (code, result["segments"]) == (0, 1)
    assert json.loads((home / "new.json").read_text())["metadata"]["profile"] == "privacy"
    without = ["film.mp4", "--input-segments", "new.json", "-o", "c.mp4"]
    assert run(capsys, *without)[0] == 0


def test_profiles_share_one_analysis_in_any_order(home: Path, capsys) -> None:
    make_movie(home / "film.mp4", seconds=1)
    command = ["film.mp4", "-o", "r.json", "--force", "--profile"]
    first, *others = (run(capsys, *command, name)[1] for name in ("family", "workplace", "family"))
    assert first["reused_scores"] is None
    assert [each["reused_scores"] for each in others] == ["r.scores.json.gz"] * 2
