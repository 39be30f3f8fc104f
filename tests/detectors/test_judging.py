"""Kept scores judged by another configuration, and on a machine that could not have made them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from movies import Sound, make_movie, tone

from video_censor_personal.cli import main

GREEN, GREY = (30, 200, 30), (120, 120, 120)
FIGHT = (5.0, 6.0)

Found = tuple[int, dict[str, Any]]


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Grey, with a fight (or leprechauns) from 5 to 6 s, and a "scream" throughout its sound."""

    def paint(number: int, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), GREEN if 50 <= number < 60 else GREY, np.uint8)

    path = tmp_path / "movie.mp4"
    return make_movie(path, seconds=8, paint=paint, sounds=[Sound(tone(440))]).path


@pytest.fixture
def settings(tmp_path: Path, tiny_models: str) -> Any:
    """Writes a configuration; its path."""

    def write(detections: str, detectors: str, more: str = "") -> str:
        path = tmp_path / "my.yaml"
        asked = f"detections: {{{detections}}}\ndetectors: [{detectors}]\n"
        path.write_text(asked + more + tiny_models)
        return str(path)

    return write


@pytest.fixture
def analyse(movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Analyses the film, or judges what was kept of it."""

    def run(config: str, *options: str) -> Found:
        report = str(tmp_path / "r.json")
        code = main([str(movie), "-o", report, "--config", config, "--force", "--json", *options])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


@pytest.fixture
def apply(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Makes another report of what was kept."""

    def run(config: str) -> Found:
        command = ["profile", "apply", str(tmp_path / "r.scores.json.gz"), "--config", config]
        code = main([*command, "-o", str(tmp_path / "new.json"), "--force", "--json"])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


@pytest.fixture
def without_tokenizers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """From when it is called on, this machine lacks a library that `zero-shot` needs."""
    find = importlib.util.find_spec

    def uninstall() -> None:
        def found(name: str, *more: Any) -> Any:
            return None if name == "tokenizers" else find(name, *more)

        monkeypatch.setattr(importlib.util, "find_spec", found)

    return uninstall


def seen(report: Path) -> list[tuple[str, float, float]]:
    segments = json.loads(report.read_text())["segments"]
    return [
        (detection["detector"], segment["start_time_seconds"], segment["end_time_seconds"])
        for segment in segments
        for detection in segment["detections"]
    ]


BOTH = "{type: zero-shot, optional: true}, {type: sound-events, optional: true}"
EXACT = "processing: {padding_s: 0}\n"


def test_what_was_seen_counts_where_its_library_is_missing(
    settings, analyse, apply, tmp_path, without_tokenizers
):
    config = settings("violence: {}", BOTH, EXACT)
    assert analyse(config, "--download-models")[0] == 0
    assert ("zero-shot", *FIGHT) in seen(tmp_path / "r.json")
    without_tokenizers()
    again = analyse(config)[1]
    assert again["reused_scores"]
    assert ("zero-shot", *FIGHT) in seen(tmp_path / "r.json")
    assert apply(config)[0] == 0
    assert ("zero-shot", *FIGHT) in seen(tmp_path / "new.json")


def test_a_detector_that_cannot_run_here_keeps_no_scores_from_being_judged(
    settings, analyse, apply, tmp_path, without_tokenizers
):
    config = settings("violence: {}", "{type: zero-shot}", EXACT)
    assert analyse(config, "--download-models")[0] == 0
    without_tokenizers()
    assert apply(config)[0] == 0
    assert seen(tmp_path / "new.json") == [("zero-shot", *FIGHT)]
    assert "not installed" in analyse(config)[1]["message"], "an analysis would take it"


def test_what_the_program_chose_once_counts_where_it_would_not_be_chosen(
    settings, analyse, apply, tmp_path, without_tokenizers
):
    assert analyse(settings("violence: {}", "", EXACT), "--download-models")[0] == 0
    without_tokenizers()
    (tmp_path / "bare.yaml").write_text(
        f"detections: {{violence: {{}}}}\n{EXACT}models: {{cache_dir: none}}\n"
    )
    assert apply(str(tmp_path / "bare.yaml"))[0] == 0
    assert ("zero-shot", *FIGHT) in seen(tmp_path / "new.json")


def test_what_was_found_under_another_description_is_no_evidence(
    settings, analyse, apply, tmp_path
):
    seeing = "pirates: {description: leprechauns}, faces: {}, profanity: {}"
    config = settings(seeing, "{type: zero-shot, categories: [pirates]}")
    assert analyse(config, "--download-models")[1]["segments"] == 1
    other = seeing.replace("leprechauns", "blood")
    words = "{type: zero-shot, categories: [pirates]}, {type: speech-profanity, words: [car]}"
    code, result = apply(settings(other, words))
    assert code == 3
    assert seen(tmp_path / "new.json") == []
    pirates, profanity = result["unknown"]
    assert pirates == (
        "pirates: when this was analysed zero-shot was told something else of pirates: "
        "'leprechauns'"
    )
    assert "speech-profanity had other options" in profanity
    covered = {
        c["category"]: c for c in json.loads((tmp_path / "new.json").read_text())["coverage"]
    }
    assert covered["pirates"]["status"] == "unknown"
    assert covered["faces"]["status"] == "analysed"


def test_a_detector_that_may_not_be_missing_and_was_not_asked_leaves_it_unknown(
    settings, analyse, apply
):
    alone = "{type: sound-events}, {type: zero-shot, enabled: false}"
    assert analyse(settings("violence: {}", alone), "--download-models")[0] == 3
    code, result = apply(settings("violence: {}", "{type: sound-events}, {type: zero-shot}"))
    assert code == 3
    assert "zero-shot can look for Violence, but did not when" in " ".join(result["unknown"])
    code, result = apply(settings("violence: {}", BOTH))
    assert (code, result["notes"]) == (3, ["zero-shot was not asked"]), "it may be missing"
    assert "zero-shot can look" not in " ".join(result["unknown"])


def test_what_is_written_and_is_the_default_makes_no_difference(settings, analyse):
    config = settings("violence: {}", "{type: zero-shot}")
    assert analyse(config, "--download-models")[0] == 0
    again = settings("violence: {}", "{type: zero-shot, model: clip-b32, tiles: 1}")
    assert analyse(again)[1]["reused_scores"]
    assert not analyse(settings("violence: {}", "{type: zero-shot, tiles: 2}"))[1]["reused_scores"]


def test_another_report_is_made_of_the_record_that_tells_most(settings, analyse, apply, tmp_path):
    rich = "pirates: {description: leprechauns}, faces: {}"
    pirates = "{type: zero-shot, categories: [pirates]}"
    assert analyse(settings(rich, pirates), "--download-models")[1]["segments"] == 1
    other = settings(rich.replace("leprechauns", "blood"), pirates)
    assert analyse(other)[1]["segments"] == 0
    assert apply(other)[0] == 0
    assert seen(tmp_path / "new.json") == []
    assert apply(settings(rich, pirates))[1]["unknown"] == []
    assert [detector for detector, *_ in seen(tmp_path / "new.json")] == ["zero-shot"]
