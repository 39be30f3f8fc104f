"""Models that an entry names by their path: used as they lie there, told apart when they change."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from movies import Sound, make_movie
from scripted_whisper import ScriptedWord, scripted_whisper
from spoken import sound, words
from tiny_clip import make_tiny_clip
from tiny_tagger import make_tiny_tagger

from video_censor_personal.cli import main
from video_censor_personal.detectors.own_models import fingerprint, is_path

RED, GREY = (200, 30, 30), (120, 120, 120)
HELL = "words_hell_slt.wav"
Run = Callable[..., int]


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Grey, bloody from 2.0 to 3.5 s; a scream from 3 to 5 s; ten frames a second."""

    def paint(number: int, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), RED if 20 <= number < 35 else GREY, np.uint8)

    def signal(times: np.ndarray) -> np.ndarray:
        return 0.1 * np.sin(2 * np.pi * 1000 * times) * ((times >= 3) & (times < 5))

    return make_movie(tmp_path / "movie.mp4", seconds=6, paint=paint, sounds=[Sound(signal)]).path


@pytest.fixture
def run(tmp_path: Path, movie: Path) -> Run:
    """Runs the command with one detector, and a configuration in a folder of its own."""
    (tmp_path / "conf").mkdir()

    def command(category: str, detector: str, film: Path = movie) -> int:
        config = tmp_path / "conf" / "my.yaml"
        config.write_text(
            f"detections: {{{category}: {{}}}}\ndetectors:\n  - {{{detector}}}\n"
            "processing: {padding_s: 0}\nmodels: {cache_dir: models}\n"
        )
        return main([str(film), "-o", str(tmp_path / "a.json"), "-y", "--config", str(config)])

    return command


def detections(tmp_path: Path) -> list[dict[str, Any]]:
    report = json.loads((tmp_path / "a.json").read_text())
    return [detection for segment in report["segments"] for detection in segment["detections"]]


@pytest.mark.parametrize("written", ["../mods/clip", "{}/mods/clip", "~/mods/clip"])
def test_a_folder_of_ones_own_needs_no_download(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    folder = make_tiny_clip(tmp_path / "mods" / "clip")
    assert run("gore", f"type: zero-shot, model: '{written.format(tmp_path)}'") == 0
    (found,) = detections(tmp_path)
    assert (found["start_time_seconds"], found["end_time_seconds"]) == (2.0, 3.5)
    assert found["model"].endswith(fingerprint(folder))
    assert str(tmp_path) not in found["model"], "where it lies is nobody's business"


def test_its_scores_are_used_again_until_a_file_of_it_changes(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_tiny_clip(tmp_path / "mods" / "clip")
    entry = "type: zero-shot, model: ../mods/clip"
    assert run("gore", entry) == 0
    assert run("gore", entry) == 0
    assert "reused the scores" in capsys.readouterr().out
    os.utime(folder / "tokenizer.json", ns=(1, 1))
    assert run("gore", entry) == 0
    told = capsys.readouterr()
    assert "reused" not in told.out
    assert "worked with clip" in told.err


def test_its_scores_are_judged_where_it_is_not(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_tiny_clip(tmp_path / "mods" / "clip")
    assert run("gore", "type: zero-shot, model: ../mods/clip") == 0
    shutil.rmtree(folder)
    apply = ["profile", "apply", str(tmp_path / "a.json"), "-o", str(tmp_path / "b.json")]
    assert main([*apply, "--config", str(tmp_path / "conf" / "my.yaml")]) == 0
    reports = [json.loads((tmp_path / name).read_text()) for name in ("a.json", "b.json")]
    assert reports[0]["segments"] == reports[1]["segments"] != []
    assert run("gore", "type: zero-shot, model: ../mods/clip") == 2, "here it has to look"


def test_files_of_ones_own_for_nudenet_and_sound_events(run: Run, tmp_path: Path) -> None:
    (package,) = importlib.util.find_spec("nudenet").submodule_search_locations  # type: ignore[union-attr, misc]
    shutil.copy(Path(package) / "320n.onnx", tmp_path / "conf" / "mine.onnx")
    assert run("faces", "type: nudenet, model: ./mine.onnx") == 0
    make_tiny_tagger(tmp_path / "ears" / "tagger.onnx")
    assert run("screams", "type: sound-events, model: ../ears/tagger.onnx") == 0
    (found, *_) = detections(tmp_path)
    assert " tagger.onnx " in found["model"]


def test_a_folder_of_ones_own_for_whisper(run: Run, tmp_path: Path) -> None:
    script = [ScriptedWord(w.text, (w.start_s + w.end_s) / 2) for w in words(HELL)]
    scripted_whisper(tmp_path / "mods" / "whisper", script)
    speech = sound(HELL)
    film = make_movie(
        tmp_path / "film.mkv",
        seconds=len(speech) / 16_000,
        sounds=[Sound(speech, rate_hz=16_000, codec="flac", layout="mono", language="eng")],
    ).path
    assert run("profanity", "type: whisper, model: ../mods/whisper", film) == 0
    (found,) = detections(tmp_path)
    assert found["detector"] == "whisper"
    assert "; whisper " in found["model"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("type: zero-shot, model: ../nowhere", "nowhere' does not exist"),
        ("type: zero-shot, model: ../empty, optional: true", "empty' is an empty folder"),
    ],
)
def test_what_is_not_there_is_a_mistake_of_the_entry(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], entry: str, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    assert run("gore", entry) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "my.yaml, line 3" in told


def test_a_file_where_a_folder_is_needed_is_refused_before_the_film(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clip.onnx").write_bytes(b"x")
    assert run("gore", "type: zero-shot, model: ../clip.onnx") == 1
    assert "a repository, not one file" in capsys.readouterr().err
    assert run("faces", "type: nudenet, model: ../conf") == 1
    assert "is a folder, not an ONNX file" in capsys.readouterr().err


def test_names_are_no_paths() -> None:
    assert not any(map(is_path, ("clip-b32", "320n.onnx", "", "whisper/small", "~own", ".c")))
    assert all(map(is_path, ("./clip", "../clip", "/mods/clip", "~", "~/clip", ".\\clip", "..")))


def test_who_forgets_the_slash_is_told(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("gore", "type: zero-shot, model: clip") == 2
    assert "such as './clip'" in capsys.readouterr().err
