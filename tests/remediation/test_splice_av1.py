"""AV1 that is joined: what stands in band at every joint, what is kept, and what is not joined."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from flagged import copy, report_of, seen, segment
from movies import Movie, make_movie
from packets import detail, luma
from test_dynamic_metadata import brightness, hdr10_plus

from video_censor_personal.config import Remediation
from video_censor_personal.findings import Segment
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.bitstreams.av1_units import (
    FRAME_UNITS,
    METADATA,
    SEQUENCE_HEADER,
    Sequence,
    Unit,
    shows_key_frame,
    split_units,
)
from video_censor_personal.remediation.pictures.hdr import hdr_of
from video_censor_personal.remediation.plan import make_plan

os.environ.setdefault("SVT_LOG", "1")

Packets = list[tuple[int, bytes]]
FPS, GROUP = 24, 24
BOX = (0.2, 0.2, 0.5, 0.5)
OTHER_TOOLS = ("level=51", "enable-restoration=0", "enable-cdef=0")
PQ = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
MASTERING = (
    "mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.005)",
    "content-light=1000,400",
)
CAPTIONS = bytes.fromhex("b5003147413934 03c1fffc8080ff")
PLAIN_PICTURES = ("-fps_mode", "passthrough", "-f", "rawvideo", "-")
DOLBY_VISION = bytes.fromhex("b5003b000008 000000")


def blur(start: float, end: float) -> Segment:
    return segment(seen("nudity", start, end, [(start, BOX)]))


def cut(start: float, end: float) -> Segment:
    return segment(seen("nudity", start, end), video_action="cut")


def waves(number: int, width: int, height: int) -> np.ndarray:
    """Soft waves that drift, with grain."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    soft = np.sin((x + 3 * number) / 9) * np.cos((y - 2 * number) / 7) * 70 + 128
    grey = (soft + np.random.default_rng(number).normal(0, 3, (height, width))).clip(0, 255)
    return np.stack([grey, 255 - grey, grey * 0.5], axis=-1).astype(np.uint8)


def film(path: Path, *params: str, seconds: float = 5, **more: object) -> Movie:
    options = {"preset": "10", "crf": "25", "g": str(GROUP)}
    settings: dict[str, object] = {
        "fps": FPS,
        "size": (128, 96),
        "paint": waves,
        "video_codec": "libsvtav1",
        "video_options": {**options, "svtav1-params": ":".join(["lp=1", *params])},
    }
    return make_movie(path, seconds=seconds, **settings | more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Movie]:
    """Five seconds in this pixel format and kind of file, with a sequence's header that is not
    ours, made once."""
    folder = tmp_path_factory.mktemp("plain")

    def make(pixel_format: str, suffix: str) -> Movie:
        path = folder / f"{pixel_format}{suffix}"
        return film(path, *OTHER_TOOLS, pixel_format=pixel_format)

    return cache(make)


def stored(path: Path) -> Packets:
    with av.open(str(path)) as container:
        return [(p.pts, bytes(p)) for p in container.demux(video=0) if p.size and p.pts is not None]


def rewritten(source: Path, path: Path, change: Callable[[int, bytes], bytes]) -> Path:
    """The picture of `source` with other packets: `change` gets the number of each, and itself."""
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0], opaque=True)
        packets = (packet for packet in container.demux(video=0) if packet.size)
        for number, packet in enumerate(packets):
            new = av.Packet(change(number, bytes(packet)))
            new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
            new.duration, new.is_keyframe, new.stream = packet.duration, packet.is_keyframe, stream
            out.mux(new)
    return path


def with_units(packet: bytes, *units: Unit) -> bytes:
    """`packet` with `units` before its first frame."""
    own = list(split_units(packet))
    place = next(n for n, unit in enumerate(own) if unit.kind in FRAME_UNITS)
    return b"".join(map(bytes, [*own[:place], *units, *own[place:]]))


def said(data: bytes) -> Unit:
    """A unit of metadata of a registered user, with its trailing bit."""
    return Unit(bytes([METADATA << 3 | 2]), b"\x04" + data + b"\x80")


