"""Streams whose parameter sets, or times, are not what their beginning says: the joints hold."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from flagged import copy, seen, segment
from movies import Movie, make_movie
from packets import luma, packets, psnr

from video_censor_personal.findings import Segment
from video_censor_personal.remediation.bitstreams.nal import joined, split_lengths
from video_censor_personal.remediation.bitstreams.parameter_sets import AvcSetup

FPS = 24


def blur(start: float, end: float) -> Segment:
    return segment(seen("nudity", start, end, [(start, (0.2, 0.2, 0.5, 0.5))]))


def waves(number: int, width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    grain = np.random.default_rng(number).normal(0, 3, (height, width))
    grey = (np.sin((x + 3 * number) / 9) * np.cos((y - 2 * number) / 7) * 80 + 128 + grain).clip(
        0, 255
    )
    return np.stack([grey, 255 - grey, grey * 0.5], axis=-1).astype(np.uint8)


def film(path: Path, *params: str, seconds: float = 3) -> Movie:
    usual = ["keyint=24:min-keyint=24:scenecut=0:threads=1", *params]
    return make_movie(
        path,
        seconds=seconds,
        fps=FPS,
        size=(128, 96),
        paint=waves,
        video_options={"preset": "veryfast", "x264-params": ":".join(usual)},
    )


def in_a_row(path: Path, *films: Movie, in_order: bool = False) -> Path:
    """One MP4 file of all: the set-up is that of the first, the others bring their sets in band.

    `in_order`: every packet is decoded when it is shown.
    """
    with av.open(str(path), "w") as out:
        with av.open(str(films[0].path)) as first:
            stream = out.add_stream_from_template(first.streams.video[0], opaque=True)
        begin = 0
        for number, movie in enumerate(films):
            with av.open(str(movie.path)) as source:
                track = source.streams.video[0]
                setup = AvcSetup.parse(bytes(track.codec_context.extradata))
                for packet in source.demux(track):
                    if not packet.size:
                        continue
                    data = bytes(packet)
                    if number and packet.is_keyframe:
                        data = joined([*setup.sps, *setup.pps, *split_lengths(data)])
                    new = av.Packet(data)
                    new.time_base, new.duration = packet.time_base, packet.duration
                    new.pts = packet.pts + begin
                    new.dts = new.pts if in_order else packet.dts + begin
                    new.is_keyframe, new.stream = packet.is_keyframe, stream
                    out.mux(new)
            begin += round(movie.duration / track.time_base)
    return path


def unlike(before: Path, after: Path, edited: Sequence[tuple[float, float]]) -> float:
    """The worst likeness (PSNR in dB) of a picture that no edit touches; times must be the same."""
    old, new = list(luma(before)), list(luma(after))
    assert [time for time, _ in new] == [time for time, _ in old]
    margin = Fraction(2, FPS)
    return min(
        psnr(a, b)
        for (time, a), (_, b) in zip(old, new, strict=True)
        if not any(start - margin <= time - old[0][0] < end for start, end in edited)
    )


def test_pictures_that_are_not_reordered_in_a_stream_that_could(tmp_path: Path) -> None:
    plain = film(tmp_path / "plain.mp4", "bframes=3:b-pyramid=normal:b-adapt=1:b-bias=-100")
    source = in_a_row(tmp_path / "a.mp4", plain, in_order=True)
    result = copy(source, tmp_path / "b.mp4", blur(1.5, 1.6))
    assert result.notes == ()
    assert unlike(source, tmp_path / "b.mp4", [(1.5, 1.6)]) > 35
    own = {data for _, data in packets(source, 0)}
    assert sum(data in own for _, data in packets(tmp_path / "b.mp4", 0)) > 50


def test_parameter_sets_that_change_within_the_stream(tmp_path: Path) -> None:
    first = film(tmp_path / "1.mp4", "bframes=3:b-pyramid=normal", seconds=2)
    second = film(tmp_path / "2.mp4", "bframes=0:cabac=0:8x8dct=0:ref=1")
    source = in_a_row(tmp_path / "a.mp4", first, second)
    result = copy(source, tmp_path / "b.mp4", blur(1.5, 1.6), blur(3.5, 3.6))
    assert result.notes == ()
    assert unlike(source, tmp_path / "b.mp4", [(1.5, 1.6), (3.5, 3.6)]) > 33
    after = next(data for time, data in packets(source, 0) if time == packets(source, 0)[0][0] + 4)
    assert after in [data for _, data in packets(tmp_path / "b.mp4", 0)]  # it has sets of its own


def test_parameter_sets_that_come_under_our_number(tmp_path: Path) -> None:
    first = film(tmp_path / "1.mp4", seconds=2)
    second = film(tmp_path / "2.mp4", "sps-id=1:cabac=0", seconds=2)
    source = in_a_row(tmp_path / "a.mp4", first, second)
    result = copy(source, tmp_path / "b.mp4", blur(0.5, 0.6))
    assert any("unusual numbers" in note for note in result.notes)
    assert unlike(source, tmp_path / "b.mp4", [(0.5, 0.6)]) > 33


@pytest.mark.parametrize(
    ("codec", "more", "shift", "mask", "delimiter", "sets"),
    [("x264", "threads=1", 0, 31, 9, 7), ("x265", "log-level=none:pools=1", 1, 63, 35, 33)],
)
def test_a_delimiter_stays_the_first_of_its_picture(
    tmp_path: Path, codec: str, more: str, shift: int, mask: int, delimiter: int, sets: int
) -> None:
    params = f"aud=1:keyint=12:min-keyint=12:scenecut=0:{more}"
    movie = make_movie(
        tmp_path / "a.mp4",
        size=(96, 64),
        video_codec=f"lib{codec}",
        video_options={f"{codec}-params": params},
    )
    copy(movie.path, tmp_path / "b.mp4", blur(1.3, 1.5))
    own = {data for _, data in packets(movie.path, 0)}
    joints = [data for _, data in packets(tmp_path / "b.mp4", 0) if data not in own]
    kinds = [[unit[0] >> shift & mask for unit in split_lengths(data)] for data in joints]
    assert any(units[0] == delimiter and sets in units for units in kinds)
    assert not any(delimiter in units[1:] for units in kinds)
