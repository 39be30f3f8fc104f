"""AC-3 and E-AC-3 that are joined: nothing but the edit and its seams changes, and the loudness
that players are told stays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import av.logging
import numpy as np
import pytest
from flagged import copy, heard, segment
from movies import Sound, decoded_audio, level_dbfs, make_movie

from video_censor_personal.config import AudioRemediation, Remediation
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.bitstreams.dolby_frames import SAMPLES, DolbyFrame
from video_censor_personal.remediation.bitstreams.dolby_headers import reheaded
from video_censor_personal.remediation.sound.seams import SoundDecoder

WORDS = [segment(heard("hell", 1.0, 1.2)), segment(heard("damn", 3.1, 3.15))]
MUTED = [(0.92, 1.28), (3.02, 3.23)]
RATE = 48_000
OVERLAP = 256
TRANSFORMS = 2 * OVERLAP / RATE  # how far a frame that was not touched may hear a new one

LOUDNESS = {"dialnorm": "-24", "audio_service_type": "vi", "mixing_level": "85"}
LOUDNESS |= {"room_type": "small"}
SURROUND = {"center_mixlev": "0.5", "surround_mixlev": "0.5", "dmix_mode": "loro"}
SURROUND |= {"ltrt_cmixlev": "0.5", "loro_surmixlev": "0.5", "dsurex_mode": "on"}


def speech(times: np.ndarray) -> np.ndarray:
    """Voiced syllables with hard beginnings, never silent."""
    noise = np.random.default_rng(5).standard_normal(len(times))
    syllable = (times * 4.3) % 1
    voiced = sum(np.sin(2 * np.pi * 130 * k * times) / k for k in range(1, 12))
    return (0.15 * voiced + 0.02 * noise) * (np.exp(-4 * syllable) + 0.03)


def sound(codec: str, layout: str, kbit_s: int, **options: str) -> Sound:
    return Sound(speech, codec, layout, bit_rate=kbit_s * 1000, options=options)


def film(path: Path, *sounds: Sound, seconds: float = 4) -> Path:
    return make_movie(path, seconds=seconds, video_codec=None, sounds=sounds).path


def raw(path: Path) -> list[tuple[int | None, int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(audio=0) if p.size]
        return [(p.pts, p.dts, p.duration, bytes(p)) for p in packets]


def played(path: Path, **options: str) -> np.ndarray:
    """`(channels, N)` of all packets, the first sample being the first packet's.

    The decoder checks every frame's sums, and makes noise for what was not coded from each frame's
    own content, so that equal frames are equal sound."""
    strict = {"err_detect": "crccheck+explode", "cons_noisegen": "1", "drc_scale": "0"}
    stream = probe(path).streams[0]
    decoder = SoundDecoder(stream.codec, b"", RATE, stream.channel_layout, strict | options)
    blocks = [decoder.decode(packet[3]) for packet in raw(path)]
    assert all(block is not None and block.shape[1] == SAMPLES for block in blocks)
    return np.concatenate([block for block in blocks if block is not None], axis=1)


@contextmanager
def silent_decoders() -> Iterator[None]:
    """Fails if FFmpeg has anything to say."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as said:
            yield
    finally:
        av.logging.set_level(level)
    assert said == []


