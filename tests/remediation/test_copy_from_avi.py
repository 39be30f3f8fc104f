"""AVI stores no times: its pictures are shown with the sound they were made with, before and after.

The n-th picture that is shown belongs where the n-th that is stored lies; its sound says whether
that is so.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from flagged import copy, heard, seen, segment
from movies import Sound, impulses, make_movie, read_number
from packets import packets

from video_censor_personal.findings import Gap
from video_censor_personal.media.avi_times import demuxed
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.probe import probe

FPS = 25
CLICKS = (0.42, 1.62)  # where pictures 10 and 40 are shown
MUTE = segment(heard("hell", 1.0, 1.2))
BLUR = segment(seen("nudity", 1.0, 1.2, [(1.0, (0.2, 0.6, 0.3, 0.3))]))
CODECS = {
    "h264": ("libx264", {"bf": "0"}),
    "h264 with B-frames": ("libx264", {"preset": "veryfast", "x264-params": "b-pyramid=none"}),
    "h264 with a pyramid": ("libx264", {"preset": "veryfast", "bf": "3"}),
    "mpeg4": ("mpeg4", {"bf": "0"}),
    "mpeg4 with B-frames": ("mpeg4", {"bf": "2"}),
    "mpeg4, packed": ("mpeg4", {"bf": "2"}),
}


@pytest.fixture(scope="module", params=CODECS)
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    codec, options = CODECS[request.param]
    path = tmp_path_factory.mktemp("film") / "a.avi"
    clicks = [Sound(impulses(*CLICKS), codec="pcm_s16le")]
    make_movie(
        path,
        seconds=2,
        fps=FPS,
        size=(320, 240),  # in smaller ones FFmpeg takes B-pictures for the packets without any
        video_codec=codec,
        video_options=options,
        sounds=clicks,
    )
    return packed(path) if "packed" in request.param else path


def packed(path: Path) -> Path:
    """The same as Xvid would have it: the first B-picture of a row lies in the packet of the
    picture it is built on, and the last one's packet holds nothing."""
    new = path.with_stem("packed")
    with av.open(str(path)) as source, av.open(str(new), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in source.streams]
        pictures = list(_repacked([bytes(p) for p in source.demux(video=0) if p.size]))
        source.seek(0)
        for packet in source.demux():
            if packet.size:
                index = packet.stream_index
                copied = av.Packet(pictures.pop(0) if index == 0 else bytes(packet))
                copied.time_base, copied.dts, copied.pts = packet.time_base, packet.dts, packet.dts
                copied.is_keyframe, copied.stream = packet.is_keyframe, streams[index]
                out.mux(copied)
    return new


NOTHING = b"\0\0\1\xb6" + int("0101000011001111", 2).to_bytes(2, "big")
MARK = b"\0\0\1\xb2DivX503b1393p"


def _repacked(pictures: list[bytes]) -> Iterator[bytes]:
    at = pictures[0].index(b"\0\0\1\xb6")
    pictures[0] = pictures[0][:at] + MARK + pictures[0][at:]
    second = [data[data.index(b"\0\0\1\xb6") + 4] >> 6 == 2 for data in pictures] + [False]
    for number, data in enumerate(pictures):
        if second[number]:
            yield pictures[number + 1] if second[number + 1] else NOTHING
        else:
            yield data + pictures[number + 1] if second[number + 1] else data


def shown(path: Path) -> list[tuple[int, float]]:
    """The number of every picture, and when a decoder shows it by the container's clock."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        base = stream.time_base
        return [(read_number(f), float((f.pts or 0) * base)) for f in container.decode(stream)]


def clicks(path: Path) -> list[float]:
    """When the sound clicks, by the container's clock."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        loud = []
        for frame in container.decode(stream):
            samples = np.abs(frame.to_ndarray().reshape(-1, frame.layout.nb_channels)[:, 0])
            time = float((frame.pts or 0) * stream.time_base)  # type: ignore[operator]
            loud += [time + at / frame.rate for at in np.flatnonzero(samples > 14_000)]
    return [np.mean([t for t in loud if abs(t - click) < 0.3]).item() for click in CLICKS]


def test_what_is_analysed_is_when_it_is_shown(film: Path) -> None:
    info = probe(film)
    found = list(decode_frames(info))
    assert not [item for item in found if isinstance(item, Gap)]
    assert info.origin == 0
    times = [(read_number(item), item.time) for item in found if not isinstance(item, Gap)]
    assert times == [(number, Fraction(number, FPS)) for number in range(2 * FPS)]


@pytest.mark.parametrize("found", [MUTE, BLUR], ids=["copied", "encoded"])
@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_picture_and_sound_of_the_copy_belong_together(
    film: Path, tmp_path: Path, suffix: str, found: object
) -> None:
    out = tmp_path / f"b{suffix}"
    result = copy(film, out, found)  # type: ignore[arg-type]
    assert result.notes == () or found is BLUR
    numbers, times = zip(*shown(out), strict=True)
    assert list(numbers) == list(range(2 * FPS))
    begin = times[0]
    assert times == pytest.approx([begin + number / FPS for number in numbers], abs=0.001)
    assert [click - begin for click in clicks(out)] == pytest.approx(CLICKS, abs=0.002)


def test_from_avi_to_avi_pictures_stay_as_they_are_stored(film: Path, tmp_path: Path) -> None:
    copy(film, tmp_path / "b.avi", MUTE)
    before, after = packets(film, 0), packets(tmp_path / "b.avi", 0)
    assert after == before
    assert clicks(tmp_path / "b.avi") == pytest.approx(CLICKS, abs=0.002)


def test_after_a_jump_the_times_are_the_same(film: Path) -> None:
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        times = {p.pos: p.pts for p in demuxed(container, [stream]) if p.size}
        for target in (12, 30, 45):
            container.seek(target, stream=stream)
            after = {p.pos: p.pts for p in demuxed(container, [stream]) if p.size}
            assert 0 < len(after) < len(times)
            assert after == {pos: times[pos] for pos in after}