def sequences(packets: Packets) -> Iterator[tuple[int, bytes]]:
    for number, (_, data) in enumerate(packets):
        for unit in split_units(data):
            if unit.kind == SEQUENCE_HEADER:
                yield number, unit.payload


def coded_anew(source: Packets, clean: Packets) -> set[int]:
    """The numbers of the packets that differ, and of those that only say "now show that hidden
    one" between them: all of these are alike."""
    pairs = list(enumerate(zip(source, clean, strict=True)))
    new = {n for n, (a, b) in pairs if a != b}
    return new | {n for n, (a, _) in pairs if not holds_frame(a[1]) and {n - 1, n + 1} <= new}


def holds_frame(packet: bytes) -> bool:
    return any(unit.kind == FRAME_UNITS[1] for unit in split_units(packet))


def shows(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        return [(f.pts * f.time_base, f.to_ndarray().tobytes()) for f in container.decode(video=0)]


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".mp4"])
def test_every_joint_begins_with_a_shown_key_frame_behind_the_header_of_its_sequence(
    plain: Callable[[str, str], Movie], tmp_path: Path, pixel_format: str, suffix: str
) -> None:
    movie, out = plain(pixel_format, suffix), tmp_path / f"b{suffix}"
    copy(movie.path, out, blur(0, 0.1), blur(2.5, 2.7))
    source, clean = stored(movie.path), stored(out)
    assert [pts for pts, _ in clean] == [pts for pts, _ in source]
    # from the edits to the ends of the groups
    assert coded_anew(source, clean) == {*range(GROUP), *range(60, 72)}
    (_, own), *_ = sequences(source)
    headers = dict(sequences(clean))
    assert sorted(headers) == [0, 24, 48, 60, 72, 96]
    assert headers[24] == headers[48] == headers[72] == headers[96] == own
    assert headers[0] == headers[60] != own
    ours, theirs = Sequence.parse(headers[0]), Sequence.parse(own)
    assert (ours.form, ours.level) == (theirs.form, theirs.level)
    assert (ours.obstacle, ours.tools.superres) == ("", False)
    for number in headers:
        first = next(u for u in split_units(clean[number][1]) if u.kind in FRAME_UNITS)
        assert shows_key_frame(first.payload)
    assert probe(out).streams[0].setup == probe(movie.path).streams[0].setup


def ffmpeg(*options: str) -> subprocess.CompletedProcess[bytes]:
    if shutil.which("ffmpeg") is None:
        pytest.skip("the ffmpeg program is not installed")
    return subprocess.run(["ffmpeg", "-v", "warning", *options], capture_output=True, check=True)


def require(kind: str, codec: str) -> None:
    """Skips where the ffmpeg program has no such one of its `decoders` or `encoders`."""
    if codec not in ffmpeg("-hide_banner", f"-{kind}").stdout.decode():
        pytest.skip(f"this ffmpeg was built without {codec}")


@pytest.mark.parametrize("decoder", ["libdav1d", "libaom-av1"])
@pytest.mark.parametrize(
    ("pixel_format", "suffix"), [("yuv420p", ".mp4"), ("yuv420p10le", ".webm")]
)
def test_other_decoders_show_the_same_pictures_without_a_word(
    plain: Callable[[str, str], Movie],
    tmp_path: Path,
    decoder: str,
    pixel_format: str,
    suffix: str,
) -> None:
    require("decoders", decoder)
    out = tmp_path / f"b{suffix}"
    copy(plain(pixel_format, suffix).path, out, blur(0.3, 0.6), blur(2.5, 2.7), cut(3.2, 3.4))
    expected = shows(out)
    for begin in (Fraction(0), *(expected[n][0] for n in (1, 30, 59, 61, 66, 75, 90))):
        jump = ["-ss", f"{float(begin) + 0.001:.4f}"] if begin else []
        done = ffmpeg(*jump, "-c:v", decoder, "-i", str(out), *PLAIN_PICTURES)
        assert done.stderr.decode() == ""
        wanted = [data for time, data in expected if not begin or time > begin]
        assert done.stdout == b"".join(wanted), float(begin)


