"""From a model's repository on a hub to a copy in which the word is silent."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hub_server import LoopbackHub
from movies import Sound, Subtitles, decoded_audio, level_dbfs, make_movie
from scripted_whisper import ScriptedWord, scripted_whisper
from spoken import sound, word, words

from video_censor_personal.cli import main
from video_censor_personal.config import load_config
from video_censor_personal.errors import ModelMissingError
from video_censor_personal.pipeline import AnalysisPipeline

HELL = "words_hell_slt.wav"
BEGIN_S = 2.0
HUB_NAME = "org/whisper"


def publish(hub: LoopbackHub, folder: Path, speech_begins_s: float) -> None:
    """A model that understands a clip whose speech begins after so many seconds."""
    script = [
        ScriptedWord(w.text, speech_begins_s + (w.start_s + w.end_s) / 2) for w in words(HELL)
    ]
    made = scripted_whisper(folder / "whisper", script)
    hub.add(HUB_NAME, {p.name: p.read_bytes() for p in made.iterdir()}, lfs=["model.bin"])


def film(folder: Path, *cues: tuple[float, float, str]) -> Path:
    """Seven seconds; what the word file says begins after two."""
    silence = np.zeros(round(BEGIN_S * 16_000), np.int16)
    speech = np.concatenate([silence, sound(HELL), silence[:16_000]])
    return make_movie(
        folder / "film.mkv",
        seconds=len(speech) / 16_000,
        sounds=[Sound(speech, rate_hz=16_000, codec="flac", layout="mono", language="eng")],
        subtitles=[Subtitles(cues, codec="srt")] if cues else [],
    ).path


def config(folder: Path, source: str = "", detectors: str = "") -> Path:
    path = folder / "my.yaml"
    path.write_text(
        f"detections: {{profanity: {{}}}}\n{detectors}\n"
        "models:\n  cache_dir: models\n"
        f"  sources: [{{name: whisper-small-en, url: hf://{HUB_NAME}{source}}}]\n"
    )
    return path


def profanity(report: dict[str, Any]) -> SimpleNamespace:
    """The detections, and what is said of how profanity was looked for."""
    (coverage,) = (c for c in report["coverage"] if c["category"] == "profanity")
    found = [d for segment in report["segments"] for d in segment["detections"]]
    return SimpleNamespace(found=found, coverage=coverage)


@pytest.mark.parametrize(
    ("cues", "evidence", "speech_begins_s"),
    [((), "recognised", 0.2), (((2.0, 6.0, "Nothing of that is said, hell!"),), "reheard", 0.75)],
    ids=["no subtitles", "a wrong subtitle"],
)
def test_a_heard_word_is_silent_in_the_copy_and_its_neighbours_are_not(
    hub: LoopbackHub, tmp_path: Path, cues: Any, evidence: str, speech_begins_s: float
) -> None:
    publish(hub, tmp_path, speech_begins_s)
    video, copy = film(tmp_path, *cues), tmp_path / "clean.mkv"
    settings = ["--config", str(config(tmp_path)), "--download-models"]
    assert main(["--video", str(video), "--output", str(copy), *settings]) == 0
    said = profanity(json.loads(copy.with_suffix(".json").read_text()))
    assert [(d["detector"], d["match"], d["evidence"]) for d in said.found] == [
        ("whisper", "hell", evidence)
    ]
    assert said.coverage["status"] == "analysed"
    before, rate = decoded_audio(video)
    after, _ = decoded_audio(copy)
    hell = word(HELL, "hell")
    inside = after[:, _samples(hell.start_s, hell.end_s, rate)]
    assert level_dbfs(inside) < -50
    for text in ("what", "you", "car"):
        neighbour = _samples(word(HELL, text).start_s, word(HELL, text).end_s, rate)
        assert level_dbfs(before[:, neighbour]) > -30
        assert level_dbfs(after[:, neighbour] - before[:, neighbour]) < -50


def _samples(start_s: float, end_s: float, rate_hz: int) -> slice:
    return slice(round((BEGIN_S + start_s) * rate_hz), round((BEGIN_S + end_s) * rate_hz))


def test_without_its_model_the_embedded_rung_listens_and_the_report_says_so(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    warnings: list[str] = []
    shown = (2.0, 6.0, "What the hell are you doing with my car")
    pipeline = AnalysisPipeline(
        load_config(config(tmp_path, ", optional: true")), warn=warnings.append
    )
    assert pipeline.verify_models() is False
    said = profanity(pipeline.analyze(film(tmp_path, shown)))
    assert [(d["detector"], d["evidence"]) for d in said.found] == [("speech-profanity", "aligned")]
    note = " ".join(said.coverage["notes"])
    assert "its model whisper-small-en (size unknown) is missing" in note
    assert "speech-profanity takes its place" in note
    assert "misses about one in four" in note
    assert any("takes its place" in warning for warning in warnings)


def test_without_a_required_model_nothing_is_analysed(hub: LoopbackHub, tmp_path: Path) -> None:
    pipeline = AnalysisPipeline(load_config(config(tmp_path)), video=film(tmp_path))
    with pytest.raises(ModelMissingError, match="whisper-small-en"):
        pipeline.verify_models()


@pytest.fixture
def fetched(hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A job whose model is there, on a machine without a graphics card."""
    publish(hub, tmp_path, 0.2)
    settings = ["--config", str(config(tmp_path))]
    assert main(["models", "download", *settings, "-q"]) == 0
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 0)
    return [str(film(tmp_path)), "-o", str(tmp_path / "clean.mkv"), *settings]


def test_a_device_that_is_not_there_ends_the_run_before_the_film(
    fetched: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*fetched, "--device", "cuda"]) == 1
    said = capsys.readouterr().err
    assert "the device 'cuda' is not there" in said
    assert "ctranslate2" in said
    assert not list(tmp_path.glob("clean*")), "nothing is written"


def test_what_is_no_device_of_its_library_is_replaced_by_the_processor_and_said(
    fetched: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*fetched, "--device", "directml"]) == 0
    said = capsys.readouterr().err
    assert "whisper runs on the CPU: CTranslate2 cannot use directml" in said
