from __future__ import annotations

import shutil
from fractions import Fraction

import av
import numpy as np
import pytest
from movies import (
    Sound,
    cut_off,
    damage,
    hide_codec,
    make_movie,
    number_picture,
    read_number,
)

from video_censor_personal.findings import Gap
from video_censor_personal.media.base import Frame
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span, subtract, union

_KINDS = {
    "a.mp4": {"container_options": {"movflags": "faststart"}},
    "a.mkv": {},
    "a.flv": {},
    "vfr.mkv": {"vfr": True},
    "mpeg4.mov": {"video_codec": "mpeg4", "container_options": {"movflags": "faststart"}},
    "hevc.mkv": {"video_codec": "libx265"},
    "vp9.webm": {"video_codec": "libvpx-vp9"},
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    return {
        name: make_movie(
            folder / name,
            seconds=4,
            size=(320, 240),
            sounds=[Sound(codec="libopus" if "webm" in name else "aac")],
            **options,
        )
        for name, options in _KINDS.items()
    }


def _copy(movie, tmp_path):
    return shutil.copy(movie.path, tmp_path / movie.path.name)


def _decoded(path):
    items = list(decode_frames(probe(path)))
    return (
        {item.time: item.rgb(80).astype(int) for item in items if isinstance(item, Frame)},
        union(item.span for item in items if isinstance(item, Gap)),
    )


def _without_good_picture(good, decoded, duration):
    """The time for which no picture came, or another than the undamaged file shows."""
    times = sorted(good)
    shown = [Span(a, b) for a, b in zip(times, [*times[1:], duration], strict=True)]
    return union(
        span
        for span in shown
        if span.start not in decoded or np.abs(decoded[span.start] - good[span.start]).max() > 60
    )


# Decoders of HEVC and VP9 accept any bits inside a picture, so only a torn container is noticed.
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.flv", "vfr.mkv", "mpeg4.mov"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("count", [8, 3000])
def test_all_that_damage_spoils_lies_in_a_gap(sources, tmp_path, name, share, count):
    path = _copy(sources[name], tmp_path)
    good, _ = _decoded(path)
    damage(path, share, count, seed=count)

    decoded, gaps = _decoded(path)

    spoilt = _without_good_picture(good, decoded, sources[name].duration)
    assert [left for span in spoilt for left in subtract(span, gaps)] == []
    # ... and no more than the groups of 12 pictures that were hit, at 10 a second (VFR: 6)
    assert sum(gap.duration for gap in gaps) < 2.5 * (2 if "vfr" in name else 1)


@pytest.mark.parametrize("name", ["hevc.mkv", "vp9.webm"])
def test_pictures_lost_with_their_container_lie_in_a_gap(sources, tmp_path, name):
    path = _copy(sources[name], tmp_path)
    good, _ = _decoded(path)
    content = path.read_bytes()
    begin, end = (int(len(content) * share) for share in (0.5, 0.6))
    path.write_bytes(content[:begin] + b"\0" * (end - begin) + content[end:])

    decoded, gaps = _decoded(path)

    missing = _without_good_picture(good, decoded, sources[name].duration)
    lost = [span for span in missing if span.start not in decoded]
    assert lost
    assert [left for span in lost for left in subtract(span, gaps)] == []


@pytest.mark.parametrize("name", _KINDS)
def test_a_file_cut_off_in_the_middle_ends_in_a_gap(sources, tmp_path, name):
    path = _copy(sources[name], tmp_path)
    cut_off(path, 0.6)

    items = list(decode_frames(probe(path)))

    last = items[-1]
    assert isinstance(last, Gap)
    assert "ends early" in last.reason
    assert abs(last.span.end - 4) < Fraction(3, 10)
    assert Fraction(1) < last.span.start < Fraction(7, 2)
    frames = [item for item in items if isinstance(item, Frame)]
    seen = [read_number(frame) for frame in frames if not last.span.contains(frame.time)]
    assert seen == list(range(len(seen)))
    assert len(seen) > 8


def _packets(path):
    with av.open(str(path)) as container:
        return [
            (float(p.pts * p.time_base), p.pos, p.size, p.is_keyframe)
            for p in container.demux(video=0)
            if p.size
        ]


def test_pictures_shown_before_the_damaged_one_but_built_on_it_lie_in_the_gap(sources, tmp_path):
    path = _copy(sources["a.mp4"], tmp_path)
    good, _ = _decoded(path)
    sent = _packets(path)
    # a picture that is sent before some that are shown sooner, as all B pictures are
    hit = next(n for n in range(15, 30) if sent[n + 1][0] < sent[n][0] and not sent[n][3])
    _, position, size, _ = sent[hit]
    content = bytearray(path.read_bytes())
    content[position + 8 : position + size] = b"\x55" * (size - 8)
    path.write_bytes(content)

    decoded, gaps = _decoded(path)

    sooner = min(time for time, *_ in sent[hit:])
    assert sooner < sent[hit][0]
    assert any(gap.contains(Fraction(sooner).limit_denominator(1000)) for gap in gaps)
    spoilt = _without_good_picture(good, decoded, Fraction(4))
    assert [left for span in spoilt for left in subtract(span, gaps)] == []


def test_the_picture_that_a_tear_begins_in_is_not_trusted(sources, tmp_path):
    """HEVC decodes anything without complaint, but the container shows where it is torn."""
    path = _copy(sources["hevc.mkv"], tmp_path)
    good, _ = _decoded(path)
    time, position, size, _ = next(p for p in _packets(path) if p[3] and p[0] > 1)
    content = bytearray(path.read_bytes())
    begin, end = position + size // 2, position + size + 3000
    content[begin:end] = bytes(end - begin)
    path.write_bytes(content)

    decoded, gaps = _decoded(path)

    assert any(gap.contains(Fraction(time).limit_denominator(1000)) for gap in gaps)
    spoilt = _without_good_picture(good, decoded, Fraction(4))
    assert [left for span in spoilt for left in subtract(span, gaps)] == []


def test_a_file_cut_off_within_a_picture_does_not_trust_that_picture(sources, tmp_path):
    for share in (0.55, 0.6, 0.65):
        path = _copy(sources["a.mp4"], tmp_path)
        good, _ = _decoded(path)
        cut_off(path, share)
        decoded, gaps = _decoded(path)
        spoilt = _without_good_picture(good, decoded, Fraction(4))
        assert [left for span in spoilt for left in subtract(span, gaps)] == []


def test_still_pictures_of_a_variable_rate_are_no_gap(tmp_path):
    path = tmp_path / "slides.mkv"
    options = {"bf": "0"}
    source = make_movie(
        tmp_path / "s.mkv", seconds=2, fps=5, video_options=options, sounds=[Sound()]
    )
    with av.open(str(source.path)) as reading, av.open(str(path), "w") as writing:
        streams = [writing.add_stream_from_template(s) for s in reading.streams]
        for packet in reading.demux():
            if packet.size:
                if packet.stream.type == "video" and packet.pts >= 1000:
                    packet.pts, packet.dts = packet.pts + 5000, packet.dts + 5000
                packet.stream = streams[packet.stream.index]
                writing.mux(packet)

    items = list(decode_frames(probe(path)))

    assert [item for item in items if isinstance(item, Gap)] == []
    assert len(items) == 10


def test_a_video_shorter_than_its_sound_is_no_gap(tmp_path):
    tone = np.zeros(6 * 48_000, np.float32)
    for name in ("a.mp4", "a.mkv"):
        path = make_movie(tmp_path / name, seconds=2, sounds=[Sound(tone)]).path
        info = probe(path)
        assert info.duration > 5
        assert [i for i in decode_frames(info) if isinstance(i, Gap)] == []


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", b"avc1"), ("a.mkv", b"V_MPEG4/ISO/AVC")])
def test_a_stream_no_decoder_knows_is_one_gap(sources, tmp_path, name, codec):
    path = _copy(sources[name], tmp_path)
    hide_codec(path, codec)

    info = probe(path)
    items = list(decode_frames(info))

    assert not info.video.decodable
    assert info.audio.decodable
    assert len(items) == 1
    assert items[0].span.start == 0
    assert abs(items[0].span.end - 4) < Fraction(1, 10)
    assert "no decoder" in items[0].reason


def test_damage_at_the_start_is_a_gap_from_zero(sources, tmp_path):
    path = _copy(sources["a.mkv"], tmp_path)
    with av.open(str(path)) as container:
        first = next(p for p in container.demux(video=0) if p.size)
    content = bytearray(path.read_bytes())
    content[first.pos + 10 : first.pos + first.size - 10] = b"\xff" * (first.size - 20)
    path.write_bytes(content)

    _, gaps = _decoded(path)

    assert gaps
    assert gaps[0].start == 0


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_sound_avi_is_not_taken_for_a_damaged_one_and_a_damaged_one_is(tmp_path, codec):
    """AVI stores no times, and FFmpeg gives a frame another one than its packet."""
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"bf": "2", "g": "12"})
        stream.width, stream.height = 160, 120
        for number in range(75):
            picture = number_picture(number, 160, 120)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    items = list(decode_frames(probe(path)))
    assert [item for item in items if isinstance(item, Gap)] == []
    assert len(items) == 75
    damage(path)
    assert [item for item in decode_frames(probe(path)) if isinstance(item, Gap)]
