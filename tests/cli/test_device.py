"""`--device` reaches the models, and wins over the configuration."""

from pathlib import Path

import pytest
from movies import make_movie

from video_censor_personal.cli import main
from video_censor_personal.detectors.onnx_session import available_devices

# A device that this machine lacks, whatever machine it is.
LACKING = "directml" if "directml" not in available_devices() else "coreml"


@pytest.fixture
def job(tmp_path: Path) -> list[str]:
    movie, config = tmp_path / "a.mp4", tmp_path / "my.yaml"
    make_movie(movie, seconds=1)
    config.write_text(f"detections: {{faces: {{}}}}\nprocessing: {{device: {LACKING}}}\n")
    return [str(movie), "-o", str(tmp_path / "a.json"), "--config", str(config)]


def test_a_device_that_is_not_there_stops_the_job_and_says_what_is(
    job: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(job) == 1
    said = capsys.readouterr().err
    assert f"{LACKING!r} is not there" in said
    assert "cpu" in said


def test_the_command_line_wins(job: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*job, "--device", "cpu"]) == 0, capsys.readouterr().err


def test_a_device_nobody_knows_is_wrong_usage(job: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*job, "--device", "tpu"])
    assert caught.value.code == 2
