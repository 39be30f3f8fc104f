"""The command line as a person meets it: help, messages, exit codes, nothing left behind."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import wave
from importlib.resources import files as resources
from pathlib import Path

import av
import numpy as np
import pytest
from movies import Sound, Subtitles, cut_off, hide_codec, make_movie, tone

from video_censor_personal import __version__
from video_censor_personal.cli import main
from video_censor_personal.reports.json_report import fingerprint


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "video_censor", *map(str, arguments)]


def censor(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, **options
    )


@pytest.fixture(scope="session")
def movie_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("movies") / "movie.mp4"
    make_movie(path, seconds=2, sounds=[Sound(tone(440))])
    return path


@pytest.fixture
def movie(movie_file, tmp_path) -> Path:
    path = tmp_path / "movie.mp4"
    path.write_bytes(movie_file.read_bytes())
    return path


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of the command, run in this process."""
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def coverage_in(report: Path) -> dict[str, str]:
    """Category -> how well it was looked for."""
    return {c["category"]: c["status"] for c in json.loads(report.read_text())["coverage"]}


def test_help_reads_as_a_page(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    page = capsys.readouterr().out
    assert ended.value.code == 0
    for word in ("--video", "--download-models", "exit codes", "130", "movie.clean.mp4"):
        assert word in page
    assert max(len(line) for line in page.splitlines()) <= 100


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == f"video-censor {__version__}"


@pytest.mark.parametrize("module", ["video_censor", "video_censor_personal"])
def test_both_packages_are_the_same_program(module):
    result = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True
    )
    assert __version__ in result.stdout


def test_a_clean_video_ends_with_a_report_a_page_and_a_copy(capsys, movie):
    copy = movie.with_name("copy.mp4")
    code, out, err = run(capsys, movie, "-o", copy)
    assert code == 0, err
    assert "nothing was found" in out
    assert {"copy.mp4", "copy.json", "copy.html"} <= files(movie.parent)
    assert "violence is not looked for" in err


def test_synonyms_name_the_video_too(capsys, movie):
    for option in ("--video", "--input", "-i"):
        code, _, err = run(capsys, option, movie, "-o", movie.with_name("r.json"), "--force")
        assert code == 0, err
    assert files(movie.parent) == {"movie.mp4", "r.json", "r.html", "r.scores.json.gz"}


def test_without_an_output_the_report_lies_in_the_current_folder(capsys, movie, monkeypatch):
    place = movie.parent / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    assert run(capsys, movie)[0] == 0
    assert files(place) == {"movie.json", "movie.html", "movie.scores.json.gz"}


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(capsys, movie):
    code, out, _ = run(capsys, movie, "-o", movie.with_name("copy.mp4"), "--dry-run")
    assert code == 0
    assert "Nudity" in out
    assert "copy.mp4" in out
    assert files(movie.parent) == {"movie.mp4"}


def test_a_dry_run_says_what_nobody_would_look_for(capsys, movie):
    config = movie.with_name("my.yaml")
    config.write_text("detections: {profanity: {}, clowns: {}}\n")
    code, _, err = run(capsys, movie, "--config", config, "--dry-run")
    assert code == 0
    assert "warning: clowns is not looked for" in err


def test_a_cover_that_nobody_looks_at_is_told(capsys, tmp_path):
    movie = make_movie(tmp_path / "movie.mp4", seconds=1, cover=True).path
    copy = tmp_path / "copy.mp4"
    assert "cover picture (stream 1) is not looked at" in run(capsys, movie, "-o", copy)[2]
    options = ["-o", tmp_path / "other.json", "--reanalyse"]
    assert "cover" not in run(capsys, movie, *options)[2]


def test_subtitles_in_which_nobody_looks_for_words_are_told(capsys, tmp_path):
    cues = [(0.0, 1.0, "What the hell")]
    tracks = [Subtitles(cues, "srt", language) for language in ("eng", "ger")]
    movie = make_movie(tmp_path / "movie.mkv", seconds=1, subtitles=tracks).path
    _, _, err = run(capsys, movie, "-o", tmp_path / "copy.mkv", "--dry-run")
    assert "nobody looks for words in the subtitles in ger (stream 2): they stay as they" in err


