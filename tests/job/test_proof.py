"""`--prove`: the finished copy is looked at again."""

import json
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from movies import Sound, make_movie

from video_censor_personal.cli import main
from video_censor_personal.config import AudioRemediation, Remediation
from video_censor_personal.findings import Report, Segment
from video_censor_personal.job.proof import as_played
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.plan import make_plan
from video_censor_personal.remediation.writer import write_copy
from video_censor_personal.sample.movie import make_sample
from video_censor_personal.timeline import Span, parse_timecode

CONFIG = "detections: {faces: {}}\nremediation: {video: {mode: blur}}\n"


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The sample, a configuration that looks for faces, and the report."""
    folder = tmp_path_factory.mktemp("proof")
    video, config, report = folder / "a.mp4", folder / "my.yaml", folder / "a.json"
    make_sample(video, height=240)
    config.write_text(CONFIG)
    assert main([str(video), "-o", str(report), "--config", str(config), "-q"]) == 0
    return video, config, report


def run(
    capsys: pytest.CaptureFixture[str], *arguments: object, prove: str = "edits"
) -> tuple[int, dict[str, object]]:
    code = main([*map(str, arguments), "--json", "--force", "--prove", prove])
    lines = capsys.readouterr().out.splitlines()
    return code, json.loads(lines[-1])


def test_a_copy_with_nothing_left_ends_well(
    analysed: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, config, report = analysed
    assert json.loads(report.read_text())["segments"]
    options = ("--input-segments", report, "-o", tmp_path / "b.mp4", "--config", config)
    code, result = run(capsys, video, *options)
    assert code == 0, result
    assert result["left"] == []


def test_what_is_left_is_listed_and_ends_with_1(
    analysed: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, config, report = analysed
    content = json.loads(report.read_text())
    allowed, missed = content["segments"][0], content["segments"][-1]
    assert len(content["segments"]) > 1
    allowed["allow"] = True
    content["segments"].remove(missed)
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(content))
    options = ("--input-segments", edited, "-o", tmp_path / "b.mp4", "--config", config)
    code, result = run(capsys, video, *options, prove="whole")
    assert code == 1, result
    assert result["proved"] == "whole"
    (left,) = result["left"]  # type: ignore[misc]
    assert str(left).startswith(missed["start_time"][:8])
    assert (tmp_path / "b.mp4").exists()


def test_what_goes_on_for_longer_than_what_was_allowed_is_left(
    analysed: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, config, report = analysed
    content = json.loads(report.read_text())
    first = content["segments"][0]
    assert first["duration_seconds"] > 3
    first["allow"] = True
    first["end_time_seconds"] = first["start_time_seconds"] + first["duration_seconds"] / 2
    del first["end_time"]
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(content))
    options = ("--input-segments", edited, "-o", tmp_path / "b.mp4", "--config", config)
    code, result = run(capsys, video, *options, prove="whole")
    assert code == 1, result
    (left,) = result["left"]  # type: ignore[misc]
    assert str(left).startswith(first["start_time"][:8])


def repeat_s(video: Path) -> Fraction:
    with av.open(str(video)) as source:
        return Fraction(source.duration // av.time_base + 1)


@pytest.fixture(scope="module")
def long_film(
    analysed: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The sample four times over, packet for packet, and its report: of the first time only."""
    video, _, report = analysed
    film = tmp_path_factory.mktemp("long") / "film.mp4"
    with av.open(str(film), "w") as out:
        streams: dict[int, Any] = {}
        repeat = repeat_s(video)
        for number in range(4):
            with av.open(str(video)) as source:
                chosen = [*source.streams.video, *source.streams.audio]
                for stream in chosen:
                    if stream.index not in streams:
                        streams[stream.index] = out.add_stream_from_template(stream)
                for packet in source.demux(chosen):
                    if packet.size:
                        shift = round(number * repeat / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = streams[packet.stream_index]
                        out.mux(packet)
    content = json.loads(report.read_text())
    content["metadata"] = {"file": film.name}
    first = film.with_suffix(".json")
    first.write_text(json.dumps(content))
    return film, first


def test_only_what_was_changed_and_its_neighbours_are_analysed(
    analysed: tuple[Path, Path, Path],
    long_film: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (film, report), config = long_film, analysed[1]
    options = ("--input-segments", report, "-o", tmp_path / "b.mp4", "--config", config)
    code, result = run(capsys, film, *options)
    assert code == 0, result
    with av.open(str(film)) as container:
        length_s = container.duration / av.time_base
    looked_at = result["proved"]
    assert isinstance(looked_at, list)
    assert 5 < sum(end - start for start, end in looked_at) < 0.45 * length_s
    code, result = run(capsys, film, *options, prove="whole")
    assert code == 1  # the faces of the other three times are still there
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.mp4"]


def test_what_is_left_around_an_edit_is_found_at_its_own_time(
    analysed: tuple[Path, Path, Path],
    long_film: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A mute was asked for next to the face in the third repetition, which stays."""
    (film, first), config = long_film, analysed[1]
    face = json.loads(first.read_text())["segments"][0]
    at = face["start_time_seconds"] + 2 * float(repeat_s(analysed[0]))
    word = {"start_time_seconds": at, "end_time_seconds": at + 0.2, "labels": ["Profanity"]}
    report = tmp_path / "word.json"
    report.write_text(json.dumps({"segments": [word]}))
    options = ("--input-segments", report, "-o", tmp_path / "b.mp4", "--config", config)
    code, result = run(capsys, film, *options)
    assert code == 1, result
    left = [str(line) for line in result["left"]]  # type: ignore[attr-defined]
    times = [parse_timecode(line.split(" – ")[0]) for line in left]
    assert any(abs(float(time) - at) < 0.5 for time in times), left


def test_a_proof_does_not_listen_to_what_stays_beside_a_clean_track(tmp_path: Path) -> None:
    sounds = [Sound(language="eng"), Sound(language="deu")]
    movie = make_movie(tmp_path / "a.mkv", seconds=2, sounds=sounds)
    audio = AudioRemediation(clean_track=True, tracks=["eng"])
    span = Span.of(1, 1.2)
    segment = Segment(span, ("Profanity",), (), confidence=1.0)
    info = probe(movie.path)
    report = Report(movie.path, info.duration, datetime.now(UTC), "", (segment,))
    plan = make_plan(report, Remediation(audio), info)
    write_copy(info, plan, tmp_path / "b.mkv", remediation=Remediation(audio))
    heard = as_played(probe(tmp_path / "b.mkv"), plan).of_kind("audio")
    assert [(track.index, track.title) for track in heard] == [(1, "CLEAN"), (3, "")]


def test_wrong_words_after_prove_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "a.mp4"), "--prove", "al"]) == 2
    assert "write --prove, or --prove whole" in capsys.readouterr().err


def test_a_video_may_follow_prove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=1, sounds=[Sound()])
    out = tmp_path / "b.mp4"
    assert main(["-o", str(out), "--dry-run", "--prove", str(movie.path)]) == 0
    assert f"would write {out}" in capsys.readouterr().out


def test_a_proof_needs_a_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=1, sounds=[Sound()])
    assert main([str(movie.path), "-o", str(tmp_path / "a.json"), "--prove"]) == 2
    assert "--prove looks at the copy" in capsys.readouterr().err
