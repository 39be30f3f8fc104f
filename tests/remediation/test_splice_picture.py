"""Pictures that are joined: untouched frames are the source's own, and every decoder plays on."""

import hashlib
import logging
import shutil
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from flagged import copy, report_of, seen, segment
from movies import Movie, Sound, make_movie

from video_censor_personal.config import Remediation
from video_censor_personal.findings import Segment
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.bitstreams.hevc_numbers import hevc_type
from video_censor_personal.remediation.bitstreams.nal import split_lengths
from video_censor_personal.remediation.pictures import picture_splice
from video_censor_personal.remediation.pictures.hdr import hdr_of
from video_censor_personal.remediation.plan import make_plan

Film = Callable[[str, str], Movie]
Shown = list[tuple[Fraction, str]]
FPS = 24


def blur(start: float, end: float) -> Segment:
    return segment(seen("nudity", start, end, [(start, (0.2, 0.2, 0.5, 0.5))]))


def drifting(number: int, width: int, height: int) -> np.ndarray:
    """Soft waves that drift, with grain, so that every frame refers to its neighbours."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = np.sin((x + 3 * number) / 9) * np.cos((y - 2 * number) / 7) * 80 + 128
    grain = np.random.default_rng(number).normal(0, 3, (height, width))
    grey = (waves + grain).clip(0, 255)
    return np.stack([grey, 255 - grey, grey * 0.5], axis=-1).astype(np.uint8)


def h264(*more: str) -> dict[str, str]:
    params = ":".join(["keyint=24:min-keyint=24:scenecut=0:threads=1", *more])
    return {"preset": "veryfast", "crf": "20", "bf": "3", "x264-params": params}


def h265(*more: str) -> dict[str, str]:
    params = ":".join(["log-level=none:pools=1:keyint=24:min-keyint=24:scenecut=0", *more])
    return {"preset": "ultrafast", "crf": "20", "x265-params": params}


def av1(*more: str) -> dict[str, str]:
    return {"preset": "10", "crf": "30", "g": "24", "svtav1-params": ":".join(["lp=1", *more])}


KINDS: dict[str, dict[str, object]] = {
    "pyramid": {"video_codec": "libx264", "video_options": h264("b-pyramid=normal:bframes=3")},
    "plain-b": {"video_codec": "libx264", "video_options": h264("b-pyramid=none:bframes=2")},
    "no-b": {
        "video_codec": "libx264",
        "video_options": {**h264("bframes=0"), "bf": "0", "profile": "baseline"},
    },
    "open-h264": {"video_codec": "libx264", "video_options": h264("open-gop=1:bframes=3")},
    "vfr": {"video_codec": "libx264", "video_options": h264(), "vfr": True},
    "rotated": {"video_codec": "libx264", "video_options": h264(), "rotation": 90},
    "hevc": {"video_codec": "libx265", "video_options": h265("bframes=3:open-gop=0")},
    "hevc-open": {
        "video_codec": "libx265",
        "video_options": h265("bframes=4:open-gop=1:b-pyramid=1"),
        "pixel_format": "yuv420p10le",
    },
}
CASES = [(kind, suffix) for kind in KINDS for suffix in (".mp4", ".mkv")]
KINDS |= {
    "vp9": {"video_codec": "libvpx-vp9", "video_options": {"g": "24", "cpu-used": "8"}},
    "av1": {"video_codec": "libsvtav1", "video_options": av1("enable-restoration=0")},
    "av1-10": {
        "video_codec": "libsvtav1",
        "video_options": av1("enable-overlays=1"),
        "pixel_format": "yuv420p10le",
    },
    "av1-vfr": {"video_codec": "libsvtav1", "video_options": av1("pred-struct=1"), "vfr": True},
    "av1-narrow": {
        "video_codec": "libsvtav1",
        "video_options": av1("superres-mode=1:superres-denom=12:superres-kf-denom=12"),
    },
}
CASES += [(kind, suffix) for kind in ("vp9", "av1") for suffix in (".webm", ".mkv", ".mp4")]
CASES += [("av1-10", ".mp4"), ("av1-vfr", ".mkv"), ("av1-narrow", ".webm")]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Seven seconds of a kind, made once."""
    folder = tmp_path_factory.mktemp("films")
    return cache(lambda kind, suffix: made(folder / kind, kind, suffix))


def made(folder: Path, kind: str, suffix: str) -> Movie:
    folder.mkdir(exist_ok=True)
    more: dict[str, object] = {"size": (128, 96), "fps": FPS, "paint": drifting, **KINDS[kind]}
    sound = Sound(codec="libopus" if suffix == ".webm" else "aac")
    return make_movie(folder / f"a{suffix}", seconds=7, sounds=[sound], **more)  # type: ignore[arg-type]


def shown(path: Path) -> Shown:
    """(time, hash of all planes) of every frame."""
    with av.open(str(path)) as container:
        return [(frame.pts * frame.time_base, digest(frame)) for frame in container.decode(video=0)]


