"""A chat server that says no to everything, beside a CLIP model and one that hears."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import ChatServer
from movies import Sound, make_movie

from video_censor_personal.cli import main

GREEN, GREY = (30, 200, 30), (120, 120, 120)
Run = Callable[..., int]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(lambda *_: (False, 1.0)) as made:
        yield made


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A fight in the picture from 2 to 4 s, a scream from 6 to 8 s."""

    def paint(number: int, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), GREEN if 20 <= number < 40 else GREY, np.uint8)

    def signal(times: np.ndarray) -> np.ndarray:
        return 0.1 * np.sin(2 * np.pi * 1000 * times) * ((times >= 6) & (times < 8))

    return make_movie(tmp_path / "a.mp4", seconds=12, paint=paint, sounds=[Sound(signal)]).path


@pytest.fixture
def run(tmp_path: Path, movie: Path, tiny_models: str, server: ChatServer) -> Run:
    """Writes the configuration and runs the command, or another one, with it."""

    def command(*words: str, options: str = "", zero_shot: str = "", screams: str = "") -> int:
        config = tmp_path / "my.yaml"
        config.write_text(
            f"detections: {{violence: {{}}, screams: {{{screams}}}}}\n"
            f"detectors:\n  - {{type: zero-shot{zero_shot}}}\n  - {{type: sound-events}}\n"
            f"  - {{type: llava-endpoint, url: '{server.url}', model: 'llava:7b'{options}}}\n"
            f"processing: {{padding_s: 0}}\n{tiny_models}"
        )
        job = words or (str(movie), "--download-models", "--force")
        return main([*job, "-o", str(tmp_path / "a.json"), "--config", str(config)])

    return command


def found(tmp_path: Path) -> set[tuple[str, str]]:
    report = json.loads((tmp_path / "a.json").read_text())
    return {
        (d["category"].casefold(), d["detector"])
        for s in report["segments"]
        for d in s["detections"]
    }


def coverage(tmp_path: Path, category: str) -> dict[str, Any]:
    report = json.loads((tmp_path / "a.json").read_text())
    (part,) = (c for c in report["coverage"] if c["category"] == category)
    return dict(part)


def test_silent_frames_say_nothing_of_what_is_heard(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(options=", may_clear: true") == 0
    assert found(tmp_path) >= {("violence", "sound-events"), ("screams", "sound-events")}
    assert ("violence", "zero-shot") not in found(tmp_path)
    note = coverage(tmp_path, "violence")["notes"][0]
    assert "1 stretch was found and cleared, because llava-endpoint may clear" in note
    assert "00:00:02.000–00:00:04.000" in note
    assert note in capsys.readouterr().err


def test_sounds_are_left_to_those_that_listen(run: Run, server: ChatServer, tmp_path: Path) -> None:
    without = ", enabled: false"
    assert run(zero_shot=without) == 3, "nobody looks at all pictures for violence"
    assert coverage(tmp_path, "screams")["status"] == "analysed"
    assert coverage(tmp_path, "screams")["detectors"] == ["sound-events"]
    asked = [q.fields["messages"][0]["content"][1]["text"] for q in server.questions]
    assert asked
    assert not any("screams" in text for text in asked)
    described = "description: a person with an open mouth"
    run(zero_shot=without, screams=described)
    assert set(coverage(tmp_path, "screams")["detectors"]) == {"sound-events", "llava-endpoint"}
    run(zero_shot=without, screams="model: llava-endpoint")
    assert coverage(tmp_path, "screams")["detectors"] == ["llava-endpoint"]


def test_whether_a_no_clears_is_for_the_configuration_that_judges_to_say(
    run: Run, server: ChatServer, tmp_path: Path
) -> None:
    assert run(options=", may_clear: true") == 0
    asked = len(server.questions)
    apply = ("profile", "apply", str(tmp_path / "a.scores.json.gz"), "--force")
    assert run(*apply, options=", may_clear: false") == 0
    assert ("violence", "zero-shot") in found(tmp_path)
    assert "cleared" not in " ".join(coverage(tmp_path, "violence")["notes"])
    assert run(*apply, options=", may_clear: true") == 0
    assert ("violence", "zero-shot") not in found(tmp_path)
    assert run(options="") == 0
    assert ("violence", "zero-shot") in found(tmp_path)
    assert len(server.questions) == asked, "the same answers are judged otherwise"
