"""What a kind of file cannot hold is told before the work: refused, or said in the plan."""

import json
from pathlib import Path

import pytest
from movies import Movie, Sound, Subtitles, make_movie

from video_censor_personal.cli import main
from video_censor_personal.config import Config
from video_censor_personal.errors import OutputError
from video_censor_personal.job import Request, plan_job


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Movie:
    return make_movie(
        tmp_path_factory.mktemp("film") / "a.mkv",
        seconds=2,
        sounds=[Sound()],
        subtitles=[Subtitles([(0.5, 1, "what the hell")], codec="subrip")],
        attachments=[("a.ttf", "application/x-truetype-font", b"font")],
    )


@pytest.fixture
def report(movie: Movie, tmp_path: Path) -> Path:
    word = {"start_time_seconds": 1, "end_time_seconds": 1.3, "labels": ["Profanity"]}
    facts = {"file": movie.path.name, "duration_seconds": 2}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"metadata": facts, "segments": [word]}))
    return path


@pytest.mark.parametrize("with_report", [True, False])
def test_a_refusal_comes_before_the_work(
    movie: Movie, report: Path, tmp_path: Path, with_report: bool
) -> None:
    request = Request(
        movie.path,
        Config(),
        output=tmp_path / "b.webm",
        segments=report if with_report else None,
    )
    with pytest.raises(OutputError, match=r"stream 0 .* \.webm file cannot hold it.* b\.mkv"):
        plan_job(request)


@pytest.mark.parametrize("with_report", [True, False])
def test_the_plan_says_what_becomes_of_the_rest(
    movie: Movie,
    report: Path,
    tmp_path: Path,
    with_report: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = ["--input-segments", str(report)] if with_report else []
    arguments = [str(movie.path), *known, "-o", str(tmp_path / "b.mp4"), "--dry-run"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "stream 2 (subtitle) becomes mov_text, as a .mp4 file cannot hold subrip" in said
    assert "stream 3 (attachment) is left out: a .mp4 file cannot hold it" in said
    assert not (tmp_path / "b.mp4").exists()
