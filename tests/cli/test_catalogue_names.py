"""Models that are only named: fetched from where the catalogue says, or missed in plain words."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_server import LoopbackHub
from movies import Sound, make_movie, tone
from tiny_clip import make_tiny_clip, quantise
from tiny_tagger import make_tiny_tagger

from video_censor_personal.cli import main

GREEN, GREY = (30, 200, 30), (120, 120, 120)
CLIP, TAGGER = "Xenova/clip-vit-base-patch32", "audiomagic/yamnet-onnx"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a film in which people fight from 1.0 to 2.0 s."""
    for name, folder in (("HF_HOME", "hf"), ("XDG_CACHE_HOME", "cache")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def paint(number: int, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), GREEN if 10 <= number < 20 else GREY, np.uint8)

    make_movie(Path("film.mp4"), seconds=3, paint=paint)
    return tmp_path / "here"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub that has the catalogue's CLIP model and its tagger, tiny ones."""
    folder = quantise(make_tiny_clip(tmp_path / "clip"))
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    contents = {name: path.read_bytes() for name, path in files.items()}
    tagger = make_tiny_tagger(tmp_path / "tagger.onnx").read_bytes()
    with LoopbackHub() as served:
        served.add(CLIP, contents, lfs=[name for name in contents if name.endswith(".onnx")])
        served.add(TAGGER, {"yamnet.onnx": tagger}, lfs=["yamnet.onnx"])
        monkeypatch.setenv("HF_ENDPOINT", served.endpoint)
        yield served