def test_a_dry_run_says_what_is_odd_about_the_report(capsys, movie):
    report = movie.with_name("by-hand.json")
    report.write_text('{"segments": []}')
    options = ["--input-segments", report, "-o", movie.with_name("copy.mp4"), "--dry-run"]
    assert "does not say of which file" in run(capsys, movie, *options)[2]


def test_json_is_one_object_a_line_with_progress_and_result(capsys, movie):
    code, out, err = run(capsys, movie, "-o", movie.with_name("copy.mp4"), "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0, err
    assert {"progress", "result", "warning"} <= {event["event"] for event in events}
    assert events[-1]["copy"] == str(movie.with_name("copy.mp4"))
    assert events[-1]["exit_code"] == 0


def test_json_tells_errors_too(capsys, tmp_path):
    code, out, _ = run(capsys, tmp_path / "no.mp4", "--json")
    event = json.loads(out.splitlines()[-1])
    assert code == event["exit_code"] == 1
    assert event["event"] == "error"
    assert "no.mp4" in event["message"]


def test_quiet_says_nothing_that_is_not_a_warning(capsys, movie):
    code, out, err = run(capsys, movie, "-o", movie.with_name("copy.mp4"), "-q")
    assert code == 0
    assert out == ""
    assert all(line.startswith("warning:") for line in err.splitlines())


def test_an_existing_output_is_kept_unless_forced(capsys, movie):
    copy = movie.with_name("copy.mp4")
    copy.write_text("mine")
    code, _, err = run(capsys, movie, "-o", copy)
    assert code == 1
    assert "--force" in err
    assert copy.read_text() == "mine"
    assert files(movie.parent) == {"movie.mp4", "copy.mp4"}
    assert run(capsys, movie, "-o", copy, "--force")[0] == 0
    assert copy.read_bytes() != b"mine"


def test_allow_all_segments_censors_nothing(capsys, movie, tmp_path):
    report, copy = tmp_path / "r.json", tmp_path / "copy.mp4"
    assert (
        run(capsys, movie, "--output", report, "--output-video", copy, "--allow-all-segments")[0]
        == 0
    )
    assert all(segment["allow"] for segment in json.loads(report.read_text())["segments"])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: None, ["there is no file"]),
        (lambda p: p.mkdir(), ["folder"]),
        (lambda p: p.write_bytes(b""), ["empty"]),
        (lambda p: p.write_text("hello\n" * 100), ["text file"]),
        (lambda p: p.write_bytes(bytes(5000)), ["no video or sound"]),
    ],
    ids=["missing", "folder", "empty", "text", "zeros"],
)
def test_what_is_no_video_is_refused_with_the_reason(capsys, tmp_path, make, words):
    video = tmp_path / "movie.mp4"
    make(video)
    before = files(tmp_path)
    code, _, err = run(capsys, video, "-o", tmp_path / "copy.mp4")
    assert code == 1
    assert str(video) in err
    for word in words:
        assert word in err
    assert files(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_video_is_refused(capsys, movie):
    movie.chmod(0)
    code, _, err = run(capsys, movie)
    assert code == 1
    assert "permission" in err


@pytest.mark.parametrize(
    ("output", "words", "code"),
    [
        ("movie.mp4", "is the video itself", 1),
        ("folder", "suffix", 2),
        ("folder.mp4", "is a folder", 1),
        ("missing/copy.mp4", "make it first", 1),
        ("copy.txt", "suffix", 2),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_work(capsys, movie, output, words, code):
    (movie.parent / "folder.mp4").mkdir()
    before = files(movie.parent)
    result, _, err = run(capsys, movie, "-o", movie.parent / output, "--force")
    assert result == code
    assert words in err
    assert files(movie.parent) == before


def test_a_link_to_the_source_is_the_source(capsys, movie):
    link = movie.with_name("link.mp4")
    link.hardlink_to(movie)
    code, _, err = run(capsys, movie, "-o", link, "--force")
    assert code == 1
    assert "never overwritten" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which video"),
        (["a.mp4", "--video", "b.mp4"], "two videos"),
        (["MOVIE", "-o", "a.mp4", "--output-video", "b.mp4"], "twice"),
        (["MOVIE", "--output-video", "b.txt"], "must end in"),
        (
            ["MOVIE", "--input-segments", "r.json", "--download-models"],
            "leave out --download-models",
        ),
        (["MOVIE", "--input-segments", "r.json", "--reanalyse", "--edit"], "--reanalyse, --edit"),
        (["MOVIE", "--input-segments", "r.json", "-o", "s.json"], "leave out --output s.json"),
        (["MOVIE", "--input-segments", "r.json"], "makes a copy"),
    ],
)
def test_wrong_usage_says_what_to_write_instead(capsys, movie, arguments, words):
    code, _, err = run(capsys, *[movie if a == "MOVIE" else a for a in arguments])
    assert code == 2
    assert words in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["batch", "folder"], "'batch' is no command, and no video of that name is here"),
        (["frobnicate", "--help"], "commands: demo, doctor, models, profile, serve"),
        (["model", "list"], "did you mean 'models'"),
        (["batch", "--json"], "'batch' is no command"),
    ],
)
def test_a_word_that_is_neither_file_nor_command_is_named(capsys, arguments, words):
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert words in (json.loads(out)["message"] if "--json" in arguments else err)


