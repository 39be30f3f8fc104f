from __future__ import annotations

import os
import shutil
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from movie_kinds import CLICKS, KINDS
from movies import Sound, cut_off, damage, hide_codec, impulses, make_movie, tone

from video_censor_personal.findings import Gap
from video_censor_personal.media.audio import decode_audio
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span


def _heard(path, stream=None, **options):
    items = list(decode_audio(probe(path), stream, **options))
    return (
        [item for item in items if isinstance(item, AudioBlock)],
        [item for item in items if isinstance(item, Gap)],
    )


def _line(blocks, seconds):
    """All blocks on one time line from 0, float of -1..1."""
    line = np.zeros(round(seconds * SAMPLE_RATE_HZ))
    for block in blocks:
        samples = block.samples[max(0, round(-block.time * SAMPLE_RATE_HZ)) :]
        at = max(0, round(block.time * SAMPLE_RATE_HZ))
        line[at : at + len(samples)] = samples[: len(line) - at] / 32768
    return line


def _click_times(line, near):
    for time in near:
        window = np.arange(
            round((time - 0.05) * SAMPLE_RATE_HZ), round((time + 0.05) * SAMPLE_RATE_HZ)
        )
        energy = line[window] ** 2
        assert energy.max() > 0.01
        yield float((window * energy).sum() / energy.sum()) / SAMPLE_RATE_HZ


def _level(line, start, end):
    part = line[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)]
    return float(np.sqrt(np.mean(part**2)))


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if "sounds" in kind])
def test_a_click_is_heard_within_a_millisecond_of_its_time(movie, name):
    blocks, gaps = _heard(movie(name).path)

    line = _line(blocks, 2.2)

    for found, time in zip(_click_times(line, CLICKS), CLICKS, strict=True):
        assert abs(found - time) < 0.001
    assert gaps == []


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.opus", "libopus"), ("a.flac", "flac")],
)
def test_sound_alone_is_timed_from_its_first_sample(tmp_path, name, codec):
    sound = Sound(impulses(*CLICKS), codec)
    path = make_movie(tmp_path / name, video_codec=None, seconds=2, sounds=[sound]).path

    blocks, gaps = _heard(path)

    assert blocks[0].time == 0
    for found, time in zip(_click_times(_line(blocks, 2.2), CLICKS), CLICKS, strict=True):
        assert abs(found - time) < 0.001
    assert gaps == []


def test_blocks_follow_each_other_exactly_and_have_the_asked_length(movie):
    blocks, _ = _heard(movie("h264+aac.mp4").path, block_s=0.25)

    assert {len(block.samples) for block in blocks[:-1]} == {4000}
    assert all(block.samples.dtype == np.int16 for block in blocks)
    for before, after in pairwise(blocks):
        assert after.time == before.span.end


def test_block_lengths_change_no_sample(movie):
    path = movie("h264+mp3.mkv").path
    short, _ = _heard(path, block_s=0.1)
    long, _ = _heard(path, block_s=30)

    assert len(long) == 1
    assert np.array_equal(np.concatenate([b.samples for b in short]), long[0].samples)


def test_the_named_stream_is_heard_else_the_default_one(tmp_path):
    sounds = [Sound(300.0), Sound(1000.0, flags=["default"]), Sound(2000.0)]
    path = make_movie(tmp_path / "a.mkv", seconds=1, sounds=sounds).path

    def loudest_hz(stream):
        blocks, _ = _heard(path, stream)
        return int(np.abs(np.fft.rfft(_line(blocks, 1))).argmax())

    assert [loudest_hz(n) for n in (1, 2, 3, None)] == [300, 1000, 2000, 1000]
    with pytest.raises(ValueError, match="stream 0"):
        next(decode_audio(probe(path), 0))


def test_speech_in_the_centre_is_favoured(tmp_path):
    times = np.arange(48_000) / 48_000
    channels = np.stack([tone(f, 0.2)(times) for f in (300, 400, 500, 600, 700, 800)])
    path = make_movie(
        tmp_path / "a.mov",
        seconds=1,
        sounds=[Sound(channels.astype(np.float32), "pcm_s16le", "5.1")],
    ).path

    spectrum = np.abs(np.fft.rfft(_line(_heard(path)[0], 1))) / 8000

    left, right, centre, low, *surround = (spectrum[f] for f in (300, 400, 500, 600, 700, 800))
    assert centre > 3 * left
    assert left == pytest.approx(right, rel=0.05)
    assert 0.01 < max(surround) < left
    assert low < 0.01


def test_channels_without_names_are_all_heard(tmp_path):
    """As field recorders write them: a WAV file whose channel mask is 0."""
    path = tmp_path / "a.wav"
    times = np.arange(16_000) / 16_000
    channels = np.stack([tone(f, 0.6)(times) for f in (300, 400, 500)], axis=1)
    data = (channels * 32767).astype("<i2").tobytes()
    head = b"WAVEfmt " + (16).to_bytes(4, "little") + b"\1\0\3\0"
    head += (16_000).to_bytes(4, "little") + (96_000).to_bytes(4, "little") + b"\6\0\x10\0"
    body = head + b"data" + len(data).to_bytes(4, "little") + data
    path.write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)

    spectrum = np.abs(np.fft.rfft(_line(_heard(path)[0], 1))) / 8000

    for frequency in (300, 400, 500):
        assert spectrum[frequency] == pytest.approx(0.2, rel=0.1)