def write(text: str) -> str:
    Path("my.yaml").write_text(f"{text}\nprocessing: {{padding_s: 0}}\n")
    return "my.yaml"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code, and everything said with `--json`."""
    code = main([*arguments, "--json"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def report() -> tuple[list[tuple[list[str], float, float]], dict[str, dict[str, Any]]]:
    """What the report says was found, and the coverage by category."""
    said = json.loads(Path("r.json").read_text())
    found = [
        (s["labels"], s["start_time_seconds"], s["end_time_seconds"]) for s in said["segments"]
    ]
    return found, {part["category"]: part for part in said["coverage"]}


JOB = ("film.mp4", "-o", "r.json", "--force", "--config", "my.yaml")
FIGHT = [(["Violence"], 1.0, 2.0)]


def test_a_named_detector_gets_its_model_from_the_catalogue(hub, capsys) -> None:
    write("detections: {violence: {}}\ndetectors: [{type: zero-shot}]")
    code, (plan,) = run(capsys, *JOB, "--dry-run")
    assert code == 0
    missing = "missing: the model clip-b32 (about 154 MB); without it the run ends with exit code 4"
    assert missing in plan["plan"]
    code, said = run(capsys, *JOB)
    assert code == 4
    assert "clip-b32 (about 154 MB)" in said[-1]["message"]
    assert "video-censor models download clip-b32 --config my.yaml" in said[-1]["message"]
    assert run(capsys, *JOB, "--download-models")[0] == 0
    assert report()[0] == FIGHT
    lock = json.loads(Path("models.lock").read_text())
    assert lock["models"]["clip-b32"]["repository"] == CLIP
    asked = len(hub.requests)
    assert run(capsys, *JOB, "--reanalyse")[0] == 0
    assert len(hub.requests) == asked, "a pin asks nobody"


def test_a_category_that_names_its_detector_is_enough(hub, capsys) -> None:
    write("detections: {violence: {model: zero-shot}}")
    assert run(capsys, *JOB, "--download-models")[0] == 0
    assert report()[0] == FIGHT


def test_what_only_the_program_thought_of_is_not_fetched_but_used_once_it_is_there(
    hub, capsys
) -> None:
    write("detections: {violence: {}}")
    code, said = run(capsys, *JOB, "--download-models")
    assert (code, hub.requests) == (3, [])
    for sentence in (
        said[0]["message"],
        said[-1]["unknown"][0],
        report()[1]["violence"]["notes"][0],
    ):
        assert "zero-shot can, but its model clip-b32 (about 154 MB) is missing" in sentence
        assert "`video-censor models download clip-b32 --config my.yaml`" in sentence
        assert "sound-events" not in sentence, "hearing it would not be enough"
    assert run(capsys, "models", "download", "clip-b32")[0] == 0
    assert not Path("models.lock").exists()
    hub.requests.clear()
    code, said = run(capsys, *JOB)
    assert hub.requests == [], "what was fetched once is known without asking"
    assert (code, report()[0]) == (0, FIGHT)
    assert report()[1]["violence"]["detectors"] == ["zero-shot"]
    code, (listed,) = run(capsys, "models", "list", "--config", "my.yaml")
    assert [(m["name"], m["used_by"]) for m in listed["models"]] == [("clip-b32", ["zero-shot"])]
    assert listed["others"] == []


def test_an_optional_detector_whose_model_is_missing_leaves_a_note(hub, capsys) -> None:
    write("detections: {violence: {}, faces: {}}\ndetectors: [{type: zero-shot, optional: true}]")
    code, said = run(capsys, *JOB)
    assert code == 3
    coverage = report()[1]
    assert (coverage["violence"]["status"], coverage["faces"]["status"]) == ("unknown", "analysed")
    assert "its model clip-b32 (about 154 MB) is missing" in coverage["violence"]["notes"][0]
    assert "zero-shot" in said[-1]["unknown"][0]
    assert run(capsys, *JOB, "--download-models")[0] == 0
    assert report()[0] == FIGHT


def test_an_optional_model_that_cannot_be_had_does_not_stop_the_job(hub, capsys) -> None:
    del hub.repositories[CLIP]
    write("detections: {violence: {}}\ndetectors: [{type: zero-shot, optional: true}]")
    assert run(capsys, *JOB, "--download-models")[0] == 3
    write("detections: {violence: {}}\ndetectors: [{type: zero-shot}]")
    assert run(capsys, *JOB, "--download-models")[0] == 4


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """A machine on which a package is not installed."""
    find = importlib.util.find_spec
    hidden = lambda name, *more: None if name == package else find(name, *more)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", hidden)


def test_an_optional_detector_whose_library_is_missing_leaves_a_note(
    hub, capsys, monkeypatch
) -> None:
    without(monkeypatch, "tokenizers")
    write("detections: {violence: {}}\ndetectors: [{type: zero-shot}]")
    code, said = run(capsys, *JOB)
    assert code == 1
    assert "`optional: true`" in said[-1]["message"]
    write("detections: {violence: {}}\ndetectors: [{type: zero-shot, optional: true}]")
    code, _ = run(capsys, *JOB)
    assert code == 3
    note = report()[1]["violence"]["notes"][0]
    assert "tokenizers is not installed; run: pip install 'video-censor-personal[clip]'" in note
    # Models can be fetched for another machine all the same.
    assert run(capsys, "models", "download", "--config", "my.yaml")[0] == 0


@pytest.mark.parametrize(
    ("kind", "package", "extra"), [("zero-shot", "tokenizers", "clip"), ("llava", "torch", "llava")]
)
def test_one_that_cannot_run_is_told_where_another_looks_as_well(
    hub, capsys, monkeypatch, kind: str, package: str, extra: str
) -> None:
    without(monkeypatch, package)
    write(f"detections: {{sexual_themes: {{}}}}\ndetectors: [{{type: {kind}, optional: true}}]")
    code, said = run(capsys, *JOB)
    assert code == 0, "nudenet looks for it"
    lack = f"{package} is not installed; run: pip install 'video-censor-personal[{extra}]'"
    warnings = [line["message"] for line in said if line["event"] == "warning"]
    assert f"{kind} is not used: {lack}" in warnings
    covered = report()[1]["sexual_themes"]
    assert (covered["status"], covered["detectors"]) == ("analysed", ["nudenet"])
    assert covered["notes"][0] == f"{kind} can look for Sexual Theme, but {lack}"
    code, said = run(capsys, "doctor", "--quick", "--config", "my.yaml")
    (section,) = (s for s in said[-1]["sections"] if s["title"] == "This configuration")
    (told,) = (finding for finding in section["findings"] if finding["name"] == kind)
    assert (told["status"], told["text"]) == ("note", f"would look for Sexual Theme, but {lack}")


def test_the_embedded_listener_takes_the_place_of_an_optional_one_that_cannot_run(
    capsys, monkeypatch
) -> None:
    without(monkeypatch, "faster_whisper")
    write(
        "detections: {profanity: {}}\ndetectors: [{type: whisper, optional: true, words: [zounds]}]"
    )
    Path("film.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nZounds!\n")
    code, said = run(capsys, *JOB)
    assert code == 0
    warnings = [line["message"] for line in said if line["event"] == "warning"]
    assert any("speech-profanity takes its place" in text for text in warnings)
    ((labels, _, _),), coverage = report()
    assert labels == ["Profanity"]
    assert "speech-profanity takes its place" in coverage["profanity"]["notes"][0]


def test_a_profile_fetches_what_can_be_had_and_says_what_cannot(hub, capsys) -> None:
    Path("mine.yaml").write_text(
        "description: of a test\ndetections: {violence: {}, profanity: {}}\ndetectors:\n"
        "  - {type: zero-shot, optional: true}\n  - {type: sound-events, optional: true}\n"
        "  - {type: whisper, optional: true}\nprocessing: {padding_s: 0}\n"
    )
    job = ["film.mp4", "-o", "r.json", "--profile", "mine.yaml", "--download-models"]
    code, said = run(capsys, *job)
    found, coverage = report()
    assert (code, found) == (0, FIGHT)
    assert coverage["violence"]["detectors"] == ["zero-shot", "sound-events"]
    assert coverage["profanity"]["detectors"] == ["speech-profanity"]
    warnings = [line["message"] for line in said if line["event"] == "warning"]
    assert any("whisper-small-en (about 484 MB) is missing" in text for text in warnings)
    # No lock, and yet it is known which bytes the scores were made with.
    code, said = run(capsys, *job[:-1], "--force")
    assert (code, said[-1]["reused_scores"]) == (0, "r.scores.json.gz")


def test_models_commands_are_about_what_the_detectors_take(hub, capsys) -> None:
    write("detections: {violence: {}}\ndetectors: [{type: sound-events}]")
    code, (status,) = run(capsys, "models", "status", "--config", "my.yaml")
    assert (code, [m["name"] for m in status["models"]]) == (4, ["yamnet"])
    assert main(["models", "status", "--profile", "family"]) == 0
    page = capsys.readouterr().out
    assert "0 of 3 are ready; about 638 MB and 1 more (size unknown) to download" in page
    assert run(capsys, "models", "lock", "--config", "my.yaml")[0] == 0
    assert set(json.loads(Path("models.lock").read_text())["models"]) == {"yamnet"}
    assert run(capsys, "models", "download", "--config", "my.yaml")[0] == 0
    assert run(capsys, "models", "status", "--config", "my.yaml")[0] == 0
    assert run(capsys, "models", "prune", "--yes", "--config", "my.yaml")[1][-1]["removed"] == []
    code, (profile,) = run(capsys, "models", "status", "--profile", "family")
    assert (code, [m["state"] for m in profile["models"]]) == (
        0,
        ["missing", "verified", "missing"],
    )


def test_a_name_in_neither_list_is_told_with_the_nearest(capsys) -> None:
    code, said = run(capsys, "models", "download", "clip-b23")
    assert code == 2
    assert "did you mean 'clip-b32'" in said[-1]["message"]


@pytest.mark.parametrize("wish", ["violence: {}", "snake: {description: 'a snake, from near by'}"])
def test_what_was_only_listened_for_is_unknown_with_the_command_that_changes_it(
    hub, capsys, wish: str
) -> None:
    assert run(capsys, "models", "download", "yamnet")[0] == 0
    make_movie(Path("film.mp4"), seconds=3, sounds=[Sound(tone(440))])
    key = wish.split(":")[0]
    write(f"detections: {{{wish}}}")
    code, said = run(capsys, *JOB)
    covered = report()[1][key]
    assert (code, covered["status"], covered["detectors"]) == (3, "unknown", ["sound-events"])
    (gap,) = covered["gaps"]
    assert (gap["start_time_seconds"], gap["end_time_seconds"]) == (0, 3)
    lack = (
        "not looked for in the pictures: zero-shot can, but its model clip-b32 (about 154 MB) is "
        "missing; to fetch it: `video-censor models download clip-b32 --config my.yaml`"
    )
    assert gap["reason"] == lack
    warnings = [line["message"] for line in said if line["event"] == "warning"]
    assert any(lack in text for text in warnings)
    code, said = run(capsys, "doctor", "--quick", "--config", "my.yaml")
    (section,) = (s for s in said[-1]["sections"] if s["title"] == "This configuration")
    assert code == 1
    assert lack in [finding["text"] for finding in section["findings"]]
    for again in (JOB, ("profile", "apply", "r.json", "-o", "r.json", *JOB[-3:])):
        code, _ = run(capsys, *again)
        assert (code, report()[1][key]["gaps"]) == (3, [gap]), "kept scores tell it as well"
    assert run(capsys, "models", "download", "clip-b32")[0] == 0
    assert run(capsys, *JOB)[0] == 0


def test_kept_scores_say_why_they_lack_what_is_asked_for(capsys) -> None:
    assert run(capsys, *JOB[:3])[0] == 0
    code, said = run(capsys, *JOB[:3], "-y", "--profile", "family")
    assert (code, said[-1]["reused_scores"]) == (3, "r.scores.json.gz")
    (note,) = report()[1]["gore"]["notes"]
    assert "`video-censor models download clip-b32`" in note


def test_a_person_may_say_that_its_sound_is_enough(hub, capsys) -> None:
    assert run(capsys, "models", "download", "yamnet")[0] == 0
    write("detections: {violence: {model: sound-events}}")
    assert run(capsys, *JOB)[0] == 0
    assert report()[1]["violence"]["status"] == "analysed"


def test_ears_that_a_profile_asks_for_are_missed_where_there_is_sound(hub, capsys) -> None:
    assert run(capsys, "models", "download", "clip-b32")[0] == 0
    job = [*JOB[:3], "--profile", "family", "--force"]
    make_movie(Path("film.mp4"), seconds=1, sounds=[Sound(tone(440))])
    assert run(capsys, *job)[0] == 3
    violence = report()[1]["violence"]
    assert (violence["status"], violence["detectors"]) == ("partial", ["zero-shot"])
    (gap,) = violence["gaps"]
    assert gap["reason"].startswith(
        "not looked for in the sound: sound-events can, but its model yamnet"
    )
    assert main(["profile", "show", "family"]) == 0
    page = capsys.readouterr().out
    assert "Violence is not looked for in the sound: sound-events can, but its model yamnet" in page
    make_movie(Path("film.mp4"), seconds=1)
    assert run(capsys, *job)[0] == 0, "a film without sound needs no ears"
    assert report()[1]["violence"]["gaps"] == []
    assert run(capsys, "profile", "apply", "r.json", "--profile", "family", "-o", "s.json")[0] == 0


def test_what_is_damaged_is_not_called_missing(hub, home: Path, capsys) -> None:
    assert run(capsys, "models", "download", "yamnet")[0] == 0
    make_movie(Path("film.mp4"), seconds=1, sounds=[Sound(tone(440))])
    (blob,) = (home.parent / "hf").glob("hub/models--*/blobs/*")
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    write("detections: {screams: {}}\ndetectors: [{type: sound-events, optional: true}]")
    code, said = run(capsys, *JOB)
    assert code == 3
    lack = "its model yamnet (size unknown) is damaged; to fetch it: `"
    assert any(lack in line["message"] for line in said if line["event"] == "warning")
    assert any(
        line.startswith("damaged: the model yamnet")
        for line in run(capsys, *JOB, "--reanalyse", "--dry-run")[1][-1]["plan"]
    )
    code, said = run(capsys, "doctor", "--quick", "--config", "my.yaml")
    assert "is damaged" in json.dumps(said[-1])
    assert run(capsys, *JOB, "--download-models")[0] == 0


@pytest.mark.parametrize("look", ["candidates", "scenes"])
def test_a_second_look_that_is_absent_has_not_looked(hub, capsys, look: str) -> None:
    assert run(capsys, "models", "download", "yamnet")[0] == 0
    server = f"{{type: llava-endpoint, url: 'http://127.0.0.1:9/v1', retries: 0, look: {look}"
    write(f"detections: {{violence: {{}}}}\ndetectors: [{server}, optional: true}}]")
    code, _ = run(capsys, *JOB)
    assert (code, report()[1]["violence"]["status"]) == (3, "unknown")


WISHES = (
    "detections: {violence: {}, screams: {}}\n"
    "detectors: [{type: zero-shot%s}, {type: sound-events%s}]"
)


def lose(home: Path, repository: str) -> None:
    """As if nobody had fetched its model."""
    (folder,) = (home.parent / "hf").glob(f"hub/models--*{repository}*")
    shutil.rmtree(folder)


def warnings_of(said: list[dict[str, Any]]) -> list[str]:
    return [line["message"] for line in said if line["event"] == "warning"]


@pytest.mark.parametrize("optional", [True, False])
def test_what_is_heard_and_kept_is_not_missed_where_its_model_is_gone(
    hub, home: Path, capsys, optional: bool
) -> None:
    make_movie(Path("film.mp4"), seconds=1, sounds=[Sound(tone(440))])
    maybe = ", optional: true" if optional else ""
    write(WISHES % (maybe, maybe))
    assert run(capsys, "models", "download", "yamnet", "clip-b32")[0] == 0
    assert run(capsys, *JOB)[0] == 0
    lose(home, "yamnet")
    write(WISHES % (", tiles: 2" + maybe, maybe))
    code, said = run(capsys, *JOB, "--dry-run")
    assert (code, said[-1]["missing_models"]) == (0, [])
    assert len(warnings_of(said)) == 1
    code, said = run(capsys, *JOB)
    assert (code, said[-1]["reused_scores"]) == (0, None)
    (told,) = warnings_of(said)
    assert "only used again for what is heard" in told
    assert report()[1]["screams"]["status"] == "analysed"


def test_what_was_seen_is_not_missed_where_what_was_heard_is_unknown(
    hub, home: Path, capsys
) -> None:
    make_movie(Path("film.mp4"), seconds=1, sounds=[Sound(tone(440))])
    write((WISHES % (", optional: true", ", optional: true")).replace(", screams: {}", ""))
    assert run(capsys, "models", "download", "clip-b32")[0] == 0
    assert run(capsys, *JOB)[0] == 3
    lose(home, "clip-vit")
    code, said = run(capsys, *JOB)
    assert (code, bool(said[-1]["reused_scores"])) == (3, True)
    assert report()[1]["violence"]["status"] == "partial"
    (told,) = warnings_of(said)
    assert told.startswith("Violence is not looked for in the sound: ")


def test_what_nobody_looks_for_is_told_once(capsys) -> None:
    make_movie(Path("film.mp4"), seconds=1, sounds=[Sound(tone(440))])
    code, said = run(capsys, *JOB[:3], "--profile", "family")
    assert code == 3
    told = warnings_of(said)
    assert any("zero-shot can, but its model clip-b32" in text for text in told)
    assert not [text for text in told if text.startswith(("zero-shot is", "sound-events is"))]
    assert any("speech-profanity takes its place" in text for text in told)
