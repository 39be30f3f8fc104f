"""Cuts: exact frames, sound that goes with them, and nothing that adds up."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from flagged import copy, heard, seen, segment
from movies import (
    Sound,
    Subtitles,
    decoded_audio,
    frames,
    impulses,
    level_dbfs,
    make_movie,
    read_number,
)

from video_censor_personal.config import Remediation, SkipChapters, VideoRemediation
from video_censor_personal.errors import OutputError
from video_censor_personal.findings import Segment
from video_censor_personal.media.probe import probe
from video_censor_personal.media.subtitles import read_cues
from video_censor_personal.remediation.retiming import Retiming
from video_censor_personal.timeline import Span


def cut(start: float, end: float) -> Segment:
    return segment(seen("nudity", start, end), video_action="cut")


def numbers(path: Path) -> list[tuple[Fraction, int]]:
    return [(time, read_number(picture)) for time, picture in frames(path)]


@pytest.mark.parametrize(
    ("name", "codec", "sound"),
    [
        ("a.mp4", "libx264", "aac"),
        ("a.mkv", "libx265", "flac"),
        ("a.webm", "libvpx-vp9", "libopus"),
        ("a.ts", "libx264", "aac"),
    ],
)
def test_exactly_the_frames_of_a_cut_are_gone(
    tmp_path: Path, name: str, codec: str, sound: str
) -> None:
    movie = make_movie(tmp_path / name, seconds=4, video_codec=codec, sounds=[Sound(codec=sound)])
    out = tmp_path / f"clean.{name}"
    result = copy(movie.path, out, cut(1, 1.5), cut(2.2, 3))
    kept = [*range(10), *range(15, 22), *range(30, 40)]
    assert numbers(out) == [(Fraction(at, 10), number) for at, number in enumerate(kept)]
    assert float(result.duration) == pytest.approx(2.7, abs=0.05)
    after, rate = decoded_audio(out)
    assert after.shape[1] / rate == pytest.approx(2.7, abs=0.05)


def test_a_cut_between_frames_takes_the_frame_that_shows_its_start(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=3, sounds=[Sound()])
    copy(movie.path, tmp_path / "b.mp4", cut(1.05, 1.45))
    kept = [*range(10), *range(15, 30)]
    assert numbers(tmp_path / "b.mp4") == [(Fraction(at, 10), n) for at, n in enumerate(kept)]


@pytest.mark.parametrize(("codec", "apart_s"), [("flac", 0.001), ("aac", 0.0112)])
def test_sound_and_picture_stay_together_after_twenty_cuts(
    tmp_path: Path, codec: str, apart_s: float
) -> None:
    """A click a second, in the middle of a frame; cuts of odd lengths between the clicks."""
    seconds, fps = 24, Fraction(30000, 1001)
    clicks = [number + 0.5 for number in range(seconds)]
    movie = make_movie(
        tmp_path / "a.mp4",
        seconds=seconds,
        fps=fps,
        size=(96, 64),
        sounds=[Sound(impulses(*clicks), codec=codec)],
    )
    cuts = [Span.of(n + 0.7, n + 0.7 + 0.011 * (n + 3)) for n in range(1, 21)]
    out = tmp_path / "b.mp4"
    copy(movie.path, out, *(cut(float(c.start), float(c.end)) for c in cuts))
    sound, rate = decoded_audio(out)
    pictures = numbers(out)
    assert len(pictures) < len(movie.times)
    for number in range(seconds):
        # The frame that was shown when the click was heard still is.
        frame = next(n for n, t in enumerate(movie.times) if t + 1 / fps > clicks[number])
        shown = next(time for time, n in pictures if n == frame)
        offset = Fraction(clicks[number]) - movie.times[frame]
        expected = float(shown + offset)
        near = round((expected - 0.04) * rate)
        peak = near + np.abs(sound[0, near : round((expected + 0.04) * rate)]).argmax()
        assert peak / rate == pytest.approx(expected, abs=apart_s), number


def test_joints_do_not_click(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=3, sounds=[Sound(100.0, codec="flac")])
    copy(movie.path, tmp_path / "b.mkv", cut(1, 1.4037))
    sound, rate = decoded_audio(tmp_path / "b.mkv")
    steps = np.abs(np.diff(sound[0]))
    assert steps.max() < 0.3 * 2 * np.pi * 100 / rate * 1.5
    quiet = np.abs(sound[0, rate - 5 : rate + 5]).max()
    assert quiet < 0.01


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mov_text"), ("a.mkv", "subrip"), ("b.mkv", "ass")]
)
def test_subtitles_and_chapters_move_shorten_and_vanish(
    tmp_path: Path, name: str, codec: str
) -> None:
    cues = [
        (0.2, 0.8, "before"),
        (0.9, 1.5, "into"),
        (1.6, 1.9, "inside"),
        (1.5, 2.5, "out of"),
        (3, 3.5, "after"),
    ]
    if codec == "mov_text":  # MP4 shows one subtitle at a time
        cues.remove((1.5, 2.5, "out of"))
    movie = make_movie(
        tmp_path / name,
        seconds=4,
        subtitles=[Subtitles(cues, codec)],
        chapters=[(0, 1.5, "one"), (1.5, 1.8, "gone"), (1.8, 4, "two")],
    )
    out = tmp_path / f"clean.{name}"
    copy(movie.path, out, cut(1, 2), skip_chapters=SkipChapters(enabled=True))
    found = {
        cue.text: (round(float(cue.span.start), 2), round(float(cue.span.end), 2))
        for cue in read_cues(probe(out))
    }
    wanted = {"before": (0.2, 0.8), "into": (0.9, 1.0), "after": (2.0, 2.5)}
    if codec != "mov_text":
        wanted["out of"] = (1.0, 1.5)
    assert found == wanted
    chapters = [(c.title, float(c.span.start), float(c.span.end)) for c in probe(out).chapters]
    assert chapters == [("one", 0, 1), ("two", 1, 3)]


def test_a_word_can_be_cut_and_another_muted(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=4, sounds=[Sound(codec="flac")])
    remediation = Remediation(video=VideoRemediation(category_modes={"slur": "cut"}))
    found = segment(heard("hell", 1, 1.3), heard("bad", 2, 3, category="slur"))
    copy(movie.path, tmp_path / "b.mkv", found, remediation=remediation)
    sound, rate = decoded_audio(tmp_path / "b.mkv")
    assert sound.shape[1] / rate == pytest.approx(3, abs=0.01)
    assert level_dbfs(sound[:, rate : round(1.3 * rate)]) < -90
    assert level_dbfs(sound[:, round(1.5 * rate) : round(1.9 * rate)]) > -20
    kept = [*range(20), *range(30, 40)]
    assert [number for _, number in numbers(tmp_path / "b.mkv")] == kept


@pytest.mark.parametrize(("start", "end", "first"), [(0, 1, 10), (3, 9, 0)])
def test_a_cut_at_the_start_or_past_the_end(
    tmp_path: Path, start: float, end: float, first: int
) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=4, sounds=[Sound()])
    copy(movie.path, tmp_path / "b.mp4", cut(start, end))
    left = numbers(tmp_path / "b.mp4")
    assert left[0] == (0, first)
    assert len(left) == 30
    sound, rate = decoded_audio(tmp_path / "b.mp4")
    assert sound.shape[1] / rate == pytest.approx(3, abs=0.05)


def test_variable_frame_rate_is_cut_at_its_own_frames(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=4, fps=20, vfr=True, sounds=[Sound()])
    copy(movie.path, tmp_path / "b.mkv", cut(1.03, 2.01))
    before = [time for time in movie.times if time <= Fraction(103, 100)][-1]
    after = next(time for time in movie.times if time >= Fraction(201, 100))
    retiming = Retiming([Span(before, after)])
    wanted = [
        (retiming.moved(time), number)
        for number, time in enumerate(movie.times)
        if retiming.keeps(time)
    ]
    found = numbers(tmp_path / "b.mkv")
    assert [number for _, number in found] == [number for _, number in wanted]
    for (time, _), (exact, _) in zip(found, wanted, strict=True):
        assert abs(time - exact) <= Fraction(1, 1000)


def test_cutting_everything_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=2, sounds=[Sound()])
    with pytest.raises(OutputError, match=r"nothing would be left of a\.mp4"):
        copy(movie.path, tmp_path / "b.mp4", cut(0, 5))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