def digest(frame: av.VideoFrame) -> str:
    content = hashlib.md5(usedforsecurity=False)
    for plane in frame.planes:
        width = plane.width * (2 if "10" in frame.format.name else 1)
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        content.update(np.ascontiguousarray(rows[:, :width]))
    return content.hexdigest()


def raw(path: Path) -> list[tuple[int, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [
            (p.pts, p.dts, bytes(p)) for p in container.demux(container.streams.video[0]) if p.size
        ]


def changed(before: Shown, after: Shown) -> list[Fraction]:
    return [a[0] for a, b in zip(before, after, strict=True) if a != b]


@pytest.fixture
def silence(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Fails nothing by itself: `caplog` then holds whatever a decoder says."""
    av.logging.set_level(av.logging.WARNING)
    caplog.set_level(logging.WARNING, logger="libav")
    yield caplog  # type: ignore[misc]
    av.logging.set_level(None)


@pytest.mark.parametrize(("kind", "suffix"), CASES)
def test_only_the_groups_with_an_edit_change(
    film: Film, tmp_path: Path, kind: str, suffix: str, silence: pytest.LogCaptureFixture
) -> None:
    movie = film(kind, suffix)
    out = tmp_path / f"b{suffix}"
    silence.clear()
    result = copy(movie.path, out, blur(2.3, 2.7), blur(5.5, 5.6))
    assert result.notes == ()

    source, clean = raw(movie.path), raw(out)
    assert sorted(p[0] for p in clean) == sorted(p[0] for p in source)
    assert [p[1] for p in clean] == [p[1] for p in source]
    before, after = shown(movie.path), shown(out)
    assert [time for time, _ in after] == [time for time, _ in before]
    different = changed(before, after)
    origin = before[0][0]
    hidden = [t for t, _ in before if 2.3 <= t - origin < 2.7 or 5.5 <= t - origin < 5.6]
    assert set(hidden) <= set(different)
    assert len(different) <= (len(before) if kind == "open-h264" else 60)
    own = {packet for _, _, packet in source}
    untouched = [packet for _, _, packet in clean if packet in own]
    assert len(untouched) >= len(source) - len(different) - 3
    assert [record.message for record in silence.records] == []


@pytest.mark.parametrize(("kind", "suffix"), [c for c in CASES if c[0] != "open-h264"])
def test_jumping_from_edited_to_untouched_and_back_is_exact(
    film: Film, tmp_path: Path, kind: str, suffix: str, silence: pytest.LogCaptureFixture
) -> None:
    movie = film(kind, suffix)
    out = tmp_path / f"b{suffix}"
    copy(movie.path, out, blur(2.3, 2.7), blur(5.5, 5.6))
    silence.clear()
    straight = dict(shown(out))
    times = sorted(straight)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        for second in (5.6, 0.5, 2.5, 4.2, 2.4, 3.3, 6.5, 5.55, 1.2, 2.9):
            target = next(time for time in times if time - times[0] >= second)
            container.seek(int(target / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                time = frame.pts * frame.time_base
                if time >= target:
                    assert straight[time] == digest(frame), float(time)
                if time >= target + Fraction(3, 2):
                    break
    assert [record.message for record in silence.records] == []


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed")
@pytest.mark.parametrize(
    ("kind", "suffix"), [("pyramid", ".mp4"), ("hevc-open", ".mkv"), ("hevc-open", ".mp4")]
)
def test_another_ffmpeg_plays_it_without_a_word(
    film: Film, tmp_path: Path, kind: str, suffix: str
) -> None:
    movie = film(kind, suffix)
    out = tmp_path / f"b{suffix}"
    copy(movie.path, out, blur(2.3, 2.7), blur(5.5, 5.6))
    command = ["ffmpeg", "-v", "warning", "-i", str(out), "-map", "0:v", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # Milliseconds are too coarse for that program's own muxer, with the source as well.
    said = [line for line in done.stderr.splitlines() if "non monotonically" not in line]
    assert said == []


def cut(start: float, end: float) -> Segment:
    return segment(seen("nudity", start, end), video_action="cut")


@pytest.mark.parametrize(("kind", "suffix"), CASES)
def test_a_cut_encodes_only_at_its_joints(
    film: Film, tmp_path: Path, kind: str, suffix: str, silence: pytest.LogCaptureFixture
) -> None:
    movie = film(kind, suffix)
    out = tmp_path / f"b{suffix}"
    silence.clear()
    copy(movie.path, out, cut(1.2, 2.6), cut(4.1, 4.4))
    before, after = shown(movie.path), shown(out)
    origin = before[0][0]
    gone = _whole_frames([t - origin for t, _ in before], [(1.2, 2.6), (4.1, 4.4)])
    kept = [(t - origin, h) for t, h in before if t - origin not in gone]
    assert len(after) == len(kept)
    same = sum(a[1] == b[1] for a, b in zip(kept, after, strict=True))
    assert same >= (0 if kind == "open-h264" else len(kept) - 60)
    removed = Fraction(0)
    times = [t - origin for t, _ in before]
    for (time, _), (new, _) in zip(kept, after, strict=True):
        removed = sum((_length(times, t) for t in gone if t < time), Fraction(0))
        assert abs(time - removed - (new - origin)) <= Fraction(1, 500), float(time)
    assert [record.message for record in silence.records] == []


def _whole_frames(times: Sequence[Fraction], cuts: Sequence[tuple[float, float]]) -> set[Fraction]:
    gone: set[Fraction] = set()
    for start, end in cuts:
        first = max(t for t in times if t <= start)
        gone |= {t for t in times if first <= t < end}
    return gone


def _length(times: Sequence[Fraction], time: Fraction) -> Fraction:
    place = times.index(time)
    return times[place + 1] - time


def test_hdr_metadata_is_in_the_new_pictures_and_in_the_old(tmp_path: Path) -> None:
    mastering = (
        "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
        ":max-cll=1000,400"
    )
    movie = make_movie(
        tmp_path / "a.mp4",
        seconds=4,
        fps=FPS,
        size=(128, 96),
        paint=drifting,
        video_codec="libx265",
        pixel_format="yuv420p10le",
        video_options=h265("open-gop=1", mastering),
        color={"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1},
    )
    copy(movie.path, tmp_path / "b.mp4", blur(2.2, 2.4))
    for path in (movie.path, tmp_path / "b.mp4"):
        with av.open(str(path)) as container:
            found = {str(hdr_of(frame)) for frame in container.decode(video=0)}
        assert len(found) == 1
        assert "1000" in found.pop()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"video_options": h264("tff=1")}, "interlaced"),
        ({"video_options": h264(), "pixel_format": "yuv444p"}, "yuv444p"),
        ({"video_codec": "mpeg4"}, "mpeg4"),
    ],
)
def test_what_cannot_be_joined_is_encoded_whole_and_said_before(
    tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=2, **options)  # type: ignore[arg-type]
    plan = make_plan(report_of(blur(0.5, 1)), Remediation(), probe(movie.path))
    assert plan.streams[0].work == "encode"
    assert reason in plan.streams[0].obstacle
    copy(movie.path, tmp_path / "b.mkv", blur(0.5, 1))
    assert len(shown(tmp_path / "b.mkv")) == len(movie.times)


def test_what_turns_out_not_to_join_is_encoded_whole_and_said(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie = film("pyramid", ".mp4")
    monkeypatch.setattr(picture_splice, "_LARGEST_GROUP_BYTES", 500)
    result = copy(movie.path, tmp_path / "b.mp4", blur(2.3, 2.7))
    assert any("key frames are too far apart" in note for note in result.notes)
    before, after = shown(movie.path), shown(tmp_path / "b.mp4")
    assert [time for time, _ in after] == [time for time, _ in before]
    assert len(changed(before, after)) == len(before)
    assert [path.name for path in tmp_path.iterdir()] == ["b.mp4"]


@pytest.mark.parametrize("kind", ["plain-b", "av1"])
def test_edits_in_the_first_and_the_last_picture_of_a_film_that_starts_late(
    tmp_path: Path, kind: str
) -> None:
    movie = make_movie(
        tmp_path / "a.mp4",
        seconds=3,
        fps=FPS,
        start=1.25,
        size=(96, 128),
        rotation=90,
        paint=drifting,
        sounds=[Sound()],
        cover=True,
        **KINDS[kind],  # type: ignore[arg-type]
    )
    copy(movie.path, tmp_path / "b.mp4", blur(0, 0.1), blur(2.95, 3))
    before, after = shown(movie.path), shown(tmp_path / "b.mp4")
    assert [time for time, _ in after] == [time for time, _ in before]
    different = changed(before, after)
    assert before[0][0] in different
    assert before[-1][0] in different
    assert len(before) - len(different) > 1
    assert probe(tmp_path / "b.mp4").streams[0].rotation == 90


def test_an_open_group_after_new_pictures_does_not_count_on_from_them(
    tmp_path: Path, silence: pytest.LogCaptureFixture
) -> None:
    """The number of the entry at 12.5 s, 300 modulo 256, is below those of the new pictures: it
    has to say that what was before it is gone."""
    movie = make_movie(
        tmp_path / "a.mp4",
        seconds=14,
        fps=FPS,
        size=(96, 64),
        paint=drifting,
        video_codec="libx265",
        video_options=h265("keyint=60:min-keyint=60:bframes=4:open-gop=1"),
    )
    silence.clear()
    copy(movie.path, tmp_path / "b.mp4", blur(10.05, 10.2))
    entries = {pts: data for pts, _, data in raw(tmp_path / "b.mp4")}
    source = {pts: data for pts, _, data in raw(movie.path)}
    ticks = max(source) // 335
    kinds = [hevc_type(unit) for unit in split_lengths(entries[300 * ticks])]
    assert kinds == [32, 33, 34, 18]  # the source's parameter sets, and BLA_N_LP
    assert entries[300 * ticks].endswith(source[300 * ticks][-100:])
    assert 60 * ticks in source
    assert entries[60 * ticks] == source[60 * ticks]
    before, after = shown(movie.path), shown(tmp_path / "b.mp4")
    assert [time for time, _ in after] == [time for time, _ in before]
    assert all(10 <= time < 12.5 for time in changed(before, after))
    assert [record.message for record in silence.records] == []
