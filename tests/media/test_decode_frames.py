from __future__ import annotations

import os
import threading
from fractions import Fraction

import numpy as np
import pytest
from movie_kinds import KINDS
from movies import make_movie, number_picture, read_number

from video_censor_personal.findings import Gap
from video_censor_personal.media.base import Frame
from video_censor_personal.media.frame_at import frame_at
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span

_MILLISECOND = Fraction(1, 1000)  # Matroska stores no finer times


def _decoded(path, **options):
    items = list(decode_frames(probe(path), **options))
    return (
        [item for item in items if isinstance(item, Frame)],
        [item for item in items if isinstance(item, Gap)],
    )


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_comes_in_order_at_its_own_time(movie, name):
    made = movie(name)

    frames, gaps = _decoded(made.path)

    assert [read_number(frame) for frame in frames] == list(range(len(made.times)))
    tolerance = _MILLISECOND / 2 if name.endswith((".mkv", ".webm")) else Fraction(1, 90_000)
    assert len(frames) == len(made.times)
    for frame, time in zip(frames, made.times, strict=True):
        assert abs(frame.time - time) <= tolerance
    assert gaps == []


def test_times_are_exact_where_the_rate_is_no_whole_number(movie):
    frames, _ = _decoded(movie("ntsc.mp4").path)

    step = frames[1].time - frames[0].time
    assert abs(step - Fraction(1001, 24000)) < Fraction(1, 90_000)
    assert isinstance(frames[-1].time, Fraction)


@pytest.mark.parametrize("name", ["turned.mp4", "turned.mkv", "upside-down.mov"])
def test_turned_pictures_come_upright(movie, name):
    frames, _ = _decoded(movie(name).path)

    assert (frames[3].width, frames[3].height) == (160, 120)
    shown = frames[3].rgb(160)
    assert shown.shape == (120, 160, 3)
    assert np.abs(shown.astype(int) - number_picture(3, 160, 120)).mean() < 12


@pytest.mark.parametrize("name", ["odd.webm", "odd.mkv", "ten-bit.mkv"])
def test_odd_sizes_and_ten_bits_keep_their_colours(movie, name):
    frames, _ = _decoded(movie(name).path)

    wide, high = frames[5].width, frames[5].height
    shown = frames[5].rgb(wide)
    assert shown.shape == (high, wide, 3)
    assert np.abs(shown.astype(int) - number_picture(5, wide, high)).mean() < 14


def test_the_number_of_threads_changes_nothing(movie):
    path = movie("h264+aac.mkv").path

    one, _ = _decoded(path, threads=1)
    many, _ = _decoded(path, threads=0)

    assert [f.time for f in one] == [f.time for f in many]
    assert all(np.array_equal(a.rgb(80), b.rgb(80)) for a, b in zip(one, many, strict=True))


def test_equal_time_stamps_are_told_apart(tmp_path):
    path = _restamped(tmp_path, lambda n: 100 * n if n != 3 else 200)

    frames, _ = _decoded(path)

    times = [frame.time for frame in frames]
    assert times == sorted(set(times))
    assert len(times) == 8
    assert [read_number(frame) for frame in frames] == list(range(8))
    assert times[4] == Fraction(4, 10)  # the one after is where it was


def test_time_stamps_that_jump_back_are_a_gap_and_time_goes_on(tmp_path):
    path = _restamped(tmp_path, lambda n: 100 * n + 5000 if n < 4 else 100 * n)

    frames, gaps = _decoded(path)

    times = [frame.time for frame in frames]
    assert times == [Fraction(n, 10) for n in range(8)]
    assert [gap.span for gap in gaps] == [Span.of(0.3, 0.4)]
    assert "jump back" in gaps[0].reason


def _restamped(tmp_path, stamp_ms):
    """Eight pictures in FLV, a tenth of a second apart, with new time stamps."""
    options = {"bf": "0", "g": "1"}
    made = make_movie(tmp_path / "a.flv", seconds=0.8, video_options=options)
    content = bytearray(made.path.read_bytes())
    position, number = 13, 0  # behind the header of the file
    while position < len(content):
        size = int.from_bytes(content[position + 1 : position + 4], "big")
        is_picture = content[position] == 9 and content[position + 12] == 1
        if is_picture:
            content[position + 4 : position + 7] = stamp_ms(number).to_bytes(3, "big")
            number += 1
        position += 11 + size + 4  # header, data, its length again
    made.path.write_bytes(content)
    assert number == 8
    return made.path


def test_closing_early_leaves_no_open_file_and_no_thread(movie):
    info = probe(movie("h264+aac.mp4").path)
    before = len(os.listdir("/proc/self/fd")), threading.active_count()

    frames = decode_frames(info)
    next(frames)
    assert len(os.listdir("/proc/self/fd")) > before[0]
    frames.close()

    after = len(os.listdir("/proc/self/fd")), threading.active_count()
    # What an earlier test left behind may have ended meanwhile.
    assert all(now <= then for now, then in zip(after, before, strict=True))


def test_a_file_without_picture_has_no_frames(tmp_path):
    from movies import Sound

    path = make_movie(tmp_path / "a.m4a", video_codec=None, sounds=[Sound()], seconds=1).path

    assert list(decode_frames(probe(path))) == []


def test_cover_art_is_no_frame_of_the_film(tmp_path):
    made = make_movie(tmp_path / "a.mp4", seconds=1, cover=True)

    frames, gaps = _decoded(made.path)

    assert len(frames) == len(made.times)
    assert gaps == []


@pytest.mark.parametrize("name", ["h264+aac.mp4", "hevc+ac3.mkv", "vp9+opus.webm", "late.mkv"])
def test_frame_at_gives_the_frame_shown_at_that_time(movie, name):
    made = movie(name)
    info = probe(made.path)

    for asked, number in ((0, 0), (0.05, 0), (1.3, 13), (1.349, 13), (1.35, 13), (99, 19)):
        frame = frame_at(info, Fraction(asked).limit_denominator(1000))
        assert read_number(frame) == number
        assert abs(frame.time - made.times[number]) <= _MILLISECOND