@pytest.mark.parametrize(
    "encoder", [("libaom-av1", "-cpu-used", "8", "-crf", "25"), ("librav1e", "-speed", "10")]
)
def test_what_other_encoders_wrote_is_joined(tmp_path: Path, encoder: tuple[str, ...]) -> None:
    require("encoders", encoder[0])
    source, out = tmp_path / "a.mkv", tmp_path / "b.mkv"
    pattern = ("-f", "lavfi", "-i", f"testsrc2=size=128x96:rate={FPS}:duration=5")
    ffmpeg(*pattern, "-pix_fmt", "yuv420p", "-c:v", *encoder, "-g", str(GROUP), str(source))
    assert copy(source, out, blur(0, 0.1), blur(2.5, 2.7)).notes == ()
    assert coded_anew(stored(source), stored(out)) == {*range(GROUP), *range(60, 72)}
    done = ffmpeg("-c:v", "libdav1d", "-i", str(out), *PLAIN_PICTURES)
    assert (done.stderr.decode(), done.stdout) == ("", b"".join(data for _, data in shows(out)))


def test_film_grain_is_in_new_pictures_once(tmp_path: Path) -> None:
    movie = film(tmp_path / "a.mkv", "film-grain=30:film-grain-denoise=1", seconds=4)
    assert_has_grain(movie.path)
    copy(movie.path, tmp_path / "b.mkv", blur(1.2, 1.4))
    before, after = list(luma(movie.path)), list(luma(tmp_path / "b.mkv"))
    new = [
        n for n, ((_, a), (_, b)) in enumerate(zip(before, after, strict=True)) if (a != b).any()
    ]
    assert new == [*range(28, 48)]
    for number in new:
        a, b = before[number][1][72:], after[number][1][72:]  # below the box
        assert 0.7 < detail(b) / detail(a) < 1.15  # with grain of its own it would be 1.4
        inside = (slice(24, 64), slice(32, 80))
        away = abs(after[number][1][inside] - before[number][1][inside]).mean()
        assert 33 <= number < 38 or (away > 0.01) == (number < 33)


