"""A second run on an unchanged video takes the kept scores, unless what matters has changed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from model_host import ModelHost, model
from movies import Sound, make_movie, tone
from pictures import scaled, with_portrait

from video_censor_personal.analysis.scores import read_scores, write_scores
from video_censor_personal.cli import main
from video_censor_personal.config import CategoryConfig, Config, DetectorConfig
from video_censor_personal.job import Outcome, Request, plan_job, run_job
from video_censor_personal.reports.likeness import fingerprint

CONFIG = "detections: {faces: {sensitivity: %s}, nudity: {}, profanity: {}}\n%s"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that counts at 0.5 and not at 0.1."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    make_movie(
        path,
        seconds=1,
        size=(512, 288),
        sounds=[Sound(tone(440))],
        paint=lambda _, width, height: scaled(with_portrait(0, 0, 1024, 576), width, height),
    )
    return path


@pytest.fixture
def censor(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., dict[str, Any]]:
    """Runs the command on a copy of the film; its result, and what it `warned` of."""
    movie = tmp_path / "film.mp4"
    shutil.copy2(film, movie)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no models of this machine's user"))

    def run(*options: str, sensitivity: float = 0.5, more: str = "", fails: int = 0) -> Any:
        (tmp_path / "my.yaml").write_text(CONFIG % (sensitivity, more))
        config, report = str(tmp_path / "my.yaml"), str(tmp_path / "r.json")
        command = [str(movie), "-o", report, "--config", config]
        assert main([*command, "--json", *options]) == fails
        lines = capsys.readouterr().out.splitlines()
        results = [json.loads(line) for line in lines]
        warned = [r["message"] for r in results if r["event"] == "warning"]
        result = next(r for r in results if r["event"] in ("result", "error"))
        return {**result, "warned": " ".join(warned)}

    return run


@pytest.fixture(scope="module")
def written(film: Path) -> list[Path]:
    """The files that a run at a sensitivity of 0.5 writes."""
    (film.parent / "my.yaml").write_text(CONFIG % (0.5, ""))
    config, report = str(film.parent / "my.yaml"), str(film.parent / "r.json")
    assert main([str(film), "-o", report, "--config", config, "--quiet"]) == 0
    return list(film.parent.glob("r.*"))


@pytest.fixture
def analysed(written: list[Path], tmp_path: Path) -> None:
    """As after such a run."""
    for path in written:
        (tmp_path / path.name).write_bytes(path.read_bytes())


def test_a_second_run_with_another_sensitivity_needs_no_analysis(censor, tmp_path):
    first = censor()
    assert (first["segments"], first["reused_scores"]) == (1, None)
    assert first["scores"] == str(tmp_path / "r.scores.json.gz")
    before = (tmp_path / "r.scores.json.gz").read_bytes()
    again = censor("--force", sensitivity=0.1)
    assert (again["segments"], again["scores"]) == (0, None)
    assert again["reused_scores"] == str(tmp_path / "r.scores.json.gz")
    back = censor("--force", sensitivity=0.5)
    assert back["segments"] == 1
    assert (tmp_path / "r.scores.json.gz").read_bytes() == before


def test_a_subset_of_the_categories_needs_none_either(censor, analysed, tmp_path):
    off = "detectors: [{type: speech-profanity, enabled: false}]"
    (tmp_path / "film.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nNo matter.\n")
    again = censor("--force", more=off, fails=3)
    assert again["reused_scores"]
    (unknown,) = again["unknown"]
    assert unknown.startswith("Profanity: not looked for: whisper can, but its model")


def test_decisions_survive_all_but_an_analysis_that_was_asked_for(censor, analysed, tmp_path):
    report = json.loads((tmp_path / "r.json").read_text())
    report["segments"][0]["allow"] = True
    (tmp_path / "r.json").write_text(json.dumps(report))
    assert censor("--force")["flagged_segments"] == 0
    (tmp_path / "r.scores.json.gz").unlink()
    assert censor("--force")["flagged_segments"] == 0, "analysed again, but nobody asked for that"
    assert censor("--force", "--reanalyse")["flagged_segments"] == 1


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text.replace(",", "", 1), "line 3"),
        (lambda text: text.replace('"allow": true', '"allow": "true"'), "segment 1: allow is"),
        (
            lambda text: text.replace('"duration', '"was').replace('"fingerprint', '"w'),
            "belongs to",
        ),
    ],
    ids=["a comma is missing", "text for true", "of another video"],
)
def test_a_report_whose_decisions_would_be_lost_is_not_replaced(
    censor, analysed, tmp_path, spoil, says
):
    report = tmp_path / "r.json"
    text = report.read_text().replace('"allow": false', '"allow": true')
    text = text.replace('"file": "film.mp4"', '"file": "other.mp4"').replace('film.mp4"', 'o.mp4"')
    report.write_text(spoil(text))
    before = {path.name: path.read_bytes() for path in tmp_path.glob("r.*")}
    error = censor("--force", fails=1)["message"]
    assert says in error
    assert "--reanalyse" in error
    assert {path.name: path.read_bytes() for path in tmp_path.glob("r.*")} == before
    assert censor("--force", "--reanalyse")["flagged_segments"] == 1


def test_a_segment_after_the_end_of_the_film_is_named_and_refused(censor, analysed, tmp_path):
    report = json.loads((tmp_path / "r.json").read_text())
    report["segments"][0] |= {"start_time_seconds": 100, "end_time_seconds": 110}
    (tmp_path / "r.json").write_text(json.dumps(report))
    error = censor("--force", fails=1)["message"]
    assert "segment 1 (00:01:40.000–00:01:50.000 Faces) begins after the end" in error
    report["segments"][0]["allow"] = True
    (tmp_path / "r.json").write_text(json.dumps(report))
    assert censor("--force")["flagged_segments"] == 0


def test_a_report_without_decisions_is_replaced_whatever_it_is_of(censor, analysed, tmp_path):
    report = json.loads((tmp_path / "r.json").read_text())
    report["metadata"] = {"duration_seconds": 3600}
    (tmp_path / "r.json").write_text(json.dumps(report))
    assert censor("--force")["flagged_segments"] == 1


def test_decisions_survive_in_a_report_that_does_not_say_of_which_file_it_is(
    censor, analysed, tmp_path
):
    report = json.loads((tmp_path / "r.json").read_text())
    report["segments"][0]["allow"] = True
    report["metadata"] = {}
    (tmp_path / "r.json").write_text(json.dumps(report))
    assert censor("--force")["flagged_segments"] == 0


def test_a_report_that_is_spoilt_while_the_video_is_analysed_stays(
    censor, analysed, tmp_path, monkeypatch
):
    from video_censor_personal.pipeline import AnalysisPipeline

    conclude = AnalysisPipeline.conclude

    def meanwhile(self, scores):
        (tmp_path / "r.json").write_text('{"segments": [}')
        return conclude(self, scores)

    monkeypatch.setattr(AnalysisPipeline, "conclude", meanwhile)
    (tmp_path / "r.scores.json.gz").unlink()
    assert "line 1" in censor("--force", fails=1)["message"]
    assert (tmp_path / "r.json").read_text() == '{"segments": [}'
    assert read_scores(tmp_path / "r.scores.json.gz").evidence.witnesses, "the work is kept"


def test_decisions_survive_a_run_that_does_not_find_what_they_are_about(censor, analysed, tmp_path):
    report = json.loads((tmp_path / "r.json").read_text())
    report["segments"][0]["allow"] = True
    (tmp_path / "r.json").write_text(json.dumps(report))
    between = censor("--force", sensitivity=0.1)
    assert (between["segments"], between["flagged_segments"]) == (1, 0)
    (kept,) = json.loads((tmp_path / "r.json").read_text())["segments"]
    assert (kept["allow"], kept["found"]) == (True, False)
    assert "Not found by the latest analysis" in (tmp_path / "r.html").read_text()
    assert censor("--force")["flagged_segments"] == 0
    (found,) = json.loads((tmp_path / "r.json").read_text())["segments"]
    assert (found["allow"], "found" in found) == (True, False)


def test_what_an_option_allowed_is_not_taken_for_a_decision(censor):
    assert censor("--allow-all-segments")["flagged_segments"] == 0
    assert censor("--force")["flagged_segments"] == 1


def test_a_dry_run_says_so_and_lists_what_would_be_written(censor, tmp_path):
    plan = censor("--dry-run")
    assert plan["writes"] == [str(tmp_path / n) for n in ("r.json", "r.scores.json.gz", "r.html")]
    censor()
    plan = censor("--dry-run", "--force")
    assert "no analysis: the scores of 20" in plan["plan"][1]
    assert plan["writes"] == [str(tmp_path / n) for n in ("r.json", "r.html")]


def test_reanalyse_looks_again(censor, analysed, tmp_path):
    made_at = read_scores(tmp_path / "r.scores.json.gz").made_at
    assert censor("--force", "--reanalyse")["reused_scores"] is None
    assert read_scores(tmp_path / "r.scores.json.gz").made_at > made_at


@pytest.mark.parametrize(
    "more",
    [
        "detectors: [{type: nudenet, size: 640}]",
        "detectors: [{type: nudenet, name: eyes}]",
        "detectors: [{type: speech-profanity, words: [frak]}]",
        "processing: {frame_sampling: {sample_rate: 0.25}}",
    ],
)
def test_another_way_of_looking_needs_another_analysis(censor, analysed, more):
    assert censor("--force", more=more)["reused_scores"] is None


def test_a_list_of_words_that_changed_needs_another_analysis(censor, tmp_path):
    more = "detectors: [{type: speech-profanity, lexicons: [mine.txt]}]"
    (tmp_path / "mine.txt").write_text("frak\n")
    censor(more=more)
    assert censor("--force", more=more)["reused_scores"]
    (tmp_path / "mine.txt").write_text("gorram\n")
    assert censor("--force", more=more)["reused_scores"] is None


def test_a_changed_video_or_its_subtitles_need_another_analysis(censor, analysed, tmp_path):
    (tmp_path / "film.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nDamn.\n")
    result = censor("--force")
    assert (result["reused_scores"], result["segments"]) == (None, 1)
    assert len(json.loads((tmp_path / "r.json").read_text())["segments"][0]["detections"]) == 2
    with (tmp_path / "film.mp4").open("ab") as file:
        file.write(b"\0\0\0\x08free")
    assert censor("--force")["reused_scores"] is None


def test_a_video_that_was_changed_where_no_sample_is_taken_is_analysed_again(censor, tmp_path):
    movie = tmp_path / "film.mp4"
    content = movie.read_bytes() + (8_000_000).to_bytes(4, "big") + b"free" + bytes(7_999_992)
    movie.write_bytes(content)
    censor()
    before = fingerprint(movie)
    with movie.open("r+b") as file:
        file.seek(len(content) - 100_000)
        file.write(b"another")
    assert fingerprint(movie) == before, "the test is about what it does not see"
    assert censor("--force")["reused_scores"] is None
    assert censor("--force")["reused_scores"]
    os.utime(movie, (1, 1))
    again = censor("--force")
    assert again["reused_scores"] is None
    assert "another time of change" in again["warned"]


def test_scores_that_do_not_say_when_their_video_was_changed_are_made_again(
    censor, analysed, tmp_path
):
    path = tmp_path / "r.scores.json.gz"
    write_scores(replace(read_scores(path), modified_ns=None), path)
    again = censor("--force")
    assert again["reused_scores"] is None
    assert "they do not say which state of the video they are of" in again["warned"]
    assert censor("--force")["reused_scores"]


def test_a_video_that_is_changed_while_it_is_analysed_is_said_and_never_reused(
    censor, tmp_path, monkeypatch
):
    from video_censor_personal import pipeline

    examine = pipeline.examine

    def meanwhile(info, *more, **options):
        os.utime(info.path, (1, 1))
        return examine(info, *more, **options)

    monkeypatch.setattr(pipeline, "examine", meanwhile)
    assert "was changed while it was analysed" in censor()["warned"]
    assert read_scores(tmp_path / "r.scores.json.gz").modified_ns is None


def test_damaged_scores_are_said_and_made_again(censor, analysed, tmp_path):
    path = tmp_path / "r.scores.json.gz"
    path.write_bytes(path.read_bytes()[:-9])
    again = censor("--force")
    assert again["reused_scores"] is None
    assert "are damaged" in again["warned"]
    assert "--reanalyse" not in again["warned"], "nobody needs to ask for it"
    assert read_scores(path).evidence.witnesses


def test_a_file_that_is_in_the_way_is_not_overwritten(censor, tmp_path):
    path = tmp_path / "r.scores.json.gz"
    path.write_bytes(b"mine")
    assert "--force" in censor(fails=1)["message"]
    assert path.read_bytes() == b"mine"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many frames were looked at, look by look."""
    from video_censor_personal.detectors.nudenet import NudeNetDetector

    look, calls = NudeNetDetector.look, []

    def counted(self, frames):
        calls.append(len(frames))
        return look(self, frames)

    monkeypatch.setattr(NudeNetDetector, "look", counted)
    return calls


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was made to listen."""
    from video_censor_personal.detectors.speech_profanity import SpeechProfanityPlugin

    build, calls = SpeechProfanityPlugin.build, []

    def counted(self, settings):
        calls.append(settings.name)
        return build(self, settings)

    monkeypatch.setattr(SpeechProfanityPlugin, "build", counted)
    return calls


def test_other_words_are_listened_for_without_another_look_at_the_film(
    censor, analysed, looks, heard, tmp_path
):
    words = "detectors: [{type: speech-profanity, words: [frak]}]"
    plan = censor("--force", "--dry-run", more=words)
    assert plan["plan"][1:2] == ["would look for Profanity (speech-profanity)"]
    result = censor("--force", more=words)
    assert (result["reused_scores"], result["segments"], looks) == (None, 1, [])
    assert heard
    assert "only used again for what is seen: speech-profanity had other" in result["warned"]
    report = json.loads((tmp_path / "r.json").read_text())
    assert {part["status"] for part in report["coverage"]} <= {"analysed", "not_requested"}
    assert censor("--force", more=words)["reused_scores"]
    assert censor("--force")["reused_scores"], "going back needs no analysis"
    both = read_scores(tmp_path / "r.scores.json.gz")
    assert [len(each.making.parts) for each in (both, *both.earlier)] == [2, 2]


def test_a_half_of_a_video_that_changed_since_is_said_and_never_reused(
    censor, analysed, tmp_path, monkeypatch
):
    from video_censor_personal.pipeline import AnalysisPipeline

    verify = AnalysisPipeline.verify_models

    def meanwhile(self, **options):
        os.utime(tmp_path / "film.mp4", (1, 1))
        return verify(self, **options)

    monkeypatch.setattr(AnalysisPipeline, "verify_models", meanwhile)
    words = "detectors: [{type: speech-profanity, words: [frak]}]"
    assert "was changed while it was analysed" in censor("--force", more=words)["warned"]
    assert read_scores(tmp_path / "r.scores.json.gz").modified_ns is None


def test_another_way_of_looking_needs_no_listening(censor, analysed, looks, heard):
    size = "detectors: [{type: nudenet, size: 640}]"
    assert censor("--force", more=size)["reused_scores"] is None
    assert (bool(looks), heard) == (True, [])
    finer = "processing: {frame_sampling: {sample_rate: 0.25}}"
    assert "only used again for what is heard" in censor("--force", more=finer)["warned"]
    assert heard == []


def test_richer_scores_are_not_replaced_by_poorer_ones(censor, analysed, looks, tmp_path):
    less = "detectors: [{type: speech-profanity, enabled: false}, {type: nudenet, size: 640}]"
    assert censor("--force", more=less, fails=3)["reused_scores"] is None
    assert censor("--force", "--reanalyse", more=less, fails=3)["reused_scores"] is None
    looks.clear()
    assert censor("--force")["reused_scores"]
    assert censor("--force", more=less, fails=3)["reused_scores"]
    assert looks == []
    kept = read_scores(tmp_path / "r.scores.json.gz")
    assert len(kept.earlier) == 1, "what says no more than the newest is not kept"


@pytest.fixture
def looking_fails_once(monkeypatch):
    from video_censor_personal.detectors.nudenet import NudeNetDetector

    look, calls = NudeNetDetector.look, []

    def fails_once(self, frames):
        calls.append(len(frames))
        if len(calls) == 1:
            raise MemoryError("no memory")
        return look(self, frames)

    monkeypatch.setattr(NudeNetDetector, "look", fails_once)


@pytest.mark.usefixtures("looking_fails_once")
def test_what_failed_to_look_needs_no_listening_again(censor, tmp_path, heard):
    assert censor(fails=3)["unknown"]
    heard.clear()
    again = censor("--force")
    assert (again["unknown"], heard) == ([], [])
    assert "only used again for what is heard: something failed" in again["warned"]
    assert read_scores(tmp_path / "r.scores.json.gz").earlier == ()


def test_scores_can_be_left_out(censor, tmp_path):
    result = censor(more="output: {scores: false}")
    assert result["scores"] is None
    assert not [name for name in os.listdir(tmp_path) if "scores" in name]


@pytest.mark.usefixtures("looking_fails_once")
def test_what_failed_in_passing_is_tried_again(censor, tmp_path):
    assert censor(fails=3)["reused_scores"] is None
    again = censor("--force")
    assert (again["reused_scores"], again["unknown"]) == (None, [])


def test_an_optional_model_that_was_missing_matters_once_it_can_be_had(film, tmp_path):
    (folder,) = importlib.util.find_spec("nudenet").submodule_search_locations
    weights = (Path(folder) / "320n.onnx").read_bytes()
    config = Config()
    config.detections = {"faces": CategoryConfig()}
    config.detectors = [DetectorConfig("nudenet", options={"model": "small"})]
    config.models.cache_dir = str(tmp_path / "cache")

    def run(**options: bool) -> Outcome:
        request = Request(film, config, output=tmp_path / "r.json", force=True, **options)
        return run_job(plan_job(request))

    with ModelHost() as host:
        config.models.sources = [model("small", host.serve("320n.onnx", weights), optional=True)]
        assert run().unknown
        again = run()
        assert again.reused, "it is still missing"
        assert again.unknown
        had = run(download_models=True)
    assert not had.reused
    assert not had.unknown
    assert run().reused


def test_what_kept_scores_tell_is_no_blind_spot_where_its_model_is_gone(film, tmp_path):
    (folder,) = importlib.util.find_spec("nudenet").submodule_search_locations
    weights = (Path(folder) / "320n.onnx").read_bytes()
    config = Config()
    config.detections = {"faces": CategoryConfig()}
    config.detectors = [DetectorConfig("nudenet", options={"model": "small"})]
    config.models.cache_dir = str(tmp_path / "cache")

    def run(**options: bool) -> tuple[Outcome, str]:
        request = Request(
            film, config, output=tmp_path / "r.json", force=True, download_models=True, **options
        )
        warnings = plan_job(request).cautions()
        outcome = run_job(plan_job(request), warn=warnings.append)
        return outcome, " ".join(warnings)

    with ModelHost() as host:
        config.models.sources = [model("small", host.serve("320n.onnx", weights), optional=True)]
        assert run()[0].exit_code == 0
        (tmp_path / "cache" / "small").unlink()
        host.refuse("320n.onnx", 404, times=99)
        again, warnings = run()
        assert (bool(again.reused), again.exit_code) == (True, 0)
        assert "Faces" not in warnings
        anew, warnings = run(reanalyse=True)
        assert (bool(anew.reused), anew.exit_code) == (False, 3)
        assert "Faces is not looked for" in warnings
