"""LLaVA in this process: yes or no by what it would say first. Needs torch; see CONTRIBUTING.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hub_server import LoopbackHub
from movies import make_movie
from pictures import frame
from tiny_llava import make_tiny_llava

from video_censor_personal.cli import main
from video_censor_personal.detectors.base import CategorySettings, DetectorSettings
from video_censor_personal.detectors.llava import Llava, plugin
from video_censor_personal.detectors.second_look import Answer, Question
from video_censor_personal.errors import ConfigError, DetectorError

lacking = plugin.available()
needs_torch = [
    pytest.mark.llava,
    pytest.mark.skipif(lacking is not None, reason=str(lacking)),
    # What torch and transformers say of each other's future is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

RED, GREEN = (200, 30, 30), (30, 200, 30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llava(tmp_path_factory.mktemp("llava") / "model")


def settings(folder: Path, *, description: str = "", **options: object) -> DetectorSettings:
    chosen = {
        "gore": CategorySettings("gore", "Gore", description=description),
        "violence": CategorySettings("violence", "Violence"),
    }
    return DetectorSettings("mine", chosen, options, model_paths={"llava-7b": folder})


def question(colour: tuple[int, int, int], *categories: str, shape: tuple[int, int] = (90, 160)):
    picture = np.full((*shape, 3), colour, np.uint8)
    return Question(frame(picture), frozenset(categories or ("gore",)))


def yeses(looker: Llava, *questions: Question) -> list[bool]:
    answers = looker.answer(questions)
    assert not any(answer.failure for answer in answers)
    return [answer.scores["gore"] > 0.5 for answer in answers]


class TestWithTorch:
    pytestmark = needs_torch

    def test_each_frame_gets_its_own_answer_in_batches_and_alone(self, folder: Path) -> None:
        looker = plugin.build(settings(folder, batch=3))
        asked = [question(c) for c in (RED, GREEN, GREEN, RED, RED, GREEN, RED)]
        together = looker.answer(asked)
        assert [a.scores["gore"] > 0.5 for a in together] == [1, 0, 0, 1, 1, 0, 1]
        for one, answer in zip(asked, together, strict=True):
            assert looker.answer([one])[0].scores == pytest.approx(answer.scores, abs=1e-3)
        assert looker.answer([]) == []

    def test_every_category_in_question_is_asked_for_and_no_other(self, folder: Path) -> None:
        looker = plugin.build(settings(folder))
        one, both = looker.answer([question(RED, "violence"), question(RED, "gore", "violence")])
        assert set(one.scores) == {"violence"}
        assert set(both.scores) == {"gore", "violence"}

    def test_the_edges_of_wide_and_of_tall_pictures_are_seen(self, folder: Path) -> None:
        looker = plugin.build(settings(folder))
        wide = np.full((60, 240, 3), (120, 120, 120), np.uint8)
        wide[:, :70] = wide[:, -70:] = (255, 0, 0)  # outside the square in the middle
        assert yeses(looker, Question(frame(wide), frozenset({"gore"})))
        assert yeses(looker, question(RED, shape=(240, 60)), question(GREEN, shape=(240, 60))) == [
            True,
            False,
        ]

    def test_the_concept_and_the_persons_own_prompt_are_what_is_asked(
        self, folder: Path, tmp_path: Path
    ) -> None:
        full_of_z = "Z" * 40
        assert yeses(plugin.build(settings(folder)), question(RED)) == [True]
        described = plugin.build(settings(folder, description=full_of_z))
        assert yeses(described, question(RED)) == [False]
        (tmp_path / "my.txt").write_text(f"{full_of_z} {{concept}}?")
        prompted = plugin.build(settings(folder, prompt=str(tmp_path / "my.txt")))
        assert yeses(prompted, question(RED)) == [False]

    def test_a_model_that_would_say_something_else_gives_no_answer(self, tmp_path: Path) -> None:
        chatty = make_tiny_llava(tmp_path / "model", says=("Certainly!", "It is hard to say."))
        (answer,) = plugin.build(settings(chatty)).answer([question(RED)])
        assert answer == Answer(failure="no usable answer: the model would say neither yes nor no")

    def test_what_is_no_model_is_refused_by_its_place(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "model").mkdir()
        for file in folder.iterdir():
            if file.suffix != ".safetensors":
                (tmp_path / "model" / file.name).write_bytes(file.read_bytes())
        for broken in (tmp_path / "model", tmp_path):
            with pytest.raises(DetectorError, match=rf"cannot load the model {broken}"):
                plugin.build(settings(broken))

    @pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has it")
    def test_a_device_that_is_not_there_is_refused(self, folder: Path) -> None:
        wanted = replace(settings(folder), device="coreml")
        with pytest.raises(DetectorError, match="'coreml'"):
            plugin.build(wanted)
        assert "'coreml'" in plugin.device_problem(wanted)

    def test_what_is_no_device_of_torch_is_replaced_by_the_processor(self, folder: Path) -> None:
        wanted = replace(settings(folder), device="directml")
        assert plugin.build(wanted)
        assert plugin.warnings(wanted) == ["mine runs on the CPU: torch cannot use directml"]

    def test_it_finds_what_a_film_shows_scene_by_scene(
        self, folder: Path, tmp_path: Path, hub: LoopbackHub
    ) -> None:
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
        hub.add("org/llava", files, lfs=["model.safetensors"])
        movie = make_movie(tmp_path / "movie.mp4", seconds=6, paint=red_from_two_to_four)
        config = tmp_path / "my.yaml"
        config.write_text(
            "detections: {violence: {}}\n"
            "detectors: [{type: llava, look: scenes, every_s: 2}]\n"
            "processing: {padding_s: 0, device: cpu}\n"
            "models:\n  cache_dir: models\n"
            "  sources: [{name: llava-7b, url: hf://org/llava}]\n"
        )
        report = tmp_path / "a.json"
        job = [str(movie.path), "-o", str(report), "--config", str(config)]
        assert main(job) == 4, "without the model nothing begins"
        assert main([*job, "--download-models"]) == 0
        (segment,) = json.loads(report.read_text())["segments"]
        assert (segment["start_time_seconds"], segment["end_time_seconds"]) == (2, 4)
        assert segment["labels"] == ["Violence"]


def red_from_two_to_four(number: int, width: int, height: int) -> np.ndarray:
    colour = RED if 20 <= number < 40 else GREEN
    return np.full((height, width, 3), colour, np.uint8)


# -- what needs no torch


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found: Callable[[str], object] = {"torch": None}.get
    monkeypatch.setattr("importlib.util.find_spec", found)
    assert plugin.available() == (
        "torch is not installed; run: pip install 'video-censor-personal[llava]'"
    )


def test_a_file_is_no_folder_of_a_model(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="is a repository, not one file"):
        plugin.build(settings(tmp_path / "nothing"))


def test_a_prompt_without_the_place_for_the_concept_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my.txt").write_text("Is it bad?")
    with pytest.raises(ConfigError, match=r"must hold \{concept\}"):
        plugin.check(settings(tmp_path, prompt=str(tmp_path / "my.txt")))
