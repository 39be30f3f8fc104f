from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from movies import Sound, Subtitles, cut_off, hide_codec, make_movie

from video_censor_personal.media.base import Chapter
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span

_CUES = [(0.5, 1.5, "Hello")]


@pytest.mark.parametrize(
    ("name", "video", "audio"),
    [
        ("h264+aac.mp4", "h264", "aac"),
        ("hevc+ac3.mkv", "hevc", "ac3"),
        ("vp9+opus.webm", "vp9", "opus"),
        ("mpeg4+pcm.mov", "mpeg4", "pcm_s16le"),
        ("h264+mp3.mkv", "h264", "mp3"),
        ("h264+aac.ts", "h264", "aac"),
    ],
)
def test_codecs_size_rate_and_length(movie, name, video, audio):
    info = probe(movie(name).path)

    assert (info.video.codec, info.audio.codec) == (video, audio)
    assert (info.video.width, info.video.height) == (160, 120)
    assert info.video.frame_rate == 10
    assert info.audio.sample_rate_hz in (48_000, 44_100)
    assert info.audio.channel_layout == ("5.1(side)" if audio == "ac3" else "stereo")
    assert info.audio.channels == (6 if audio == "ac3" else 2)
    assert abs(info.duration - 2) < Fraction(1, 20)
    assert info.size_bytes == movie(name).path.stat().st_size
    assert all(stream.decodable for stream in info.streams)


@pytest.mark.parametrize(
    ("name", "rotation"), [("turned.mp4", 90), ("turned.mkv", 270), ("upside-down.mov", 180)]
)
def test_rotation_is_counter_clockwise(movie, name, rotation):
    assert probe(movie(name).path).video.rotation == rotation


def test_the_coded_size_is_not_turned(movie):
    video = probe(movie("turned.mp4").path).video
    assert (video.width, video.height) == (120, 160)


@pytest.mark.parametrize(("name", "origin"), [("late.mp4", 5), ("late.mkv", 5), ("vfr.mp4", 0)])
def test_the_origin_is_when_the_first_frame_is_shown(movie, name, origin):
    info = probe(movie(name).path)

    assert info.origin == origin
    assert info.video.start == 0
    assert abs(info.duration - 2) < Fraction(1, 20)


def test_the_origin_of_sound_alone_is_its_first_sample(tmp_path):
    for name, codec in (("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.opus", "libopus")):
        sound = Sound(codec=codec)
        info = probe(make_movie(tmp_path / name, video_codec=None, sounds=[sound], seconds=1).path)
        assert info.video is None
        assert info.audio is not None
        assert abs(info.duration - 1) < Fraction(1, 20)


@pytest.mark.parametrize(("name", "text"), [("a.mp4", "mov_text"), ("a.mkv", "subrip")])
def test_labels_chapters_and_tags_are_told(tmp_path, name, text):
    path = make_movie(
        tmp_path / name,
        seconds=2,
        start=3,
        sounds=[
            Sound(language="eng", title="Director", flags=["comment"]),
            Sound(language="ger", flags=["default"]),
        ],
        subtitles=[Subtitles(_CUES, text, "fre", flags=["forced", "default"])],
        chapters=[(0, 1, "One"), (1, 2, "Two")],
        tags={"title": "A film"},
    ).path

    info = probe(path)

    first, second = info.of_kind("audio")
    assert (first.language, second.language) == ("eng", "ger")
    assert "comment" in first.flags
    assert info.audio == second
    (subtitle,) = info.of_kind("subtitle")
    assert (subtitle.codec, subtitle.language, subtitle.text) == (text, "fre", True)
    assert "forced" in subtitle.flags
    assert info.tags["title"] == "A film"
    assert [chapter.title for chapter in info.chapters] == ["One", "Two"]
    if name == "a.mkv":  # chapters in MP4 count from the movie's zero
        assert first.title == "Director"
        assert info.chapters[1] == Chapter(Span.of(1, 2), "Two")


def test_cover_art_is_not_the_video(tmp_path):
    info = probe(make_movie(tmp_path / "a.mp4", seconds=1, cover=True, sounds=[Sound()]).path)

    (cover,) = [stream for stream in info.streams if stream.attached_picture]
    assert cover.kind == "video"
    assert info.video != cover
    assert info.video.codec == "h264"


def test_sound_with_cover_art_has_no_video(tmp_path):
    path = make_movie(tmp_path / "a.mp4", video_codec=None, cover=True, sounds=[Sound()]).path

    info = probe(path)

    assert info.video is None
    assert info.origin == 0
    assert info.audio.codec == "aac"


def test_attachments_and_picture_subtitles_are_told_apart(tmp_path):
    path = make_movie(
        tmp_path / "a.mkv",
        seconds=1,
        subtitles=[Subtitles(_CUES, "hdmv_pgs_subtitle"), Subtitles(_CUES, "ass")],
        attachments=[("font.ttf", "font/ttf", b"0123456789")],
    ).path

    info = probe(path)

    assert [s.text for s in info.of_kind("subtitle")] == [False, True]
    assert [s.kind for s in info.streams].count("attachment") == 1


@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [
        ("a.mp4", b"avc1", "video"),
        ("a.mkv", b"V_MPEG4/ISO/AVC", "video"),
        ("a.mkv", b"A_AAC", "audio"),
    ],
)
def test_a_stream_no_decoder_knows_is_named_as_such(tmp_path, name, codec, kind):
    path = make_movie(tmp_path / name, seconds=1, sounds=[Sound()]).path
    hide_codec(path, codec)

    info = probe(path)

    assert {s.kind: s.decodable for s in info.streams} == {
        "video": kind != "video",
        "audio": kind != "audio",
    }
    assert info.origin == 0


def test_a_cut_off_file_keeps_its_declared_length(tmp_path):
    for name, options in (("a.mp4", {"movflags": "faststart"}), ("a.mkv", {})):
        path = make_movie(tmp_path / name, container_options=options, sounds=[Sound()]).path
        cut_off(path, 0.5)
        assert abs(probe(path).duration - 4) < Fraction(1, 20)


def test_the_ten_bit_format_is_told(movie):
    assert probe(movie("ten-bit.mkv").path).video.pixel_format == "yuv420p10le"


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_where_a_container_says_nothing_of_a_codec_its_first_packet_does(
    tmp_path: Path, name: str
) -> None:
    sounds = [Sound(), Sound(codec="ac3"), Sound(codec="eac3", start=1)]
    movie = make_movie(tmp_path / name, seconds=2, size=(64, 48), sounds=sounds)
    with av.open(str(movie.path)) as container:
        firsts: dict[int, bytes] = {}
        for packet in container.demux():
            firsts.setdefault(packet.stream_index, bytes(packet))
    streams = probe(movie.path).streams
    assert [stream.setup == firsts[stream.index] for stream in streams] == [
        False,
        False,
        True,
        True,
    ]
