"""HDR10+: what every picture says of its own brightness goes with the picture."""

from pathlib import Path

import av
import pytest
from av.sidedata.sidedata import Type
from flagged import copy, report_of, seen, segment
from movies import Sound, make_movie

from video_censor_personal.config import Remediation
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.bitstreams.nal import escaped, joined, split_lengths
from video_censor_personal.remediation.plan import make_plan
from video_censor_personal.remediation.writer import check_writable

BLUR = segment(seen("nudity", 2.2, 2.6))
BITS = "{:b}".format


def hdr10_plus(brightness: int) -> bytes:
    """SMPTE ST 2094-40 as a message of a registered user, with one window whose mean brightness is
    this."""
    bits = "".join(
        [
            f"{1:02b}",  # windows
            f"{400:027b}",  # brightness of the display
            "0",
            *(f"{brightness:017b}" for _ in range(3)),
            f"{brightness:017b}",
            f"{0:04b}",  # percentiles
            f"{0:010b}",  # bright pixels
            "0",
            "0",  # no tone mapping
            "0",
        ]
    )
    bits += "0" * (-len(bits) % 8)
    return bytes([0xB5, 0, 0x3C, 0, 1, 4, 1]) + int(bits, 2).to_bytes(len(bits) // 8, "big")


def sei(message: bytes) -> bytes:
    """A unit of HEVC with `message`."""
    return bytes([39 << 1, 1]) + escaped(bytes([4, len(message)]) + message + b"\x80")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds in HEVC, each picture with HDR10+ of its own."""
    folder = tmp_path_factory.mktemp("hdr")
    plain = make_movie(
        folder / "plain.mkv",
        seconds=5,
        video_codec="libx265",
        pixel_format="yuv420p10le",
        video_options={"x265-params": "log-level=none:pools=1:keyint=12:bframes=3:open-gop=1"},
        color={"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1},
        sounds=[Sound()],
    )
    path = folder / "a.mkv"
    with av.open(str(plain.path)) as source, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if not packet.size:
                continue
            new = packet
            if packet.stream_index == 0:
                units = list(split_lengths(bytes(packet)))
                new = av.Packet(joined([sei(hdr10_plus(1000 + packet.pts // 100)), *units]))
                new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
                new.is_keyframe, new.duration = packet.is_keyframe, packet.duration
            new.stream = streams[packet.stream_index]
            out.mux(new)
    return path


def brightness(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        found = [frame.side_data.get(Type.DYNAMIC_HDR_PLUS) for frame in container.decode(video=0)]
    return [bytes(data) if data is not None else b"" for data in found]


def test_new_pictures_have_the_data_of_those_they_replace(film: Path, tmp_path: Path) -> None:
    copy(film, tmp_path / "b.mkv", BLUR)
    before = brightness(film)
    assert len(set(before)) == 50
    assert b"" not in before
    assert brightness(tmp_path / "b.mkv") == before


def test_where_all_is_encoded_it_is_said_that_the_data_is_lost(film: Path, tmp_path: Path) -> None:
    info, out = probe(film), tmp_path / "b.mp4"
    lost = "the HDR10+ data of video stream 0 is not in the copy"
    for to, said in ((out, True), (tmp_path / "b.mkv", False)):  # in the source's kind it is joined
        plan = make_plan(report_of(BLUR), Remediation(), info, output=to)
        assert any(lost in note for note in check_writable(info, plan, to)) == said
    result = copy(film, out, BLUR)
    assert any(lost in note for note in result.notes)
    assert set(brightness(out)) == {b""}
