"""What a kind of file cannot hold is told before the work: refused, or said in the plan."""

import json
import tempfile
from pathlib import Path

import av
import numpy as np
import pytest
from movies import (
    Movie,
    Sound,
    Subtitles,
    decoded_audio,
    frame_times,
    impulses,
    make_movie,
)
from pictures import scaled, with_portrait

from video_censor_personal.cli import main
from video_censor_personal.config import Config
from video_censor_personal.errors import OutputError
from video_censor_personal.job import Request, plan_job, run_job
from video_censor_personal.media.probe import probe


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


def request_of(source: Path, copy: Path, *found: dict[str, object]) -> Request:
    """To copy `source`, without analysing it where something was `found`."""
    if not found:
        return Request(source, Config(), output=copy)
    report = copy.with_suffix(".found.json")
    facts = {"file": source.name, "duration_seconds": 2}
    report.write_text(json.dumps({"metadata": facts, "segments": found}))
    return Request(source, Config(), output=copy, segments=report)


WORD = {"start_time_seconds": 0.5, "end_time_seconds": 0.8, "labels": ["Profanity"]}
ALL = {"start_time_seconds": 0, "end_time_seconds": 2, "labels": ["Nudity"], "video_action": "cut"}
H264, SOUND = "libx264", None
MISFITS = [
    (SOUND, "pcm_s16le", ".wav", ".mp4", ".wav"),  # finished, it cannot be
    (SOUND, "flac", ".flac", ".ts", ".flac"),  # a transport stream has no name for it
    (SOUND, "flac", ".mka", ".wmv", ".mka"),  # its times are lost there
    (H264, "pcm_s16le", ".mkv", ".mp4", ".mkv"),
    (H264, "aac", ".mkv", ".avi", ".mkv"),  # which stores pictures in one order only
    (H264, "ac3", ".mkv", ".mpg", ".mkv"),  # read again, the picture is taken for sound
]


@pytest.mark.parametrize("found", [(), (WORD,)], ids=["unknown", "report"])
@pytest.mark.parametrize(("picture", "sound", "kind", "wanted", "instead"), MISFITS)
def test_what_is_only_known_by_trying_is_tried_before_the_work(
    tmp_path: Path,
    picture: str | None,
    sound: str,
    kind: str,
    wanted: str,
    instead: str,
    found: tuple[dict[str, object], ...],
) -> None:
    codec = Sound(codec=sound)
    film = make_movie(tmp_path / f"a{kind}", seconds=2, video_codec=picture, sounds=[codec]).path
    with pytest.raises(OutputError, match=rf"name the copy b\{instead}"):
        plan_job(request_of(film, tmp_path / f"b{wanted}", *found))
    run_job(plan_job(request_of(film, tmp_path / f"b{instead}", WORD)))
    assert probe(tmp_path / f"b{instead}").audio


@pytest.mark.parametrize("picture", [{"bf": "0"}, {"bf": "2"}], ids=["in order", "reordered"])
def test_the_refusal_names_the_stream_that_does_not_fit(
    tmp_path: Path, picture: dict[str, str]
) -> None:
    """H.264 of an MP4 has lengths between its units, and AVI wants start codes."""
    film = make_movie(
        tmp_path / "a.mp4", seconds=2, video_options=picture, sounds=[Sound(codec="libmp3lame")]
    ).path
    with pytest.raises(OutputError) as refused:
        plan_job(request_of(film, tmp_path / "b.avi", WORD))
    said = str(refused.value)
    assert said.startswith("a .avi file cannot hold stream 0 (video: h264) of a.mp4: ")
    assert "audio" not in said
    assert "name the copy b.mp4" in said


def test_a_first_stream_that_is_left_out_does_not_stop_the_others(tmp_path: Path) -> None:
    cues = Subtitles([(0.5, 1, "what the hell")], codec="subrip")
    film = make_movie(tmp_path / "a.mkv", seconds=2, sounds=[Sound()], subtitles=[cues]).path
    turned = tmp_path / "turned.mkv"
    with av.open(str(film)) as source, av.open(str(turned), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in reversed(source.streams)}
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    run_job(plan_job(request_of(turned, tmp_path / "b.ts", WORD)))
    assert [stream.kind for stream in probe(tmp_path / "b.ts").streams] == ["audio", "video"]


@pytest.mark.parametrize(
    ("picture", "sound", "stream"),
    [(H264, "ac3", 1), (H264, "eac3", 1), (H264, "libopus", 1), ("libvpx-vp9", "aac", 0)],
)
def test_what_few_players_read_in_an_flv_is_refused_unless_the_film_is_one(
    tmp_path: Path, picture: str, sound: str, stream: int
) -> None:
    film = make_movie(
        tmp_path / "a.mkv", seconds=2, video_codec=picture, sounds=[Sound(codec=sound)]
    ).path
    refusal = (
        rf"stream {stream} \((audio|video): .* \.flv file cannot hold it; name the copy b\.mkv"
    )
    for found in ((), (WORD,)):
        with pytest.raises(OutputError, match=refusal):
            plan_job(request_of(film, tmp_path / "b.flv", *found))
    own = make_movie(
        tmp_path / "a.flv", seconds=2, video_codec=picture, sounds=[Sound(codec=sound)]
    ).path
    run_job(plan_job(request_of(own, tmp_path / "b.flv", WORD)))
    kept = {entry.kind: entry.codec for entry in probe(tmp_path / "b.flv").streams}
    assert kept == {entry.kind: entry.codec for entry in probe(own).streams}


