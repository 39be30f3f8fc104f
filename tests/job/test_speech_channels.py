"""`--speech-channels` reaches the plan, and wins over the configuration."""

import json
from pathlib import Path

import pytest
from movies import Sound, make_movie

from video_censor_personal.cli import main


@pytest.mark.parametrize(("wanted", "said"), [("center", True), ("all", False)])
def test_the_plan_says_that_only_the_centre_is_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wanted: str, said: bool
) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=3, sounds=[Sound(layout="5.1")])
    config, report = tmp_path / "my.yaml", tmp_path / "a.json"
    config.write_text("remediation: {audio: {speech_channels: center}}")
    word = {"start_time_seconds": 1, "end_time_seconds": 2, "labels": ["Profanity"]}
    facts = {"file": movie.path.name, "duration_seconds": 3}
    report.write_text(json.dumps({"metadata": facts, "segments": [word]}))
    arguments = ["--input-segments", report, "-o", tmp_path / "b.mkv", "--config", config]
    options = ["--speech-channels", wanted, "--dry-run"]
    assert main([str(movie.path), *map(str, arguments), *options]) == 0
    assert ("only the centre is changed" in capsys.readouterr().out) == said
