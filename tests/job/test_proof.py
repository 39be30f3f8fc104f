"""`--prove`: the finished copy is looked at again."""

import json
from pathlib import Path

import pytest
from movies import Sound, make_movie

from video_censor_personal.cli import main
from video_censor_personal.sample.movie import make_sample

CONFIG = "detections: {faces: {}}\nremediation: {video: {mode: blur}}\n"


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The sample, a configuration that looks for faces, and the report."""
    folder = tmp_path_factory.mktemp("proof")
    video, config, report = folder / "a.mp4", folder / "my.yaml", folder / "a.json"
    make_sample(video, height=360)
    config.write_text(CONFIG)
    assert main([str(video), "-o", str(report), "--config", str(config), "-q"]) == 0
    return video, config, report


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, object]]:
    code = main([*map(str, arguments), "--json", "--prove", "--force"])
    lines = capsys.readouterr().out.splitlines()
    return code, json.loads(lines[-1])


def test_a_copy_with_nothing_left_ends_well(
    analysed: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, config, report = analysed
    assert json.loads(report.read_text())["segments"]
    options = ("--input-segments", report, "-o", tmp_path / "b.mp4", "--config", config)
    code, result = run(capsys, video, *options)
    assert code == 0, result
    assert result["left"] == []


def test_what_is_left_is_listed_and_ends_with_1(
    analysed: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, config, report = analysed
    content = json.loads(report.read_text())
    allowed, missed = content["segments"][0], content["segments"][-1]
    assert len(content["segments"]) > 1
    allowed["allow"] = True
    content["segments"].remove(missed)
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(content))
    options = ("--input-segments", edited, "-o", tmp_path / "b.mp4", "--config", config)
    code, result = run(capsys, video, *options)
    assert code == 1, result
    (left,) = result["left"]  # type: ignore[misc]
    assert str(left).startswith(missed["start_time"][:8])
    assert (tmp_path / "b.mp4").exists()


def test_a_proof_needs_a_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=1, sounds=[Sound()])
    assert main([str(movie.path), "-o", str(tmp_path / "a.json"), "--prove"]) == 2
    assert "--prove looks at the copy" in capsys.readouterr().err
