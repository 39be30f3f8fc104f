"""The contract of the analysis: models first, detectors later, nothing passed over as clean."""

from __future__ import annotations

import importlib.util
import json
import math
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from model_host import ModelHost, model
from movies import Sound, make_movie, tone
from pictures import portrait

from video_censor_personal.cli import main
from video_censor_personal.config import CategoryConfig, Config, DetectorConfig, default_config
from video_censor_personal.detectors.registry import Discovery
from video_censor_personal.errors import (
    ConfigError,
    DetectorError,
    InputNotFoundError,
    ModelCacheError,
    ModelDownloadError,
    ModelMissingError,
)
from video_censor_personal.findings import Sighting
from video_censor_personal.pipeline import AnalysisPipeline


@pytest.fixture
def host():
    with ModelHost() as served:
        yield served


@pytest.fixture(scope="module")
def weights() -> bytes:
    (folder,) = importlib.util.find_spec("nudenet").submodule_search_locations
    return (Path(folder) / "320n.onnx").read_bytes()


@pytest.fixture
def movie(tmp_path) -> Path:
    path = tmp_path / "movie.mp4"
    make_movie(path, seconds=1, sounds=[Sound(tone(440))])
    return path


@pytest.fixture
def plugged(monkeypatch):
    """Installs a plug-in for owls whose detector looks with a function, for these categories."""

    def install(look, keys) -> None:
        detector = SimpleNamespace(name="owl-eyes", categories=frozenset(keys), look=look)
        plugin = SimpleNamespace(
            type="owl-eyes", modality="video", categories=frozenset({"owls"}), notes={},
            check=lambda _: None, needs=lambda _: [], available=lambda: None,
            build=lambda _: detector,
        )  # fmt: skip
        found = Discovery({"owl-eyes": plugin})
        monkeypatch.setattr("video_censor_personal.requirements.discover", lambda: found)

    return install


def faces_with(model_name: str, *sources, **category) -> Config:
    """A configuration that looks for faces with weights from `models.sources`."""
    config = Config()
    config.detections = {"faces": CategoryConfig(**category)}
    config.detectors = [DetectorConfig("nudenet", options={"model": model_name})]
    config.models.sources = list(sources)
    return config


def with_cache(config: Config, folder: Path) -> Config:
    config.models.cache_dir = str(folder / "cache")
    return config


def test_analysing_before_the_models_were_verified_is_a_programming_error(movie):
    with pytest.raises(RuntimeError, match="verify_models"):
        AnalysisPipeline(default_config(), video=movie).analyze()


def test_the_built_in_detectors_need_no_models(movie):
    pipeline = AnalysisPipeline(default_config(), video=movie)
    assert pipeline._extract_model_requirements() == []
    assert pipeline.verify_models() is True
    assert pipeline.verify_models() is True
    report = pipeline.analyze()
    assert report["metadata"]["file"] == "movie.mp4"
    assert {c["category"]: c["status"] for c in report["coverage"]} == {
        "nudity": "analysed",
        "sexual_themes": "analysed",
        "profanity": "analysed",
        "violence": "not_requested",
        "faces": "not_requested",
    }
    json.dumps(report, allow_nan=False)


def test_skipping_the_check_is_possible(movie):
    report = AnalysisPipeline(default_config(), skip_model_check=True).analyze(movie)
    assert report["segments"] == []


def test_a_missing_model_stops_before_any_detector_is_built(tmp_path, host, weights):
    source = model("small", host.serve("320n.onnx", weights))
    pipeline = AnalysisPipeline(with_cache(faces_with("small", source), tmp_path))
    with pytest.raises(ModelMissingError) as caught:
        pipeline.verify_models()
    for word in ("small", "12.2 MB", "--download-models"):
        assert word in str(caught.value)
    assert isinstance(caught.value, ModelDownloadError)
    assert caught.value.exit_code == 4
    assert not (tmp_path / "cache").exists()


def test_a_missing_model_is_fetched_and_used_in_the_same_run(tmp_path, host, weights):
    source = model("small", host.serve("320n.onnx", weights))
    video = tmp_path / "portrait.mp4"
    _film_of_the_portrait(video)
    heard = []
    pipeline = AnalysisPipeline(
        with_cache(faces_with("small", source), tmp_path), video=video, listener=heard.append
    )
    assert pipeline.verify_models(download=True) is True
    assert (tmp_path / "cache" / "small").read_bytes() == weights
    report = pipeline.analyze()
    assert report["segments"][0]["labels"] == ["Faces"]
    assert {p.done for p in heard if p.stage == "small"} >= {len(weights)}
    requests = len(host.requests)
    assert pipeline.verify_models(download=True) is True
    assert len(host.requests) == requests


def test_auto_download_needs_no_flag(tmp_path, host, weights):
    config = with_cache(
        faces_with("small", model("small", host.serve("320n.onnx", weights))), tmp_path
    )
    config.models.auto_download = True
    assert AnalysisPipeline(config).verify_models() is True


