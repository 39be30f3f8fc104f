"""AC-3 and E-AC-3 that are not joined: encoded whole, with a reason, and no louder than before."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest
from flagged import copy, heard, report_of, seen, segment
from movies import Sound, decoded_audio, level_dbfs, make_movie

from video_censor_personal.config import Remediation
from video_censor_personal.findings import Segment
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.bitstreams.dolby_frames import DolbyFrame
from video_censor_personal.remediation.bitstreams.dolby_headers import reheaded
from video_censor_personal.remediation.edits import StreamPlan
from video_censor_personal.remediation.plan import make_plan

MUTE = segment(heard("hell", 1.0, 1.2))
CUT = segment(seen("nudity", 1.0, 1.5), video_action="cut")
LEVELS = {"dialnorm": "-24", "audio_service_type": "vi", "dmix_mode": "loro"}
LEVELS |= {"ltrt_cmixlev": "0.5", "loro_surmixlev": "0.5"}

Packets = list[bytes]


def film(path: Path, codec: str, layout: str = "5.1", **more: int) -> Path:
    track = Sound(codec=codec, layout=layout, options=LEVELS, **{"bit_rate": 384_000, **more})  # type: ignore[arg-type]
    return make_movie(path, seconds=2, video_codec=None, sounds=[track]).path


def packets_of(path: Path) -> Packets:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def rewritten(path: Path, out: Path, change: Callable[[Packets], Packets]) -> Path:
    """The film with other data in its packets."""
    data = iter(change(packets_of(path)))
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream_from_template(source.streams[0])
        for packet in source.demux(source.streams[0]):
            if packet.size:
                new = av.Packet(next(data))
                new.pts, new.dts, new.duration = packet.pts, packet.dts, packet.duration
                new.time_base, new.stream = packet.time_base, stream
                target.mux(new)
    return out


def plan_of(path: Path, *found: Segment) -> StreamPlan:
    return make_plan(report_of(*found, source=path), Remediation(), probe(path)).streams[0]


def with_bits(data: bytes, at: int, width: int, value: int) -> bytes:
    size = len(data) * 8
    mask = ((1 << width) - 1) << (size - at - width)
    bits = int.from_bytes(data, "big") & ~mask | value << (size - at - width)
    return bits.to_bytes(len(data), "big")


def extended(data: bytes) -> bytes:
    """With the flag of `addbsi`, the last bit of a header, set."""
    return with_bits(data, DolbyFrame.parse(data).body_at - 1, 1, 1)


@pytest.mark.parametrize(
    ("codec", "change", "reason"),
    [
        ("eac3", lambda data: data + data, "not one frame each"),  # substreams, as of 7.1
        ("ac3", lambda data: data + data, "not one frame each"),
        ("eac3", extended, "Atmos"),
        ("ac3", extended, "extended"),
        ("eac3", lambda data: with_bits(data, 34, 2, 1), "less than six blocks"),
        ("eac3", lambda data: with_bits(data, 32, 2, 3), "halved"),
        ("eac3", lambda data: with_bits(data, 16, 2, 1), "substreams"),
        ("eac3", lambda data: with_bits(data, 36, 3, 0), "two programmes"),
        ("ac3", lambda data: with_bits(data, 48, 3, 0), "two programmes"),
        ("ac3", lambda data: with_bits(data, 40, 5, 9), "unusual version"),
        ("ac3", lambda data: with_bits(data, 0, 16, 0x770B), "do not begin with frames"),
        ("ac3", lambda data: data[:5], "incomplete"),
    ],
)
def test_what_is_not_known_to_join_has_a_reason(
    tmp_path: Path, codec: str, change: Callable[[bytes], bytes], reason: str
) -> None:
    packet = packets_of(film(tmp_path / "a.mkv", codec, "stereo"))[2]
    assert not DolbyFrame.read(packet).obstacle
    assert reason in DolbyFrame.read(change(packet)).obstacle


def test_a_track_with_several_substreams_is_encoded_whole_and_keeps_its_loudness(
    tmp_path: Path,
) -> None:
    source = film(tmp_path / "a.mka", "ac3")
    double = rewritten(source, tmp_path / "b.mka", lambda all_: [data + data for data in all_])
    plan = plan_of(double, MUTE)
    assert (plan.work, plan.obstacle) == ("encode", "its packets are not one frame each")
    copy(double, tmp_path / "c.mka", MUTE)
    assert loudness(packets_of(tmp_path / "c.mka")[3]) == loudness(packets_of(source)[3])


def test_short_frames_of_e_ac_3_are_encoded_whole_in_long_ones_of_the_same_loudness(
    tmp_path: Path,
) -> None:
    source = film(tmp_path / "a.mp4", "eac3", bit_rate=3_000_000)
    assert plan_of(source, MUTE).obstacle == "its frames have less than six blocks"
    copy(source, tmp_path / "b.mp4", MUTE)
    after = packets_of(tmp_path / "b.mp4")
    assert not DolbyFrame.read(after[3]).obstacle
    own = DolbyFrame.read(packets_of(source)[3]).value("dialnorm")
    assert DolbyFrame.parse(after[3]).value("dialnorm") == own == 24


@pytest.mark.parametrize("codec", ["ac3", "eac3"])
def test_a_cut_track_is_encoded_whole_and_keeps_its_loudness(tmp_path: Path, codec: str) -> None:
    source = film(tmp_path / "a.mkv", codec)
    plan = plan_of(source, CUT)
    assert plan.work == "encode"
    assert "too long to be cut" in str(plan)
    copy(source, tmp_path / "b.mkv", CUT)
    before, after = packets_of(source)[3], packets_of(tmp_path / "b.mkv")
    assert {tuple(loudness(data).items()) for data in after} == {tuple(loudness(before).items())}
    assert after[3] != before


def loudness(data: bytes) -> dict[str, int | None]:
    """What players adjust to, and how they mix down."""
    frame = DolbyFrame.parse(data)
    names = ("dialnorm", "bsmod", "cmixlev", "surmixlev", "xbsi1", "dmixmod")
    return {name: frame.value(name) for name in names}


def test_what_players_compress_is_not_compressed_in_a_whole_encoding(tmp_path: Path) -> None:
    """A gain of 6 dB in every frame, which no encoder here can write again."""
    source = film(tmp_path / "a.mkv", "ac3")
    louder = rewritten(source, tmp_path / "b.mkv", lambda own: [with_gain(data) for data in own])
    compressed, _ = decoded_audio(louder)
    copy(louder, tmp_path / "c.mkv", CUT)
    sound, rate = decoded_audio(tmp_path / "c.mkv")
    quiet, _ = decoded_audio(source)
    beginning = slice(0, round(0.8 * rate))
    wanted = level_dbfs(quiet[:, beginning])
    assert level_dbfs(compressed[:, beginning]) == pytest.approx(wanted + 6, abs=0.1)
    assert level_dbfs(sound[:, beginning]) == pytest.approx(wanted, abs=0.3)


def with_gain(data: bytes) -> bytes:
    frame = DolbyFrame.parse(data)
    return next(reheaded(frame, frame, 0x20))


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_at_44_khz_frames_of_two_sizes_alternate_and_the_track_is_encoded_whole(
    tmp_path: Path, name: str
) -> None:
    source = film(tmp_path / name, "ac3", rate_hz=44_100)
    assert len({len(data) for data in packets_of(source)}) == 2
    plan = plan_of(source, MUTE)
    assert plan.work == "encode"
    assert plan.obstacle == "at 44100 Hz its frames are not known to join"


def halfway_another(other: Packets) -> Callable[[Packets], Packets]:
    return lambda own: [*own[:20], *other[20 : len(own)]]


def test_a_track_that_changes_in_the_middle_is_encoded_whole_when_that_shows(
    tmp_path: Path,
) -> None:
    source = film(tmp_path / "a.mka", "ac3")
    stereo = packets_of(film(tmp_path / "s.mka", "ac3", "stereo"))
    mixed = rewritten(source, tmp_path / "b.mka", halfway_another(stereo))
    assert plan_of(mixed, MUTE).work == "splice"
    result = copy(mixed, tmp_path / "c.mka", MUTE)
    assert any("encoded anew, as its frames are not all alike" in n for n in result.notes)
    sound, rate = decoded_audio(tmp_path / "c.mka")
    assert level_dbfs(sound[:, round(0.93 * rate) : round(1.27 * rate)]) < -60
    assert level_dbfs(sound[:, round(1.4 * rate) : round(1.9 * rate)]) > -30


def test_a_track_with_damage_beside_the_edit_is_encoded_whole(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mka", "ac3")
    torn = rewritten(
        source,
        tmp_path / "b.mka",
        lambda own: [b"\xff" * len(d) if n == 28 else d for n, d in enumerate(own)],
    )
    result = copy(torn, tmp_path / "c.mka", MUTE)
    assert any("encoded anew" in note for note in result.notes)
    sound, rate = decoded_audio(tmp_path / "c.mka")
    assert level_dbfs(sound[:, round(0.93 * rate) : round(1.27 * rate)]) < -60