def test_sound_that_can_be_copied_and_not_be_changed_is_refused_before_the_analysis(
    tmp_path: Path,
) -> None:
    film = make_movie(
        tmp_path / "a.flac", seconds=2, video_codec=None, sounds=[Sound(codec="flac")]
    ).path
    with pytest.raises(OutputError, match=r"name the copy b\.flac"):
        plan_job(request_of(film, tmp_path / "b.flv"))


def test_a_copy_needs_no_room_for_temporary_files(
    movie: Movie, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    run_job(plan_job(Request(movie.path, Config(), output=tmp_path / "b.mkv", segments=report)))
    assert probe(tmp_path / "b.mkv").audio


@pytest.mark.parametrize("suffix", [".ts", ".flv"])
def test_a_kind_of_file_that_begins_later_keeps_sound_and_picture_together(
    tmp_path: Path, suffix: str
) -> None:
    click = Sound(impulses(1.5), codec="aac")
    film = make_movie(tmp_path / "a.mkv", seconds=2, sounds=[click])
    run_job(plan_job(request_of(film.path, tmp_path / f"b{suffix}", WORD)))
    times = frame_times(tmp_path / f"b{suffix}")
    assert [float(time) for time in times] == pytest.approx(
        [float(t) for t in film.times], abs=2e-3
    )
    samples, rate = decoded_audio(tmp_path / f"b{suffix}")
    assert np.abs(samples).max(axis=0).argmax() / rate == pytest.approx(1.5, abs=0.002)


def test_a_picture_encoded_for_wmv_is_stored_in_the_order_in_which_it_is_shown(
    tmp_path: Path,
) -> None:
    film = make_movie(
        tmp_path / "a.wmv",
        seconds=2,
        fps=25,
        video_codec="wmv2",
        video_options={"bf": "0"},
        sounds=[Sound(codec="wmav2")],
    )
    hidden = WORD | {"labels": ["Nudity"], "video_action": "blur", "audio_action": "none"}
    run_job(plan_job(request_of(film.path, tmp_path / "b.wmv", hidden)))
    before, after = stored(film.path), stored(tmp_path / "b.wmv")
    assert len(after[0]) == len(film.times)
    for stream in (0, 1):  # from the first picture on, both tell the same times
        assert [time - after[0][0] for time in after[stream]] == pytest.approx(
            [time - before[0][0] for time in before[stream]], abs=2e-3
        )


def stored(path: Path) -> list[list[float]]:
    """Of each stream, the times that the file has for its packets."""
    with av.open(str(path)) as container:
        found: list[list[float]] = [[] for _ in container.streams]
        for packet in container.demux():
            if packet.size and packet.dts is not None and packet.time_base is not None:
                found[packet.stream_index].append(float(packet.dts * packet.time_base))
    return found


@pytest.mark.parametrize(("suffix", "kept"), [(".mp3", 1), (".mp4", 1), (".mov", 0), (".avi", 0)])
def test_a_cover_is_kept_where_there_is_a_place_for_it(
    tmp_path: Path, suffix: str, kept: int, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = [Sound(codec="libmp3lame")]
    film = make_movie(tmp_path / "a.mp3", seconds=2, video_codec=None, sounds=sound, cover=True)
    plan = plan_job(request_of(film.path, tmp_path / f"b{suffix}", WORD))
    assert len(plan.losses) == 1 - kept
    run_job(plan)
    streams = probe(tmp_path / f"b{suffix}").streams
    assert sum(stream.attached_picture for stream in streams) == kept
    assert len(streams) == 1 + kept


@pytest.mark.parametrize("picture", [H264, SOUND])
@pytest.mark.parametrize("cut", [ALL, ALL | {"end_time_seconds": 1.99}])
def test_a_report_that_cuts_the_whole_film_is_refused_before_any_work(
    tmp_path: Path, picture: str | None, cut: dict[str, object]
) -> None:
    film = make_movie(tmp_path / "a.mkv", seconds=2, video_codec=picture, sounds=[Sound()]).path
    with pytest.raises(OutputError, match=r"nothing would be left of a\.mkv"):
        plan_job(request_of(film, tmp_path / "b.mkv", cut))


def test_a_cut_that_leaves_a_frame_is_made(tmp_path: Path) -> None:
    film = make_movie(tmp_path / "a.mkv", seconds=2, sounds=[Sound()]).path
    cut = ALL | {"end_time_seconds": 1.85}
    run_job(plan_job(request_of(film, tmp_path / "b.mkv", cut)))
    assert len(frame_times(tmp_path / "b.mkv")) == 1


def test_an_analysis_that_has_the_whole_film_cut_leaves_its_report_and_encodes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = make_movie(
        tmp_path / "a.mp4",
        seconds=1,
        size=(512, 288),
        paint=lambda _, width, height: scaled(with_portrait(0, 0, 1024, 576), width, height),
    ).path
    config = tmp_path / "my.yaml"
    config.write_text("detections: {faces: {}}\nremediation: {video: {mode: cut}}\n")
    assert main([str(film), "-o", str(tmp_path / "b.mp4"), "--config", str(config), "--json"]) == 1
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "nothing would be left of a.mp4" in events[-1]["message"]
    assert "copy" not in {event.get("stage") for event in events}
    assert json.loads((tmp_path / "b.json").read_text())["segments"]
    assert not (tmp_path / "b.mp4").exists()