def test_an_optional_model_never_stops_the_analysis(tmp_path, host, movie):
    said = []
    source = model("small", host.serve("gone", b"x"), optional=True)
    host.refuse("gone", 404, times=10)
    pipeline = AnalysisPipeline(with_cache(faces_with("small", source), tmp_path), warn=said.append)
    assert pipeline.verify_models(download=True) is False
    report = pipeline.analyze(movie)
    (faces,) = [c for c in report["coverage"] if c["category"] == "faces"]
    assert faces["status"] == "unknown"
    assert any("its model small (1 B) is missing" in sentence for sentence in said)
    assert "nudenet can, but its model small (1 B) is missing" in faces["notes"][0]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize("download", [True, False])
def test_neither_does_one_that_cannot_be_looked_at(tmp_path, host, caplog, download):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "sub").symlink_to(tmp_path)
    extra = model("sub/small", host.serve("small", b"weights"), optional=True)
    config = with_cache(faces_with("sub/small", extra), tmp_path)
    assert AnalysisPipeline(config).verify_models(download=download) is False
    assert "is a link that leads out of" in caplog.text
    extra.optional = False
    with pytest.raises(ModelCacheError, match="is a link that leads out of"):
        AnalysisPipeline(config).verify_models(download=download)


def test_who_is_missing_where_others_look_is_told_in_the_report(tmp_path, host, movie):
    config = faces_with("small", model("small", host.serve("gone", b"x"), optional=True))
    config.detectors[0].name = "closer look"
    config.detectors.append(DetectorConfig(type="nudenet"))
    pipeline = AnalysisPipeline(with_cache(config, tmp_path))
    assert pipeline.verify_models() is False
    (faces,) = [c for c in pipeline.analyze(movie)["coverage"] if c["category"] == "faces"]
    assert (faces["status"], faces["detectors"]) == ("analysed", ["nudenet"])
    assert faces["notes"][0] == (
        "closer look can look for Faces, but its model small (1 B) is missing; to fetch it: "
        "`video-censor models download small`"
    )


def test_a_source_that_no_detector_mentions_is_needed_as_well(tmp_path, host):
    config = with_cache(default_config(), tmp_path)
    config.models.sources = [model("extra", host.serve("extra.bin", b"bytes"))]
    pipeline = AnalysisPipeline(config)
    assert pipeline._extract_model_requirements() == ["extra"]
    assert pipeline.verify_models(download=True) is True


def test_the_models_of_a_disabled_detector_are_not_needed(tmp_path, host):
    config = with_cache(
        faces_with("small", model("small", host.serve("320n.onnx", b"bytes"))), tmp_path
    )
    config.detectors[0].enabled = False
    assert AnalysisPipeline(config)._extract_model_requirements() == []


def test_a_model_that_no_source_describes_is_a_configuration_error(host):
    source = model("small", host.serve("320n.onnx", b"bytes"))
    with pytest.raises(ConfigError, match="did you mean 'small'"):
        AnalysisPipeline(faces_with("smal", source))


@pytest.mark.parametrize("scores", [True, False])
def test_a_plug_in_that_answers_no_number_leaves_it_unknown(tmp_path, movie, plugged, scores):
    odd = [Sighting("owls", "OWL", math.nan)]
    plugged(lambda frames: [odd if frame.time == 0 else [] for frame in frames], {"owls"})
    config = tmp_path / "my.yaml"
    config.write_text(f"detections: {{owls: {{}}}}\noutput: {{scores: {str(scores).lower()}}}\n")
    report = tmp_path / "a.json"
    assert main([str(movie), "-o", str(report), "--config", str(config)]) == 3
    (owls,) = (c for c in json.loads(report.read_text())["coverage"] if c["category"] == "owls")
    assert owls["status"] == "partial"
    assert "no number" in owls["gaps"][0]["reason"]


def test_a_plug_in_that_does_not_look_for_what_it_was_assigned_is_refused(movie, plugged):
    plugged(lambda frames: [[] for _ in frames], {"Owls"})
    config = Config()
    config.detections = {"owls": CategoryConfig()}
    pipeline = AnalysisPipeline(config, video=movie)
    pipeline.verify_models()
    with pytest.raises(DetectorError, match="'owl-eyes' was assigned owls and says it looks for O"):
        pipeline.analyze()


def test_a_video_that_is_not_there_is_named(tmp_path):
    pipeline = AnalysisPipeline(default_config())
    pipeline.verify_models()
    with pytest.raises(InputNotFoundError, match=r"no\.mp4"):
        pipeline.analyze(tmp_path / "no.mp4")


def test_without_a_video_there_is_nothing_to_analyse():
    pipeline = AnalysisPipeline(default_config(), skip_model_check=True)
    with pytest.raises(ValueError, match="which video"):
        pipeline.analyze()


def test_include_frames_puts_small_pictures_into_the_report(tmp_path):
    video = tmp_path / "portrait.mp4"
    _film_of_the_portrait(video)
    config = Config()
    config.detections = {"faces": CategoryConfig()}
    config.output.include_frames = True
    report = AnalysisPipeline(config, skip_model_check=True).analyze(video)
    assert report["segments"][0]["frame"].startswith("data:image/jpeg;base64,")


def _film_of_the_portrait(path: Path) -> None:
    make_movie(path, seconds=1, size=(512, 600), paint=lambda *_: portrait())
