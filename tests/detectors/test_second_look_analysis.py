"""From what a cheap detector suspects to what the report says, as a person would run it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import ChatServer, Reply, completion
from hub_server import LoopbackHub
from movies import make_movie
from tiny_clip import make_tiny_clip

from video_censor_personal.cli import main
from video_censor_personal.config import load_config
from video_censor_personal.errors import ConfigError
from video_censor_personal.pipeline import AnalysisPipeline

KEY = "sk-do-not-tell-anyone"
RED, GREY = (200, 145, 145), (120, 120, 120)  # of which the tiny CLIP is nearly sure
Censor = Callable[..., int]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(is_reddish) as made:
        yield made


def is_reddish(picture: np.ndarray, _: str) -> tuple[bool, float]:
    red, green, _ = picture.mean(axis=(0, 1))
    return bool(red > green + 30), 0.6


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Grey, bloody from 2.0 to 3.5 s; ten frames a second."""

    def paint(number: int, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), RED if 20 <= number < 35 else GREY, np.uint8)

    return make_movie(tmp_path / "movie.mp4", seconds=6, paint=paint).path


@pytest.fixture
def censor(tmp_path: Path, movie: Path, hub: LoopbackHub, server: ChatServer) -> Censor:
    """Runs the command with a CLIP model that is sure of nothing (`least`: from which score on it
    is), and the server's."""
    files = {p.relative_to(tmp_path / "clip").as_posix(): p for p in folder(tmp_path / "clip")}
    contents = {name: path.read_bytes() for name, path in files.items()}
    hub.add("org/clip", contents, lfs=[name for name in contents if name.endswith(".onnx")])

    def run(
        options: str = "", *, least: float = 1.0, sensitivity: float = 0.5, named: bool = True
    ) -> int:
        options += ", model: 'llava:7b'" if named else ""
        (tmp_path / "concepts.yaml").write_text(
            f"scales: {{clip: {{strict: 1.0, default: {least}, lenient: 0.5}}}}\n"
        )
        (tmp_path / "my.yaml").write_text(
            f"detections: {{gore: {{sensitivity: {sensitivity}}}}}\n"
            "detectors:\n  - {type: zero-shot, concepts: concepts.yaml}\n"
            f"  - {{type: llava-endpoint, url: '{server.url}'{options}}}\n"
            "processing: {padding_s: 0}\n"
            "models:\n  cache_dir: models\n"
            "  sources: [{name: clip-b32, url: hf://org/clip}]\n"
        )
        report, config = str(tmp_path / "a.json"), str(tmp_path / "my.yaml")
        return main([str(movie), "-o", report, "--config", config, "--download-models", "--force"])

    return run


def folder(path: Path) -> list[Path]:
    return [file for file in make_tiny_clip(path).rglob("*") if file.is_file()]


def report(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "a.json").read_text())
    return found


def spans(tmp_path: Path) -> list[tuple[float, float]]:
    return [(s["start_time_seconds"], s["end_time_seconds"]) for s in report(tmp_path)["segments"]]


def gore(tmp_path: Path) -> dict[str, Any]:
    (part,) = (c for c in report(tmp_path)["coverage"] if c["category"] == "gore")
    return dict(part)


def test_what_is_only_suspected_counts_when_it_is_confirmed(
    censor: Censor, server: ChatServer, tmp_path: Path
) -> None:
    assert censor() == 0
    assert spans(tmp_path) == [(2.0, 3.5)]
    (segment,) = report(tmp_path)["segments"]
    assert {d["detector"] for d in segment["detections"]} == {"zero-shot", "llava-endpoint"}
    assert len(server.questions) == 2
    assert all(asked.picture is not None for asked in server.questions)
    assert gore(tmp_path)["status"] == "analysed"
    server.sees = lambda *_: (False, 0.9)
    assert censor(", max_side: 640") == 0
    assert spans(tmp_path) == []


def test_a_no_takes_away_what_another_is_sure_of_only_where_it_may(
    censor: Censor, server: ChatServer, tmp_path: Path
) -> None:
    server.sees = lambda *_: (False, 1.0)
    assert censor(least=0.7) == 0
    assert spans(tmp_path) == [(2.0, 3.5)]
    assert censor(", may_clear: true", least=0.7) == 0
    assert spans(tmp_path) == []


def test_a_chatty_model_leaves_it_unknown(
    censor: Censor, server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.every = Reply(200, completion("I'm sorry, but I can't help with that."))
    assert censor(least=0.7) == 3
    assert spans(tmp_path) == [(2.0, 3.5)], "what another is sure of stays"
    covered = gore(tmp_path)
    assert covered["status"] == "partial"
    (gap,) = covered["gaps"]
    assert "no usable answer" in gap["reason"]
    assert "no usable answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(400, b'{"error": {"message": "no vision"}}'),
        Reply(404),
        Reply(200, completion("I'm sorry, but I can't help with that.")),
        Reply(200, b'{"error": {"message": "the model is loading"}}'),
        Reply(200, completion(None, refusal="I do not look at this.")),
    ],
    ids=["no vision", "gone", "chatty", "error with 200", "refusal"],
)
def test_what_was_not_answered_is_asked_again_by_the_next_run(
    censor: Censor, server: ChatServer, tmp_path: Path, trouble: Reply
) -> None:
    server.every = trouble
    assert censor() == 3
    server.every = None
    assert censor() == 0
    assert spans(tmp_path) == [(2.0, 3.5)]
    asked = len(server.questions)
    assert censor() == 0
    assert len(server.questions) == asked, "what was answered is not"