def rewritten(path: Path, out: Path, change: Callable[[bytes], bytes]) -> Path:
    """The film with every packet changed."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream_from_template(source.streams[0])
        for packet in source.demux(source.streams[0]):
            if packet.size:
                new = av.Packet(change(bytes(packet)))
                new.pts, new.dts, new.duration = packet.pts, packet.dts, packet.duration
                new.time_base, new.stream = packet.time_base, stream
                target.mux(new)
    return out


def snr_db(wanted: np.ndarray, found: np.ndarray) -> float:
    noise = np.mean((wanted - found) ** 2) + 1e-12
    return float(10 * np.log10(np.mean(wanted**2) / noise))


CASES = [
    ("a.mkv", sound("ac3", "stereo", 192, **LOUDNESS), "silence"),
    ("b.mp4", sound("ac3", "5.1", 448, **LOUDNESS, **SURROUND), "bleep"),
    ("c.mka", sound("ac3", "mono", 96, **LOUDNESS), "bleep"),
    ("d.mov", sound("ac3", "5.1(side)", 384), "silence"),
    ("e.mkv", sound("eac3", "5.1", 384, **LOUDNESS, **SURROUND), "silence"),
    ("f.mp4", sound("eac3", "stereo", 128, **LOUDNESS), "bleep"),
]


@pytest.mark.parametrize(("name", "track", "mode"), CASES, ids=[case[0] for case in CASES])
def test_only_packets_around_a_mute_are_new_and_all_else_is_as_it_was(
    tmp_path: Path, name: str, track: Sound, mode: str
) -> None:
    path, out = film(tmp_path / name, track), tmp_path / f"clean.{name}"
    audio = AudioRemediation(mode=mode, bleep_level_db=-12)  # type: ignore[arg-type]
    result = copy(path, out, *WORDS, remediation=Remediation(audio))
    assert result.notes == ()

    before, after = raw(path), raw(out)
    assert [packet[:3] for packet in after] == [packet[:3] for packet in before]
    assert {len(packet[3]) for packet in after} == {len(packet[3]) for packet in before}
    new = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a[3] != b[3]]
    assert 14 <= len(new) <= 36
    for was, now in zip(before, after, strict=True):
        assert not lost_fields(was[3], now[3])

    with silent_decoders():
        was, now = played(path), played(out)
    assert was.shape == now.shape
    unchanged = np.ones(was.shape[1], bool)
    for n in new:
        unchanged[n * SAMPLES : (n + 1) * SAMPLES + OVERLAP] = False
    assert np.array_equal(was[:, unchanged], now[:, unchanged])
    late = round(float(first_time(path)) * RATE)
    for start, end in MUTED:
        muted = slice(round(start * RATE) - late, round(end * RATE) - late)
        assert level_dbfs(was[:, muted]) > -35
        levels = [level_dbfs(channel) for channel in now[:, muted]]
        quiet = [3] if "5.1" in track.layout else []
        if mode == "silence":
            quiet = list(range(len(levels)))
        for channel, level in enumerate(levels):
            assert level < -70 if channel in quiet else abs(level + 15) < 0.5


def first_time(path: Path) -> Fraction:
    """When the first sample of the first packet is heard, by our clock."""
    with av.open(str(path)) as container:
        packet = next(container.demux(audio=0))
        return Fraction(packet.pts * packet.time_base) - probe(path).origin


def lost_fields(before: bytes, after: bytes) -> set[str]:
    """What the header of a frame says no more as it did."""
    own, new = DolbyFrame.parse(before).fields, DolbyFrame.parse(after).fields
    assert [field.name for field in own] == [field.name for field in new]
    return {a.name for a, b in zip(own, new, strict=True) if a != b}


@pytest.mark.parametrize(
    ("codec", "layout", "kbit_s", "median", "least"),
    [
        ("ac3", "stereo", 448, 45, 33),
        ("eac3", "stereo", 448, 45, 33),
        ("ac3", "stereo", 192, 24, 18),
        ("ac3", "5.1", 448, 22, 16),
        ("eac3", "5.1", 384, 22, 16),
    ],
)
def test_seams_are_not_heard(
    tmp_path: Path, codec: str, layout: str, kbit_s: int, median: float, least: float
) -> None:
    """At a high rate as quiet as those of AAC; at usual rates as the second encoding itself, which
    every frame between them has as well."""
    path = film(tmp_path / "a.mkv", sound(codec, layout, kbit_s), seconds=9)
    times = np.arange(0.7, 8.5, 1.07).tolist()
    copy(path, tmp_path / "b.mkv", *(segment(heard("hell", at, at + 0.1)) for at in times))
    before, after = raw(path), raw(tmp_path / "b.mkv")
    new = {n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a[3] != b[3]}
    was, now = played(path), played(tmp_path / "b.mkv")
    joints = [n for n in range(len(before)) if (n in new) != (n - 1 in new)]
    assert len(joints) == 2 * len(times)
    seams = [slice(n * SAMPLES, n * SAMPLES + OVERLAP) for n in joints]
    found = [snr_db(was[:, seam], now[:, seam]) for seam in seams]
    assert np.median(found) > median
    assert min(found) > least
    for seam in seams:  # nor is there a step where old meets new
        for edge in (seam.start, seam.stop):
            steps = np.abs(np.diff(now[:, edge - 2 : edge + 2])).max()
            usual = np.abs(np.diff(was[:, edge - 64 : edge + 64])).max()
            assert steps < 2 * usual + 1e-4


@pytest.mark.parametrize("codec", ["ac3", "eac3"])
def test_players_that_adjust_loudness_hear_no_step(tmp_path: Path, codec: str) -> None:
    """With gains and compression in every frame, as films have them."""
    plain = film(tmp_path / "plain.mkv", sound(codec, "5.1", 448, **LOUDNESS, **SURROUND))
    path = rewritten(plain, tmp_path / "a.mkv", compressed)
    assert level_dbfs(played(path, drc_scale="1")) > level_dbfs(played(path)) + 3
    copy(path, tmp_path / "b.mkv", *WORDS)
    before, after = raw(path), raw(tmp_path / "b.mkv")
    assert [packet[:3] for packet in after] == [packet[:3] for packet in before]
    new = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a[3] != b[3]]
    assert 14 <= len(new) <= 36
    lost = [lost_fields(before[n][3], after[n][3]) for n in new]
    if codec == "eac3":  # its frames may grow by what is needed
        assert all(names <= {"frmsiz"} for names in lost)
    else:  # this header is as long as can be, and now and then there is no room for all
        assert all(names <= {"audprod", "xbsi2"} for names in lost)
        assert lost.count(set()) > 0.8 * len(lost)
    late = float(first_time(path))
    for adjusting in ({"drc_scale": "1"}, {"heavy_compr": "1", "drc_scale": "1"}):
        with silent_decoders():
            was = played(path, target_level="-20", **adjusting)
            now = played(tmp_path / "b.mkv", target_level="-20", **adjusting)
        wanted, found = [], []
        for n in new:
            start = n * SAMPLES / RATE + late
            if all(start + SAMPLES / RATE < a - 0.02 or b + 0.02 < start for a, b in MUTED):
                frame = slice(n * SAMPLES, (n + 1) * SAMPLES)
                wanted.append(level_dbfs(was[:, frame]))
                found.append(level_dbfs(now[:, frame]))
        assert len(found) >= 4
        assert found == pytest.approx(wanted, abs=0.5)


def compressed(data: bytes) -> bytes:
    """The frame with 6 dB more for players that compress, and 3 dB less for those that do so
    heavily."""
    frame = DolbyFrame.parse(data)
    fields = [replace(f, value=0x1F0, width=9) if f.name == "compr" else f for f in frame.fields]
    return next(reheaded(frame, replace(frame, fields=tuple(fields)), 0x20))


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "ac3"), ("a.mp4", "eac3")])
def test_sound_is_muted_to_the_very_ends_of_a_track(tmp_path: Path, name: str, codec: str) -> None:
    path, out = film(tmp_path / name, sound(codec, "stereo", 192), seconds=3), tmp_path / f"b{name}"
    copy(path, out, segment(heard("a", 0, 0.2)), segment(heard("b", 2.8, 3)))
    before, after = raw(path), raw(out)
    assert [packet[:3] for packet in after] == [packet[:3] for packet in before]
    now = played(out)
    assert level_dbfs(now[:, : round(0.25 * RATE)]) < -70
    assert level_dbfs(now[:, round(2.78 * RATE) :]) < -70
    assert level_dbfs(now[:, RATE : 2 * RATE]) > -35
    assert 10 < sum(a != b for a, b in zip(before, after, strict=True)) < 32


def test_beside_a_picture_that_starts_late(tmp_path: Path) -> None:
    """As in most films: the sound is not the first stream, and time does not begin at 0."""
    track = sound("ac3", "5.1", 384)
    movie = make_movie(tmp_path / "a.mkv", seconds=3, start=2, size=(64, 48), sounds=[track])
    copy(movie.path, tmp_path / "b.mkv", segment(heard("hell", 1.0, 1.2)))
    before, after = raw(movie.path), raw(tmp_path / "b.mkv")
    assert [packet[:3] for packet in after] == [packet[:3] for packet in before]
    same = [a == b for a, b in zip(before, after, strict=True)]
    assert 6 <= same.count(False) <= 18
    quiet, rate = decoded_audio(tmp_path / "b.mkv")
    assert level_dbfs(quiet[:, round(0.93 * rate) : round(1.27 * rate)]) < -60
    assert level_dbfs(quiet[:, round(0.5 * rate) : round(0.85 * rate)]) > -35
    assert level_dbfs(quiet[:, round(1.35 * rate) : round(1.7 * rate)]) > -35
