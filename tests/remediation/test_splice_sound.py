"""Sound that is joined: nothing but the edit and its seams changes."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from flagged import copy, heard, seen, segment
from movies import Sound, decoded_audio, level_dbfs, make_movie

from video_censor_personal.config import AudioRemediation, Remediation
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.sound.seams import SoundDecoder
from video_censor_personal.remediation.sound.sound_windows import frame_cuts, grid_of
from video_censor_personal.timeline import Span

WORDS = [segment(heard("hell", 2.0, 2.3)), segment(heard("damn", 5.1, 5.2))]
MUTED = [(1.92, 2.38), (5.02, 5.28)]
RATE = 48_000


def speech(times: np.ndarray) -> np.ndarray:
    """Voiced syllables with hard beginnings, so that encoders use short transforms too."""
    noise = np.random.default_rng(5).standard_normal(len(times))
    syllable = (times * 4.3) % 1
    voiced = sum(np.sin(2 * np.pi * 130 * k * times) / k for k in range(1, 12))
    return (0.15 * voiced + 0.02 * noise) * np.exp(-4 * syllable) + 0.002 * noise


def raw(path: Path, stream: int = 1) -> list[tuple[int | None, int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        chosen = container.streams[stream]
        return [(p.pts, p.dts, p.duration, bytes(p)) for p in container.demux(chosen) if p.size]


def blocks(path: Path, stream: int = 1) -> list[np.ndarray]:
    """What each packet is decoded to."""
    with av.open(str(path)) as container:
        context = container.streams[stream].codec_context
        decoder = SoundDecoder("aac", bytes(context.extradata), RATE, context.layout.name)
        packets = [bytes(p) for p in container.demux(container.streams[stream]) if p.size]
    decoded = [decoder.decode(packet) for packet in packets]
    assert all(block is not None and block.shape[1] == 1024 for block in decoded)
    return [block for block in decoded if block is not None]


@pytest.mark.parametrize(
    ("name", "layout", "mode"),
    [
        ("a.mp4", "stereo", "silence"),
        ("a.mkv", "stereo", "bleep"),
        ("a.mkv", "5.1", "silence"),
        ("a.m4a", "mono", "silence"),
        ("a.mov", "5.1", "bleep"),
    ],
)
def test_packets_away_from_a_mute_are_the_sources_own(
    tmp_path: Path, name: str, layout: str, mode: str
) -> None:
    picture = None if name.endswith("m4a") else "libx264"
    sound = Sound(speech, layout=layout, bit_rate=384_000 if layout == "5.1" else 128_000)
    movie = make_movie(
        tmp_path / name, seconds=8, size=(64, 48), video_codec=picture, sounds=[sound]
    )
    out = tmp_path / f"clean.{name}"
    audio = AudioRemediation(mode=mode, bleep_level_db=-12)  # type: ignore[arg-type]
    copy(movie.path, out, *WORDS, remediation=Remediation(audio))

    stream = 1 if picture else 0
    before, after = raw(movie.path, stream), raw(out, stream)
    assert [packet[:3] for packet in after] == [packet[:3] for packet in before]
    same = [a[3] == b[3] for a, b in zip(before, after, strict=True)]
    times = [
        float(pts * (Fraction(1, RATE) if name != "a.mkv" else Fraction(1, 1000)))
        for pts, *_ in before
        if pts is not None
    ]
    for time, is_same in zip(times, same, strict=True):
        near = any(start - 0.15 < time < end + 0.12 for start, end in MUTED)
        assert is_same or near, time
    assert 20 < same.count(False) < 62

    quiet, rate = decoded_audio(out)
    loud, _ = decoded_audio(movie.path)
    for start, end in MUTED:
        inside = quiet[:, round(start * rate) : round(end * rate)]
        level = level_dbfs(inside)
        assert level < -60 if mode == "silence" else level > -18
        assert level_dbfs(loud[:, round(start * rate) : round(end * rate)]) > -40


@pytest.mark.parametrize("codec", ["aac", "ac3"])
def test_with_speech_channels_center_only_the_centre_is_silent(tmp_path: Path, codec: str) -> None:
    surround = Sound(speech, layout="5.1", bit_rate=448_000, codec=codec)
    sounds = [surround, Sound(speech)]
    movie = make_movie(tmp_path / "a.mkv", seconds=3, size=(64, 48), sounds=sounds)
    audio = AudioRemediation(speech_channels="center")
    copy(
        movie.path, tmp_path / "b.mkv", segment(heard("hell", 1, 2)), remediation=Remediation(audio)
    )
    sound, rate = decoded_audio(tmp_path / "b.mkv")
    levels = [level_dbfs(channel[rate : 2 * rate]) for channel in sound]
    assert levels[2] < -60
    assert all(level > -40 for place, level in enumerate(levels) if place not in (2, 3))
    stereo, rate = decoded_audio(tmp_path / "b.mkv", 1)
    assert level_dbfs(stereo[:, rate : 2 * rate]) < -60


def test_seams_are_not_heard(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=20, size=(64, 48), sounds=[Sound(speech)])
    words = [segment(heard("hell", at, at + 0.1)) for at in np.arange(1.03, 19, 1.37).tolist()]
    copy(movie.path, tmp_path / "b.mp4", *words)
    before, after = raw(movie.path), raw(tmp_path / "b.mp4")
    changed = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a[3] != b[3]]
    first = [n for n in changed if n - 1 not in changed]
    last = [n for n in changed if n + 1 not in changed]
    assert len(first) == len(words)
    source, clean = blocks(movie.path), blocks(tmp_path / "b.mp4")

    def snr_db(n: int) -> float:
        noise = np.mean((source[n] - clean[n]) ** 2) + 1e-12
        return float(10 * np.log10(np.mean(source[n] ** 2) / noise))

    seams = [snr_db(n) for n in first] + [snr_db(n + 1) for n in last]
    assert np.median(seams) > 33
    assert min(seams) > 14


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_is_muted_to_the_very_ends_of_a_track(tmp_path: Path, name: str) -> None:
    movie = make_movie(tmp_path / name, seconds=3, size=(64, 48), sounds=[Sound(speech)])
    out = tmp_path / f"clean.{name}"
    copy(movie.path, out, segment(heard("a", 0, 0.2)), segment(heard("b", 2.8, 3)))
    before, after = raw(movie.path), raw(out)
    assert [packet[:3] for packet in after] == [packet[:3] for packet in before]
    sound, rate = decoded_audio(out)
    assert level_dbfs(sound[:, : round(0.25 * rate)]) < -60
    assert level_dbfs(sound[:, round(2.75 * rate) :]) < -60
    assert level_dbfs(sound[:, rate : 2 * rate]) > -40
    assert sum(a != b for a, b in zip(before, after, strict=True)) < 45


def test_a_track_that_is_muted_throughout(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=3, size=(64, 48), sounds=[Sound(speech)])
    copy(movie.path, tmp_path / "b.mp4", segment(heard("all", 0, 3)))
    assert [p[:3] for p in raw(tmp_path / "b.mp4")] == [p[:3] for p in raw(movie.path)]
    assert level_dbfs(decoded_audio(tmp_path / "b.mp4")[0]) < -80


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_cut_takes_whole_packets_and_silences_the_rest(tmp_path: Path, name: str) -> None:
    movie = make_movie(tmp_path / name, seconds=8, size=(64, 48), sounds=[Sound(speech)])
    out = tmp_path / f"clean.{name}"
    cuts = [(1.0, 1.3), (3.1, 5.0), (6.2, 6.5)]
    copy(movie.path, out, *(segment(seen("nudity", *c), video_action="cut") for c in cuts))
    before, after = raw(movie.path), raw(out)
    removed = sum(round(end * RATE) - round(start * RATE) for start, end in cuts)
    assert abs((len(before) - len(after)) * 1024 - removed) <= 512
    steps = {(b[0] or 0) - (a[0] or 0) for a, b in pairwise(after)}
    assert steps <= ({1024} if name == "a.mp4" else {21, 22})
    new = [packet for packet in after if packet[3] not in {p[3] for p in before}]
    assert 10 < len(new) < 60
    assert probe(out).audio is not None


def test_a_hundred_cuts_do_not_add_up() -> None:
    cuts = [Span.of(at, at + 0.3 + 0.0137 * (at % 17)) for at in range(3, 403, 4)]
    found = frame_cuts(cuts, grid_of("aac"), RATE, -1024)
    removed = Fraction(0)
    for cut, (start, end, whole) in zip(cuts, found, strict=True):
        removed += cut.duration
        assert abs(Fraction(whole * 1024, RATE) - removed) <= Fraction(512, RATE)
        assert abs(Fraction(start * 1024 - 1024, RATE) - cut.start) <= Fraction(512, RATE)
        assert start < end
    assert sum(end - start for start, end, _ in found) == found[-1][2]


def test_what_was_damaged_is_silent_and_said(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=4, size=(64, 48), sounds=[Sound(speech)])
    broken = tmp_path / "broken.mkv"
    with av.open(str(movie.path)) as source, av.open(str(broken), "w") as target:
        streams = [target.add_stream_from_template(s) for s in source.streams]
        for packet in source.demux():
            if not packet.size:
                continue
            index, pts = packet.stream_index, packet.pts
            if index == 1 and 1950 < pts < 2050:
                new = av.Packet(b"\xff" * packet.size)
                new.pts, new.dts, new.duration = packet.pts, packet.dts, packet.duration
                new.time_base = packet.time_base
                packet = new
            packet.stream = streams[index]
            target.mux(packet)
    result = copy(broken, tmp_path / "b.mkv", segment(heard("hell", 1.9, 2.2)))
    assert any("damaged" in note for note in result.notes)
    assert len(raw(tmp_path / "b.mkv")) == len(raw(broken))
