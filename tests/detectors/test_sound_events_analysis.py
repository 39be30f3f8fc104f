"""From a repository on a hub to a copy in which the scream is silent, as a person would run it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hub_server import LoopbackHub
from movies import Sound, decoded_audio, level_dbfs, make_movie
from tiny_tagger import make_tiny_tagger

from video_censor_personal.cli import main


@pytest.fixture(autouse=True)
def published(hub: LoopbackHub, tmp_path: Path) -> None:
    content = make_tiny_tagger(tmp_path / "made.onnx").read_bytes()
    hub.add("org/yamnet", {"yamnet.onnx": content}, lfs=["yamnet.onnx"])


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A hum of 200 Hz throughout; a "scream" of 1 kHz from 6 to 8 s."""

    def signal(times: np.ndarray) -> np.ndarray:
        scream = 0.1 * np.sin(2 * np.pi * 1000 * times) * ((times >= 6) & (times < 8))
        return 0.05 * np.sin(2 * np.pi * 200 * times) + scream

    return make_movie(tmp_path / "movie.mp4", seconds=14, sounds=[Sound(signal)]).path


def config(folder: Path, detections: str, more: str = "") -> Path:
    path = folder / "my.yaml"
    path.write_text(
        f"detections: {{{detections}}}\n{more}"
        "models:\n  cache_dir: models\n"
        "  sources: [{name: yamnet, url: hf://org/yamnet/yamnet.onnx}]\n"
    )
    return path


def test_a_scream_is_found_and_silenced_and_the_rest_is_not(tmp_path: Path, movie: Path) -> None:
    copy = tmp_path / "clean.mp4"
    named = config(
        tmp_path, "violence: {model: sound-events}", "detectors: [{type: sound-events}]\n"
    )
    job = ["--config", str(named), "--video", str(movie), "-o", str(copy)]
    assert main([*job, "--download-models"]) == 0
    found = json.loads(copy.with_suffix(".json").read_text())
    (segment,) = found["segments"]
    assert 5 <= segment["start_time_seconds"] <= 6
    assert 8 <= segment["end_time_seconds"] <= 9
    (detection,) = segment["detections"]
    assert detection["reasoning"] == "sounds like “Screaming”"
    assert detection["score"] == pytest.approx(0.9, abs=0.05)
    assert segment["description"] == "Violence heard: screaming."
    (covered,) = (c for c in found["coverage"] if c["category"] == "violence")
    assert covered["status"] == "analysed"
    assert "not measured on films" in " ".join(covered["notes"])

    sound, rate = decoded_audio(copy)
    before, after = decoded_audio(movie)[0], sound

    def level(samples: np.ndarray, start: float, end: float) -> float:
        return level_dbfs(samples[..., round(start * rate) : round(end * rate)])

    assert level(after, 6.05, 7.95) < -50
    assert level(before, 6.05, 7.95) > -30
    for start, end in ((0.5, 4.5), (9.5, 13.5)):
        assert level(after, start, end) == pytest.approx(level(before, start, end), abs=0.2)


def test_another_sensitivity_needs_no_second_hearing(tmp_path: Path, movie: Path) -> None:
    out = tmp_path / "a.json"
    named = "detectors: [{type: sound-events}]\n"
    file = config(tmp_path, "screams: {sensitivity: 0.5}", named)
    job = [str(movie), "-o", str(out), "--config", str(file), "--force"]
    assert main([*job, "--download-models"]) == 0
    (middle,) = json.loads(out.read_text())["segments"]
    config(tmp_path, "screams: {sensitivity: 1}", named)
    assert main(job) == 0
    (wide,) = json.loads(out.read_text())["segments"]
    assert wide["start_time_seconds"] <= middle["start_time_seconds"]
    assert wide["duration_seconds"] >= middle["duration_seconds"]
    config(tmp_path, "screams: {sensitivity: 0}", named)
    assert main(job) == 0
    (strict,) = json.loads(out.read_text())["segments"]
    assert strict["duration_seconds"] < wide["duration_seconds"]


def test_a_sound_that_has_no_name_is_refused_where_it_stands(
    tmp_path: Path, movie: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config(tmp_path, "clowns: {model: sound-events}")
    assert main([str(movie), "-o", str(tmp_path / "a.json"), "--config", str(file)]) == 2
    said = capsys.readouterr().err
    assert "'sound-events' cannot look for 'clowns'" in said
    assert "my.yaml" in said