def test_a_video_may_have_a_name_without_a_suffix(capsys, movie, tmp_path, monkeypatch):
    monkeypatch.chdir(movie.rename(tmp_path / "film").parent)
    assert run(capsys, "film", "--dry-run")[0] == 0


def test_an_unknown_option_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--outptu", "x"])
    assert ended.value.code == 2


@pytest.mark.parametrize("text", ["detections:\n\tnudity: {}\n", "detections: {profanty: {}}\n"])
def test_a_wrong_configuration_ends_with_2(capsys, movie, tmp_path, text):
    config = tmp_path / "my.yaml"
    config.write_text(text)
    code, _, err = run(capsys, movie, "--config", config)
    assert code == 2
    assert f"{config}, line" in err


def test_a_configuration_in_the_current_folder_is_used(capsys, movie, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("output: {html: false}\ndetections: {faces: {}}\n")
    assert run(capsys, movie, "-o", "r.json")[0] == 0
    assert not (tmp_path / "r.html").exists()
    coverage = coverage_in(tmp_path / "r.json")
    assert coverage["faces"] == "analysed"
    assert coverage["nudity"] == "not_requested"


def test_a_category_nobody_can_see_is_unknown_and_ends_with_3(capsys, movie, tmp_path):
    config = tmp_path / "my.yaml"
    config.write_text("detections: {violence: {}, faces: {}}\n")
    code, out, err = run(capsys, movie, "-o", tmp_path / "r.json", "--config", config)
    assert code == 3
    assert "UNKNOWN: Violence" in out
    assert "Violence is not looked for" in err
    coverage = {
        c["category"]: c["status"]
        for c in json.loads((tmp_path / "r.json").read_text())["coverage"]
    }
    assert coverage["violence"] == "unknown"


def test_a_video_that_was_cut_off_is_analysed_as_far_as_it_goes(capsys, tmp_path):
    video = tmp_path / "movie.mkv"
    make_movie(video, seconds=8, sounds=[Sound(tone(440))])
    cut_off(video, 0.5)
    code, out, err = run(capsys, video, "-o", tmp_path / "copy.mkv")
    assert code == 3, err
    assert "UNKNOWN" in out
    assert "ends early" in out
    assert (tmp_path / "copy.mkv").exists()


def test_a_copy_from_a_report_repeats_what_was_not_looked_at(capsys, movie, tmp_path):
    config, report = tmp_path / "my.yaml", tmp_path / "r.json"
    config.write_text("detections: {violence: {}, faces: {}}\n")
    assert run(capsys, movie, "-o", report, "--config", config)[0] == 3
    code, _, err = run(capsys, movie, "--input-segments", report, "-o", tmp_path / "copy.mp4")
    assert code == 0
    assert "the report says UNKNOWN: Violence" in err


def test_sound_without_picture_and_picture_without_sound_are_fine(capsys, tmp_path):
    sound, picture = tmp_path / "sound.m4a", tmp_path / "picture.mp4"
    make_movie(sound, seconds=2, video_codec=None, sounds=[Sound(tone(440))])
    make_movie(picture, seconds=2)
    assert run(capsys, sound, "-o", tmp_path / "a.m4a")[0] == 0
    assert run(capsys, picture, "-o", tmp_path / "b.mp4")[0] == 0


def test_a_stream_no_decoder_knows_is_unknown(capsys, tmp_path):
    video = tmp_path / "movie.mp4"
    make_movie(video, seconds=2, sounds=[Sound(tone(440))])
    hide_codec(video, b"avc1")
    code, out, err = run(capsys, video, "-o", tmp_path / "r.json")
    assert code == 3, err
    assert "no decoder" in out
    assert (tmp_path / "r.json").exists()


def test_a_video_that_cannot_be_copied_is_refused_before_the_analysis(capsys, tmp_path):
    video = tmp_path / "movie.mp4"
    make_movie(video, seconds=2, sounds=[Sound(tone(440))])
    hide_codec(video, b"avc1")
    code, _, err = run(capsys, video, "-o", tmp_path / "copy.mp4")
    assert code == 1
    assert "cannot be copied" in err
    assert files(tmp_path) == {"movie.mp4"}


def test_a_full_disk_leaves_nothing_half_written(movie):
    limit = movie.stat().st_size // 2

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    result = censor(movie, "-o", movie.with_name("copy.mp4"), preexec_fn=small_files)
    assert result.returncode == 1
    assert "could not be written" in result.stderr
    assert not [name for name in files(movie.parent) if "copy.mp4" in name]


def test_a_read_only_folder_is_refused(capsys, movie):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    movie.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    code, _, err = run(capsys, movie, "-o", movie.with_name("copy.mp4"))
    movie.parent.chmod(stat.S_IRWXU)
    assert code == 1
    assert "permission" in err


@pytest.fixture(scope="session")
def long_movie(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("long") / "movie.mp4"
    make_movie(path, seconds=120, fps=25, size=(320, 240), sounds=[Sound(tone(440))])
    return path


@pytest.mark.parametrize("stage", ["watching", "copy"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_with_130_and_leaves_no_half_file(long_movie, tmp_path, stage, number):
    config = tmp_path / "my.yaml"
    config.write_text("detections: {faces: {}}\nvideo: {metadata_output: {}}\n")
    copy = tmp_path / "copy.mp4"
    arguments = [long_movie, "-o", copy, "--config", config, "--json"]
    if stage == "copy":
        report = tmp_path / "flagged.json"
        report.write_text(json.dumps(flagged_everywhere(120)))
        arguments += ["--input-segments", report]
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while json.loads(process.stdout.readline()).get("stage") != stage:
        pass
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 130
    left = files(tmp_path) - {"my.yaml", "flagged.json", "copy.json", "copy.html"}
    assert not left


def test_an_interrupted_proof_says_that_the_copy_is_not_proven(capsys, movie, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("video_censor_personal.job.run.prove", interrupted)
    copy = movie.with_name("copy.mp4")
    code, _, err = run(capsys, movie, "-o", copy, "--prove")
    assert code == 130
    assert f"{copy} is written, and was not looked at again to the end" in err
    assert copy.exists()


def flagged_everywhere(seconds: float) -> dict:
    return {
        "metadata": {"file": "movie.mp4", "duration_seconds": seconds},
        "segments": [
            {"start_time_seconds": 0, "end_time_seconds": seconds, "labels": ["Nudity"]},
        ],
    }


def test_a_segment_after_the_end_of_the_film_is_named_and_refused(capsys, movie, tmp_path):
    report, copy = tmp_path / "r.json", tmp_path / "copy.mp4"
    late = {"start_time_seconds": 100, "end_time_seconds": 110, "labels": ["Profanity"]}
    content = {"metadata": {"fingerprint": fingerprint(movie)}, "segments": [late]}
    report.write_text(json.dumps(content))
    code, _, err = run(capsys, movie, "--input-segments", report, "-o", copy)
    assert code == 1
    assert "segment 1 (00:01:40.000–00:01:50.000 Profanity) begins after the end" in err
    assert not copy.exists()
    report.write_text(json.dumps({**content, "segments": [{**late, "allow": True}]}))
    assert run(capsys, movie, "--input-segments", report, "-o", copy)[0] == 0


def test_a_report_of_another_video_is_refused(capsys, movie, tmp_path):
    report = tmp_path / "other.json"
    report.write_text(json.dumps(flagged_everywhere(3600)))
    code, _, err = run(capsys, movie, "--input-segments", report, "-o", tmp_path / "copy.mp4")
    assert code == 1
    assert "another video" in err
    assert not (tmp_path / "copy.mp4").exists()


def test_a_report_by_hand_hides_what_it_names(capsys, movie, tmp_path):
    report = tmp_path / "mine.json"
    report.write_text(json.dumps(flagged_everywhere(2)))
    copy = tmp_path / "copy.mp4"
    code, out, err = run(capsys, movie, "--input-segments", report, "-o", copy)
    assert code == 0, err
    assert str(copy) in out


def test_nothing_lasts_longer_than_the_film_though_a_subtitle_does(capsys, movie, tmp_path):
    movie.with_suffix(".srt").write_text("1\n00:00:01,000 --> 00:00:09,000\nOh shit, no.\n")
    config = tmp_path / "my.yaml"
    chapters = "video: {metadata_output: {skip_chapters: {enabled: true}}}"
    config.write_text(f"output: {{edl: true, plex_key: '1'}}\n{chapters}\n")
    copy = tmp_path / "copy.mp4"
    code, _, err = run(capsys, movie, "--config", config, "-o", copy)
    assert code == 0, err
    (segment,) = json.loads((tmp_path / "copy.json").read_text())["segments"]
    assert (segment["start_time_seconds"], segment["end_time_seconds"]) == (1, 2)
    (entry,) = (tmp_path / "movie.edl").read_text().splitlines()
    assert float(entry.split()[1]) == 2
    assert '"end": 2000' in (tmp_path / "movie.plex.json").read_text()
    with av.open(copy) as written:
        ends = [chapter["end"] * chapter["time_base"] for chapter in written.chapters()]
    assert max(ends) <= 2.05


def test_subtitles_beside_the_video_are_never_overwritten(capsys, movie):
    subtitles, config = movie.with_suffix(".srt"), movie.with_name("config.yaml")
    said = "1\n00:00:00,200 --> 00:00:01,500\nOh shit, no.\n"
    subtitles.write_text(said)
    config.write_text("output: {subtitles: true}\n")
    code, _, err = run(capsys, movie, "--config", config, "-o", movie.with_suffix(".json"))
    assert code == 0, err
    assert subtitles.read_text() == said
    assert "shit" not in movie.with_name("movie.clean.srt").read_text()
    other = movie.with_name("movie.en.srt")
    other.write_text(said)
    code, _, err = run(
        capsys, movie, "--config", config, "-o", movie.with_name("movie.en.json"), "--force"
    )
    assert code == 2
    assert "the video's subtitles" in err
    assert other.read_text() == said


def test_the_configuration_is_never_overwritten(capsys, movie):
    config = movie.with_name("settings.json")
    config.write_text('{"output": {"html": false}}')
    code, _, err = run(capsys, movie, "--config", config, "-o", config, "--force")
    assert code == 2
    assert "is the configuration" in err
    assert "html" in config.read_text()


def test_a_language_nobody_here_understands_is_not_called_clean(capsys, tmp_path):
    video = tmp_path / "movie.mkv"
    make_movie(
        video,
        seconds=2,
        sounds=[Sound(tone(440), language="fra"), Sound(tone(330), language="eng")],
    )
    code, out, err = run(capsys, video, "-o", tmp_path / "r.json")
    assert code == 3, err
    assert "stream 1 (audio: fra) was not listened to" in out
    assert "stream 2" not in out
    assert coverage_in(tmp_path / "r.json")["profanity"] == "partial"
    assert coverage_in(tmp_path / "r.json")["nudity"] == "analysed"


@pytest.mark.parametrize("encoding", ["ascii:strict", "latin-1:strict", "utf-8:strict"])
def test_a_name_that_the_output_cannot_encode_does_not_end_the_job(movie, encoding):
    odd = movie.with_name("f\udcff\u0151.mp4")
    try:
        movie.rename(odd)
    except OSError:
        pytest.skip("this file system takes no such name")
    for option in ("--quiet", "--json", "--log-level=info"):
        result = subprocess.run(
            command(odd, "-o", odd.with_suffix(".json"), "--force", option),
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        assert result.returncode == 0, result.stderr
        if option == "--json":
            facts = [json.loads(line) for line in result.stdout.splitlines()][-1]
            assert facts["video"] == str(odd)


def test_a_bleep_file_without_sound_is_refused_before_the_analysis(capsys, movie):
    config = movie.with_name("config.yaml")
    config.write_text("remediation: {audio: {mode: bleep, bleep_file: config.yaml}}\n")
    code, _, err = run(capsys, movie, "--config", config, "-o", movie.with_name("copy.mp4"))
    assert code == 2
    assert "bleep file" in err
    assert files(movie.parent) == {"movie.mp4", "config.yaml"}


def test_the_log_says_more_at_every_level(capsys, movie):
    movie.with_suffix(".srt").write_text("1\n00:00:00,200 --> 00:00:01,500\nOh shit, no.\n")
    logs = {}
    for level in ("info", "debug", "trace"):
        logs[level] = run(
            capsys, movie, "-o", movie.with_name(f"{level}.json"), "--log-level", level
        )[2]
    assert "analysing" in logs["info"]
    assert "profanity 'shit'" in logs["debug"]
    assert "profanity 'shit'" not in logs["info"]
    assert "Oh shit, no." in logs["trace"]
    assert "Oh shit, no." not in logs["debug"]


def test_no_library_keeps_a_diary_for_its_maker(movie):
    home = movie.parent / "home"
    home.mkdir()
    kept = {"PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH"}
    environment = {k: v for k, v in os.environ.items() if k in kept} | {"HOME": str(home)}
    result = censor(movie, "-o", movie.with_name("r.json"), env=environment)
    assert result.returncode == 0, result.stderr
    assert not [path for path in home.rglob("*") if "onnxruntime" in path.name]


def test_every_english_track_is_listened_to(capsys, tmp_path):
    video = tmp_path / "movie.mkv"
    source = resources("video_censor_personal.sample") / "data" / "speech_rms.wav"
    with source.open("rb") as file:
        speech = read_wav(file)
    quiet = Sound(tone(440, 0.01), language="eng", rate_hz=16_000, layout="mono")
    spoken = Sound(speech, language="eng", rate_hz=16_000, layout="mono")
    make_movie(video, seconds=9, sounds=[quiet, spoken])
    code, _, err = run(capsys, video, "-o", tmp_path / "r.json")
    assert code == 0, err
    report = json.loads((tmp_path / "r.json").read_text())
    heard = {d["match"] for s in report["segments"] for d in s["detections"]}
    assert {"hell", "damn", "shit"} <= heard


def read_wav(file) -> np.ndarray:
    """`(N,) int16` of a mono WAV file."""
    with wave.open(file) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