def test_full_scale_on_every_channel_does_not_clip(tmp_path):
    loud = Sound(tone(500, 0.99), "pcm_s16le", "5.1")
    path = make_movie(tmp_path / "a.mov", seconds=1, sounds=[loud]).path

    line = _line(_heard(path)[0], 1)[2000:-2000]

    assert np.abs(line).max() < 1
    assert _level(line, 0, 0.5) == pytest.approx(0.7, rel=0.05)


def _with_hole(tmp_path, name, drop):
    """A steady tone of which the packets that begin within `drop` are not in the file."""
    source = make_movie(tmp_path / f"source-{name}", seconds=3, sounds=[Sound(500.0)])
    path = tmp_path / name
    with av.open(str(source.path)) as reading, av.open(str(path), "w") as writing:
        streams = [writing.add_stream_from_template(s) for s in reading.streams]
        for packet in reading.demux():
            is_sound = packet.stream.type == "audio"
            if packet.size and not (
                is_sound and drop[0] <= packet.pts * packet.time_base < drop[1]
            ):
                packet.stream = streams[packet.stream.index]
                writing.mux(packet)
    return path


def test_time_that_stamps_leave_out_is_no_silence(tmp_path):
    blocks, gaps = _heard(_with_hole(tmp_path, "a.mkv", (1, 1.5)))

    spans = [block.span for block in blocks]
    holes = [(a.end, b.start) for a, b in pairwise(spans) if a.end != b.start]
    assert gaps == []
    assert len(holes) == 1
    assert abs(float(holes[0][0]) - 1) < 0.05
    assert abs(float(holes[0][1]) - 1.5) < 0.05
    assert all(_level(block.samples / 32768, 0, 1) > 0.15 for block in blocks)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "aac"),
        ("a.mkv", "aac"),
        ("a.webm", "libopus"),
        ("mp3.mkv", "libmp3lame"),
        ("ac3.mkv", "ac3"),
        ("flac.mkv", "flac"),
        ("a.ts", "aac"),
    ],
)
def test_damage_is_a_gap_and_the_rest_keeps_its_time(tmp_path, name, codec):
    click = 3.5
    video = "libvpx-vp9" if name.endswith("webm") else "libx264"
    sound = Sound(lambda times: impulses(click)(times) + tone(900, 0.02)(times), codec)
    path = make_movie(tmp_path / name, video_codec=video, sounds=[sound]).path
    damage(path, 0.4, 2500)

    blocks, gaps = _heard(path)

    assert gaps
    lost = Span(gaps[0].span.start, gaps[-1].span.end)
    assert 1 < lost.start < lost.end < 3
    (found,) = _click_times(_line(blocks, 4.2), [click])
    assert abs(found - click) < 0.002


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "ac3"), ("a.webm", "libopus")]
)
def test_sound_cut_off_in_the_middle_ends_in_a_gap(tmp_path, name, codec):
    path = make_movie(
        tmp_path / name,
        video_codec="libvpx-vp9" if name.endswith("webm") else "libx264",
        sounds=[Sound(codec=codec)],
        container_options={"movflags": "faststart"} if name.endswith("mp4") else {},
    ).path
    cut_off(path, 0.5)

    items = list(decode_audio(probe(path)))

    assert isinstance(items[-1], Gap)
    assert "ends early" in items[-1].reason
    assert abs(items[-1].span.start - items[-2].span.end) < Fraction(1, 1000)
    assert abs(items[-1].span.end - 4) < Fraction(1, 20)


def test_sound_shorter_than_the_picture_is_no_gap(tmp_path):
    for name in ("a.mp4", "a.mkv"):
        sound = Sound(np.zeros(48_000, np.float32))
        blocks, gaps = _heard(make_movie(tmp_path / name, sounds=[sound]).path)
        assert gaps == []
        assert blocks[-1].span.end < 2


def test_sound_no_decoder_knows_is_one_gap(tmp_path):
    path = make_movie(tmp_path / "a.mkv", seconds=2, sounds=[Sound()]).path
    hide_codec(path, b"A_AAC")

    (gap,) = decode_audio(probe(path))

    assert gap.span.start == 0
    assert abs(gap.span.end - 2) < Fraction(1, 20)
    assert "no decoder" in gap.reason


def test_sound_that_begins_before_the_picture_has_negative_times(tmp_path):
    sound = Sound(impulses(0.5), start=-1)
    path = make_movie(tmp_path / "a.mkv", seconds=2, start=2, sounds=[sound]).path

    blocks, _ = _heard(path)

    assert abs(blocks[0].time + 1) < Fraction(1, 500)
    loudest = max(blocks, key=lambda block: np.abs(block.samples).max())
    at = loudest.time + Fraction(int(np.abs(loudest.samples).argmax()), SAMPLE_RATE_HZ)
    assert abs(float(at) + 0.5) < 0.0015


def test_closing_early_closes_the_file(movie):
    info = probe(movie("h264+aac.mkv").path)
    before = len(os.listdir("/proc/self/fd"))

    blocks = decode_audio(info, block_s=0.1)
    next(blocks)
    assert len(os.listdir("/proc/self/fd")) > before
    blocks.close()

    assert len(os.listdir("/proc/self/fd")) == before


def test_a_silent_film_has_no_sound(movie, tmp_path):
    path = shutil.copy(movie("vfr.mkv").path, tmp_path)
    assert list(decode_audio(probe(path))) == []
