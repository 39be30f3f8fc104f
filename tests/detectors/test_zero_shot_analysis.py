"""From a repository on a hub to segments with the right times, as a person would run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_server import LoopbackHub
from movies import make_movie
from tiny_clip import make_tiny_clip, make_tiny_siglip, quantise

from video_censor_personal.cli import main
from video_censor_personal.config import load_config
from video_censor_personal.errors import ConfigError, DetectorError, ModelMissingError
from video_censor_personal.pipeline import AnalysisPipeline

RED, GREEN, GREY = (200, 30, 30), (30, 200, 30), (120, 120, 120)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Grey, bloody from 2.0 to 3.5 s, a fight from 5.0 to 6.0 s; ten frames a second."""

    def paint(number: int, width: int, height: int) -> np.ndarray:
        colour = RED if 20 <= number < 35 else GREEN if 50 <= number < 60 else GREY
        return np.full((height, width, 3), colour, np.uint8)

    return make_movie(tmp_path / "movie.mp4", seconds=8, paint=paint).path


def publish(hub: LoopbackHub, folder: Path, *left_out: str) -> None:
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    contents = {name: path.read_bytes() for name, path in files.items() if name not in left_out}
    hub.add("org/clip", contents, lfs=[name for name in contents if name.endswith(".onnx")])


def config(folder: Path, detections: str, detector: str = "", source: str = "") -> Path:
    path = folder / "my.yaml"
    path.write_text(
        f"detections: {{{detections}}}\n"
        f"detectors: [{{type: zero-shot{detector}}}]\n"
        "processing: {padding_s: 0}\n"
        f"models:\n  cache_dir: models\n  sources: [{{name: clip-b32, url: hf://org/clip{source}}}]\n"
    )
    return path


def report(config_file: Path, movie: Path) -> dict[str, Any]:
    pipeline = AnalysisPipeline(load_config(config_file), video=movie)
    pipeline.verify_models(download=True)
    return pipeline.analyze()


def spans(found: dict[str, Any]) -> list[tuple[list[str], float, float]]:
    return [
        (s["labels"], s["start_time_seconds"], s["end_time_seconds"]) for s in found["segments"]
    ]


@pytest.mark.parametrize(
    "make",
    [make_tiny_clip, make_tiny_siglip, lambda folder: quantise(make_tiny_clip(folder))],
    ids=["clip", "siglip", "8 bit"],
)
def test_planted_scenes_are_found_with_their_times(
    hub: LoopbackHub, tmp_path: Path, movie: Path, make: Any
) -> None:
    publish(hub, make(tmp_path / "clip"))
    found = report(config(tmp_path, "violence: {}, Gore: {}, smoking: {}"), movie)
    assert spans(found) == [(["Gore"], 2.0, 3.5), (["Violence"], 5.0, 6.0)]
    (gore, _) = (s["detections"][0] for s in found["segments"])
    assert "a person covered in blood" in gore["reasoning"]
    covered = {c["category"]: c for c in found["coverage"]}
    assert covered["smoking"]["status"] == "analysed"
    for category in ("violence", "gore", "smoking"):
        assert "not measured on films" in " ".join(covered[category]["notes"])


def test_a_concept_in_a_persons_own_words(hub: LoopbackHub, tmp_path: Path, movie: Path) -> None:
    publish(hub, make_tiny_clip(tmp_path / "clip"))
    wanted = "Small folk: {description: 'leprechauns, at work or at play.'}"
    found = report(config(tmp_path, wanted), movie)
    assert spans(found) == [(["Small folk"], 5.0, 6.0)]


def test_the_command_line_fetches_the_model_and_does_the_job(
    hub: LoopbackHub, tmp_path: Path, movie: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(hub, make_tiny_clip(tmp_path / "clip"))
    job = [str(movie), "-o", str(tmp_path / "a.json"), "--config"]
    job.append(str(config(tmp_path, "gore: {}")))
    assert main(job) == 4
    assert "--download-models" in capsys.readouterr().err
    assert main([*job, "--download-models"]) == 0
    assert spans(json.loads((tmp_path / "a.json").read_text())) == [(["gore"], 2.0, 3.5)]
    requests = len(hub.requests)
    assert main([*job, "--force"]) == 0
    assert len(hub.requests) == requests, "what is there is not asked for again"


def test_without_the_model_nothing_begins(hub: LoopbackHub, tmp_path: Path, movie: Path) -> None:
    publish(hub, make_tiny_clip(tmp_path / "clip"))
    pipeline = AnalysisPipeline(load_config(config(tmp_path, "gore: {}")), video=movie)
    with pytest.raises(ModelMissingError, match="clip-b32"):
        pipeline.verify_models()


def test_without_an_optional_model_the_category_is_unknown(
    hub: LoopbackHub, tmp_path: Path, movie: Path
) -> None:
    source = ", optional: true"
    found = report(config(tmp_path, "violence: {}, drugs: {}", source=source), movie)
    status = {c["category"]: c["status"] for c in found["coverage"]}
    assert (status["violence"], status["drugs"]) == ("unknown", "unknown")
    assert found["segments"] == []


def test_a_repository_without_one_of_the_files_is_refused_before_the_film(
    hub: LoopbackHub, tmp_path: Path, movie: Path
) -> None:
    publish(hub, make_tiny_clip(tmp_path / "clip"), "preprocessor_config.json")
    with pytest.raises(DetectorError, match=r"lacks preprocessor_config\.json"):
        report(config(tmp_path, "gore: {}"), movie)


def test_violence_without_a_model_is_unknown_and_needs_no_download(
    tmp_path: Path, movie: Path
) -> None:
    (tmp_path / "plain.yaml").write_text("detections: {violence: {}}\n")
    found = report(tmp_path / "plain.yaml", movie)
    assert {c["category"]: c["status"] for c in found["coverage"]}["violence"] == "unknown"


def test_a_model_under_sources_is_enough_to_look_for_violence(
    hub: LoopbackHub, tmp_path: Path, movie: Path
) -> None:
    publish(hub, make_tiny_clip(tmp_path / "clip"))
    path = config(tmp_path, "violence: {}")
    path.write_text(path.read_text().replace("detectors:", "#"))
    assert spans(report(path, movie)) == [(["Violence"], 5.0, 6.0)]


def test_a_model_that_nobody_knows_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("detections: {gore: {}}\ndetectors: [{type: zero-shot, model: clip-b23}]\n")
    with pytest.raises(ConfigError, match=r"takes the model 'clip-b23'.*did you mean 'clip-b32'"):
        AnalysisPipeline(load_config(path))


def test_the_example_configuration_names_what_is_there() -> None:
    example = Path(__file__).parents[2] / "examples" / "better-models.yaml"
    pipeline = AnalysisPipeline(load_config(example))
    assert "Violence, gore, drugs, spiders (zero-shot)" in pipeline.describe()
    needed = {source.name: source.optional for source in pipeline.required_models()}
    assert needed == {"nudenet-640m": False, "whisper-small-en": True, "clip-b32": False}
