"""`remediation.audio.clean_track`: the censored sound stands beside the untouched one."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from flagged import copy, heard, report_of, seen, segment
from movies import Sound, decoded_audio, level_dbfs, make_movie
from packets import packets

from video_censor_personal.cli import main
from video_censor_personal.config import AudioRemediation, Remediation
from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.plan import make_plan

BESIDE = Remediation(AudioRemediation(clean_track=True))
WORD = segment(heard("hell", 1.2, 1.5))


def sounds_of(path: Path) -> list[tuple[str, str, bool]]:
    return [(s.title, s.language, "default" in s.flags) for s in probe(path).of_kind("audio")]


def is_silent(path: Path, track: int, start: float = 1.2, end: float = 1.5) -> bool:
    sound, rate = decoded_audio(path, track)
    return level_dbfs(sound[:, round(start * rate) : round(end * rate)]) < -60


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "aac"), ("a.mkv", "aac"), ("a.mov", "aac"), ("b.mkv", "ac3"), ("a.webm", "libopus")],
)
def test_the_clean_track_is_new_default_and_titled_and_the_other_untouched(
    tmp_path: Path, name: str, codec: str
) -> None:
    movie = make_movie(
        tmp_path / name,
        seconds=3,
        video_codec="libvpx-vp9" if name.endswith("webm") else "libx264",
        sounds=[Sound(codec=codec, language="eng", title="Main", flags=["default"])],
    )
    out = tmp_path / f"clean.{name}"
    copy(movie.path, out, WORD, remediation=BESIDE)
    assert sounds_of(out) == [("CLEAN", "eng", True), ("Main", "eng", False)]
    assert is_silent(out, 0)
    assert not is_silent(out, 1)
    assert packets(out, 2) == packets(movie.path, 1)
    assert packets(out, 0) == packets(movie.path, 0)


def test_the_clean_track_is_joined_not_encoded_whole(tmp_path: Path) -> None:
    sound = Sound(np.random.default_rng(1).normal(0, 0.1, 8 * 48_000).astype(np.float32))
    movie = make_movie(tmp_path / "a.mp4", seconds=8, size=(64, 48), sounds=[sound])
    copy(movie.path, tmp_path / "b.mp4", WORD, remediation=BESIDE)
    source, clean = packets(movie.path, 1), packets(tmp_path / "b.mp4", 1)
    assert [time for time, _ in clean] == [time for time, _ in source]
    different = [a[0] for a, b in zip(source, clean, strict=True) if a != b]
    assert 10 < len(different) < 35
    assert all(0.9 < time < 1.8 for time in different if time is not None)


def test_only_the_tracks_that_would_change_get_one_and_titles_tell_them_apart(
    tmp_path: Path,
) -> None:
    movie = make_movie(
        tmp_path / "a.mkv",
        seconds=3,
        sounds=[
            Sound(language="deu"),
            Sound(language="eng", title="Film", flags=["default"]),
            Sound(language="eng", title="Comment", flags=["comment"]),
        ],
    )
    audio = AudioRemediation(clean_track=True, tracks=["eng"])
    copy(movie.path, tmp_path / "b.mkv", WORD, remediation=Remediation(audio))
    assert sounds_of(tmp_path / "b.mkv") == [
        ("", "deu", False),
        ("CLEAN Film", "eng", True),
        ("Film", "eng", False),
        ("CLEAN Comment", "eng", False),
        ("Comment", "eng", False),
    ]
    silent = [is_silent(tmp_path / "b.mkv", track) for track in range(5)]
    assert silent == [False, True, False, True, False]


def test_a_cut_takes_both_tracks(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=4, sounds=[Sound()])
    gone = segment(seen("nudity", 2, 3), video_action="cut")
    copy(movie.path, tmp_path / "b.mp4", WORD, gone, remediation=BESIDE)
    for track in range(2):
        sound, rate = decoded_audio(tmp_path / "b.mp4", track)
        assert sound.shape[1] / rate == pytest.approx(3, abs=0.05)
        assert is_silent(tmp_path / "b.mp4", track) == (track == 0)


def test_a_file_that_holds_one_track_has_that_changed_and_says_so(tmp_path: Path) -> None:
    movie = make_movie(
        tmp_path / "a.flac", seconds=3, video_codec=None, sounds=[Sound(codec="flac")]
    )
    plan = make_plan(report_of(WORD), BESIDE, probe(movie.path))
    assert any("holds one track only" in note for note in plan.notes)
    copy(movie.path, tmp_path / "b.flac", WORD, remediation=BESIDE)
    assert is_silent(tmp_path / "b.flac", 0)


def test_the_plan_names_the_new_track() -> None:
    track = StreamInfo(1, "audio", "ac3", language="eng", channels=6, sample_rate_hz=48_000)
    lines = "\n".join(make_plan(report_of(WORD), BESIDE, film(track)).describe())
    assert "new track CLEAN of stream 1 (audio: ac3, eng): 10.00 s encoded anew" in lines
    assert "\nstream 1 (audio: ac3, eng): 10.00 s copied" in lines


def film(*streams: StreamInfo) -> MediaInfo:
    return MediaInfo(Path("a.mkv"), "matroska,webm", Fraction(0), Fraction(10), 1_000, streams)


def test_from_the_command_line(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=3, sounds=[Sound(language="eng")])
    report = tmp_path / "a.json"
    report.write_text(
        '{"segments": [{"start_time_seconds": 1.2, "end_time_seconds": 1.5,'
        ' "labels": ["Profanity"]}]}'
    )
    out = tmp_path / "b.mp4"
    options = ["--input-segments", str(report), "-o", str(out), "--clean-track", "-q"]
    assert main([str(movie.path), *options]) == 0
    assert sounds_of(out) == [("CLEAN", "eng", True), ("", "eng", False)]
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == 2
    assert is_silent(out, 0)
    assert not is_silent(out, 1)