def assert_has_grain(path: Path) -> None:
    """The decoder adds some: without it, the pictures are smoother."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {"filmgrain": "0"}
        bare = next(container.decode(video=0)).to_ndarray()[:96] / 255
    assert detail(next(luma(path))[1]) > 1.05 * detail(bare)


def test_hdr10_is_said_in_new_pictures_as_in_the_old(tmp_path: Path) -> None:
    movie = film(tmp_path / "a.mp4", *MASTERING, seconds=3, pixel_format="yuv420p10le", color=PQ)
    out = tmp_path / "b.mp4"
    copy(movie.path, out, blur(1.2, 1.4))
    with av.open(str(out)) as container:
        found = [(str(hdr_of(f)), f.color_trc) for f in container.decode(video=0)]
    assert len(set(found)) == 1
    assert "1000" in found[0][0]
    in_band = {
        tuple(u.payload for u in split_units(data) if u.kind == METADATA)
        for _, data in stored(out)
        if any(u.kind == SEQUENCE_HEADER for u in split_units(data))
    }
    assert len(in_band) == 1
    assert len(in_band.pop()) == 2


def test_what_is_said_of_one_picture_goes_with_the_one_that_replaces_it(tmp_path: Path) -> None:
    movie = film(tmp_path / "plain.mkv", seconds=3, pixel_format="yuv420p10le", color=PQ)

    def change(number: int, packet: bytes) -> bytes:
        own = said(hdr10_plus(1000 + number))
        return with_units(packet, own, *([said(CAPTIONS)] if number % 7 == 3 else []))

    source = rewritten(movie.path, tmp_path / "a.mkv", change)
    copy(source, tmp_path / "b.mkv", blur(1.2, 1.4), blur(2.0, 2.1))
    before, after = stored(source), stored(tmp_path / "b.mkv")
    assert len(coded_anew(before, after)) == 20 + 24
    assert [messages(data) for _, data in after] == [messages(data) for _, data in before]
    assert all(next(split_units(after[n][1])).kind == SEQUENCE_HEADER for n in (0, 28, 48))
    assert brightness(tmp_path / "b.mkv") == brightness(source)
    assert len(set(brightness(source))) == len(before)


def messages(packet: bytes) -> list[bytes]:
    units = split_units(packet)
    return [u.payload for u in units if u.kind == METADATA and u.payload[0] == 4]


# -- what is not joined


def reason(source: Path, out: Path) -> str:
    """Why all of `source` is encoded when a part of it is hidden; all of it must be there."""
    (note,) = copy(source, out, blur(1.2, 1.4)).notes
    assert [time for time, _ in shows(out)] == [time for time, _ in shows(source)]
    return note


def test_data_of_dolby_vision(tmp_path: Path) -> None:
    movie = film(tmp_path / "plain.mkv", seconds=3, pixel_format="yuv420p10le")
    source = rewritten(
        movie.path, tmp_path / "a.mkv", lambda _, packet: with_units(packet, said(DOLBY_VISION))
    )
    assert "Dolby Vision" in reason(source, tmp_path / "b.mkv")


def test_key_frames_that_come_without_the_header_of_their_sequence(tmp_path: Path) -> None:
    movie = film(tmp_path / "plain.mkv", seconds=3)

    def change(number: int, packet: bytes) -> bytes:
        units = [u for u in split_units(packet) if not number or u.kind != SEQUENCE_HEADER]
        return b"".join(map(bytes, units))

    source = rewritten(movie.path, tmp_path / "a.mkv", change)
    (note,) = copy(source, tmp_path / "b.mkv", blur(1.2, 1.4)).notes
    assert "without the header of their sequence" in note


def test_pictures_that_change_their_size(tmp_path: Path) -> None:
    small = stored(film(tmp_path / "small.mkv", seconds=1.5, size=(96, 64)).path)
    movie = film(tmp_path / "plain.mkv", seconds=3)
    source = rewritten(
        movie.path, tmp_path / "a.mkv", lambda n, packet: small[n - 48][1] if n >= 48 else packet
    )
    assert "change their size" in reason(source, tmp_path / "b.mkv")


def test_pictures_that_are_coded_in_another_size(tmp_path: Path) -> None:
    smaller = ("resize-mode=1", "resize-denom=16", "resize-kf-denom=16")
    movie = film(tmp_path / "a.mkv", *smaller, seconds=3)
    assert "another size" in reason(movie.path, tmp_path / "b.mkv")


def test_key_frames_that_are_shown_later_are_no_entries(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "irefresh-type=1", seconds=4).path
    source = stored(path)
    assert len(list(sequences(source))) == 1
    copy(path, tmp_path / "b.mp4", blur(1.2, 1.4))
    before, after = shows(path), shows(tmp_path / "b.mp4")
    assert [time for time, _ in after] == [time for time, _ in before]
    assert coded_anew(source, stored(tmp_path / "b.mp4")) == {*range(28, len(source))}


@pytest.mark.parametrize(
    ("bit", "why"), [(12, "several layers"), (3, "cannot be read"), (41, "")], ids=str
)
def test_layers_and_still_pictures_are_known_beforehand(
    plain: Callable[[str, str], Movie], bit: int, why: str
) -> None:
    """`bit` of the sequence's header is set: of operating_point_idc, still_picture, or none."""
    movie = plain("yuv420p", ".mkv")
    info = probe(movie.path)
    (stream,) = info.streams
    setup = bytearray(stream.setup)
    setup[4 + 2 + bit // 8] |= 128 >> bit % 8
    odd = replace(info, streams=(replace(stream, setup=bytes(setup)),))
    (plan,) = make_plan(report_of(blur(1, 2)), Remediation(), odd).streams
    assert plan.work == ("encode" if why else "splice")
    assert why in plan.obstacle


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv422p10le", "gray", "yuv420p12le"])
def test_other_kinds_of_pixels_are_known_beforehand(
    plain: Callable[[str, str], Movie], pixel_format: str
) -> None:
    info = probe(plain("yuv420p", ".mkv").path)
    odd = replace(info, streams=(replace(info.streams[0], pixel_format=pixel_format),))
    (plan,) = make_plan(report_of(blur(1, 2)), Remediation(), odd).streams
    assert plan.work == "encode"
    assert pixel_format in plan.obstacle