def test_the_only_model_of_a_server_is_named_in_the_report_and_not_taken_for_the_same_again(
    censor: Censor, server: ChatServer, tmp_path: Path
) -> None:
    assert censor(named=False) == 0
    (segment,) = report(tmp_path)["segments"]
    models = {d["detector"]: d["model"] for d in segment["detections"]}
    assert models["llava-endpoint"].startswith(f"llava:7b at {server.url}, prompt ")
    asked = len(server.questions)
    assert censor(named=False) == 0
    assert len(server.questions) == 2 * asked


def test_no_more_frames_are_sent_than_the_budget_has(
    censor: Censor, server: ChatServer, tmp_path: Path
) -> None:
    assert censor(", budget: 1") == 0
    assert len(server.questions) == 1


def test_other_sensitivities_ask_nobody_again(
    censor: Censor, server: ChatServer, tmp_path: Path
) -> None:
    assert censor() == 0
    asked = len(server.questions) + len(server.others)
    assert censor(sensitivity=0.0) == 0
    assert spans(tmp_path) == []
    assert censor(sensitivity=1.0) == 0
    assert spans(tmp_path) == [(2.0, 3.5)]
    assert len(server.questions) + len(server.others) == asked


def test_a_server_that_is_not_there_ends_it_before_the_film(
    censor: Censor, server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.listing = Reply(503, headers={"Retry-After": "0"})
    assert censor() == 1
    assert f"cannot use the server {server.url}: HTTP 503" in capsys.readouterr().err
    assert not (tmp_path / "a.json").exists()


def test_one_that_is_optional_leaves_a_note(
    censor: Censor, server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.listing = Reply(503, headers={"Retry-After": "0"})
    assert censor(", optional: true", least=0.7) == 0
    assert "llava-endpoint is not used" in capsys.readouterr().err
    assert spans(tmp_path) == [(2.0, 3.5)]
    assert "HTTP 503" in " ".join(gore(tmp_path)["notes"])
    server.listing = None
    assert censor(", optional: true", least=0.7) == 0
    assert len(server.questions) == 2, "what was missing then is asked once it is there"


def test_a_second_opinion_that_is_missing_costs_no_first_one(movie: Path, tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"
    config.write_text(
        "detections: {nudity: {}}\ndetectors:\n"
        "  - {type: llava-endpoint, url: 'http://127.0.0.1:9/v1', retries: 0, optional: true}\n"
    )
    report_file = str(tmp_path / "a.json")
    assert main([str(movie), "-o", report_file, "--config", str(config)]) == 0
    (nudity,) = (c for c in report(tmp_path)["coverage"] if c["category"] == "nudity")
    assert (nudity["status"], nudity["gaps"]) == ("analysed", [])
    assert "nudenet" in nudity["detectors"]


def test_what_is_only_looked_at_again_is_said_to_be_unknown_before_the_film(tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"

    def said(options: str) -> str:
        config.write_text(
            "detections: {gore: {}, nudity: {}}\n"
            f"detectors: [{{type: llava-endpoint, url: 'http://127.0.0.1:9/v1'{options}}}]\n"
        )
        return " ".join(AnalysisPipeline(load_config(config)).blind_spots())

    assert said("").startswith("gore is not looked for: llava-endpoint can, but only where another")
    assert "nudity" not in said("").casefold()
    assert said(", look: scenes") == ""


def test_the_key_is_in_nothing_that_is_written_or_said(
    censor: Censor,
    server: ChatServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server.replies.append(Reply(400, KEY.encode()))
    assert censor(", api_key_env: MY_KEY, concurrency: 1") == 3
    assert server.questions[0].headers["Authorization"] == f"Bearer {KEY}"
    captured = capsys.readouterr()
    said = [captured.out, captured.err]
    said += [p.read_text("latin-1") for p in tmp_path.glob("a*") if p.is_file()]
    assert not any(KEY in text for text in said)


@pytest.mark.skipif(sys.platform != "linux", reason="0.0.0.0 is this machine on Linux only")
def test_frames_that_leave_the_machine_are_warned_of(
    movie: Path, server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "my.yaml"
    url = f"http://0.0.0.0:{server.port}/v1"
    config.write_text(
        "detections: {gore: {}}\n"
        f"detectors: [{{type: llava-endpoint, url: '{url}', look: scenes}}]\n"
    )
    assert main([str(movie), "-o", str(tmp_path / "a.json"), "--config", str(config)]) == 0
    warning = f"frames of the video leave this machine, unencrypted for {url}"
    assert capsys.readouterr().err.count(warning) == 1


def test_who_names_it_without_an_address_is_told_so(tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"
    config.write_text("detections: {gore: {model: llava-endpoint}}\n")
    with pytest.raises(ConfigError, match="needs the `url` of a server"):
        AnalysisPipeline(load_config(config))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_does_not_wait_for_an_answer(
    movie: Path, server: ChatServer, tmp_path: Path, number: signal.Signals
) -> None:
    server.every = Reply(silent=True)
    config = tmp_path / "my.yaml"
    config.write_text(
        "detections: {gore: {}}\n"
        f"detectors: [{{type: llava-endpoint, url: '{server.url}', look: scenes}}]\n"
    )
    job = [str(movie), "-o", str(tmp_path / "a.json"), "--config", str(config)]
    process = subprocess.Popen([sys.executable, "-m", "video_censor", *job])
    assert server.was_asked.wait(60)
    process.send_signal(number)
    assert process.wait(20) == 130
    assert {path.name for path in tmp_path.iterdir()} == {"my.yaml", "movie.mp4"}


def test_the_example_configuration_names_what_is_there() -> None:
    example = Path(__file__).parents[2] / "examples" / "second-looks.yaml"
    lines = AnalysisPipeline(load_config(example)).describe()
    assert "Violence, gore, fireworks (llava-endpoint)" in lines
    assert "Violence, gore, fireworks (zero-shot)" in lines
