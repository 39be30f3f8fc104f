"""The table of docs/copy.md, cell by cell: what is joined, encoded whole, or refused, and that the
copy is right."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from flagged import copy, heard, report_of, seen, segment
from movies import Movie, Sound, decoded_audio, level_dbfs, make_movie
from packets import luma, packets

from video_censor_personal.config import Remediation
from video_censor_personal.errors import OutputError
from video_censor_personal.findings import Segment
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.plan import make_plan

MUTE = segment(heard("hell", 1.0, 1.2))
BLUR = segment(seen("nudity", 1.0, 1.2, [(1.0, (0.2, 0.2, 0.5, 0.5))]))
CUT = segment(seen("nudity", 1.0, 1.5), video_action="cut")

PICTURES: dict[str, dict[str, str]] = {
    "libx264": {".mp4": "splice", ".mov": "splice", ".mkv": "splice"}
    | {".ts": "encode", ".avi": "encode", ".flv": "encode"},
    "libx265": {".mp4": "splice", ".mov": "splice", ".mkv": "splice", ".ts": "encode"},
    "libx265 10 bit": {".mp4": "splice", ".mov": "splice", ".mkv": "splice", ".ts": "encode"},
    "libx264 10 bit": {".mp4": "encode", ".mkv": "encode"},
    "libvpx-vp9": {".mkv": "splice", ".webm": "splice", ".mp4": "splice"},
    "libsvtav1": {".mkv": "splice", ".webm": "splice", ".mp4": "splice"},
    "libsvtav1 10 bit": {".mkv": "splice", ".webm": "splice", ".mp4": "splice"},
    "libvpx": {".mkv": "encode", ".webm": "encode"},
    "mpeg4": {".mkv": "encode", ".mp4": "encode", ".avi": "encode"},
}
SOUNDS: dict[str, dict[str, str]] = {
    "aac": {".mp4": "splice", ".mov": "splice", ".mkv": "splice", ".ts": "encode"},
    "ac3": {".mp4": "splice", ".mov": "splice", ".mkv": "splice", ".ts": "encode"},
    "eac3": {".mp4": "splice", ".mov": "splice", ".mkv": "splice", ".ts": "encode"},
    "libopus": {".mkv": "encode", ".mp4": "encode"},
    "libmp3lame": {".mkv": "encode", ".mp4": "encode", ".avi": "encode"},
    "flac": {".mkv": "encode", ".mp4": "encode"},
    "pcm_s16le": {".mkv": "encode", ".mov": "encode", ".avi": "encode"},
    "pcm_s24le": {".mkv": "encode", ".mov": "encode"},
}
LOSSLESS = ("flac", "pcm_s16le", "pcm_s24le")
FEATURES: dict[str, dict[str, object]] = {
    "5.1": {"sounds": [Sound(layout="5.1", bit_rate=384_000)]},
    "no audio": {},
    "attached picture": {"sounds": [Sound()], "cover": True},
    "two tracks": {"sounds": [Sound(language="eng"), Sound(language="deu", codec="ac3")]},
}

Film = Callable[[str, str, str], Movie]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Two seconds with this picture and this sound in this kind of file, made once."""
    folder = tmp_path_factory.mktemp("films")
    return cache(lambda picture, sound, suffix: made(folder, picture, sound, suffix))


def made(folder: Path, picture: str, sound: str, suffix: str) -> Movie:
    codec, _, bits = picture.partition(" ")
    place = folder / f"{picture}-{sound}"
    place.mkdir(exist_ok=True)
    return make_movie(
        place / f"a{suffix}",
        seconds=2,
        size=(96, 64),
        video_codec=codec,
        video_options={"bf": "0"} if suffix == ".avi" else {},  # it stores one order only
        pixel_format="yuv420p10le" if bits else "yuv420p",
        sounds=[Sound(codec=sound)],
    )


def work_of(movie: Movie, found: Segment, stream: int) -> str:
    plan = make_plan(report_of(found, source=movie.path), Remediation(), probe(movie.path))
    assert bool(plan.streams[stream].obstacle) == (plan.streams[stream].work == "encode")
    return plan.streams[stream].work


def cells(table: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(codec, suffix, work) for codec, row in table.items() for suffix, work in row.items()]


@pytest.mark.parametrize(("codec", "suffix", "work"), cells(PICTURES))
def test_pictures(film: Film, tmp_path: Path, codec: str, suffix: str, work: str) -> None:
    sound = {".webm": "libopus", ".avi": "libmp3lame"}.get(suffix, "aac")
    movie, out = film(codec, sound, suffix), tmp_path / f"b{suffix}"
    assert work_of(movie, BLUR, 0) == work
    result = copy(movie.path, out, BLUR)
    assert not [note for note in result.notes if "encoded anew" in note]
    before, after = list(luma(movie.path)), list(luma(out))
    if suffix != ".avi":  # it cannot say when a frame is shown
        start = before[0][0] - after[0][0]  # some kinds of file do not keep where time begins
        times = [time for time, _ in before]
        assert [time + start for time, _ in after] == pytest.approx(times, abs=0.002)
        assert hidden(before, after) == [*range(10, 12)]
        copy(movie.path, tmp_path / f"c{suffix}", CUT)
        assert len(list(luma(tmp_path / f"c{suffix}"))) == 15
    assert [data for _, data in packets(out, 1)] == [data for _, data in packets(movie.path, 1)]
    assert len(after) == len(before)
    assert 2 <= len(hidden(before, after)) <= 3


def hidden(before: list, after: list) -> list[int]:  # type: ignore[type-arg]
    """The numbers of the frames whose middle is another."""
    pairs = enumerate(zip(before, after, strict=True))
    return [n for n, ((_, a), (_, b)) in pairs if abs(middle(a) - middle(b)).mean() > 0.03]


def middle(picture):  # type: ignore[no-untyped-def]
    height, width = picture.shape
    return picture[height // 4 : height // 2, width // 4 : width // 2]


@pytest.mark.parametrize(("codec", "suffix", "work"), cells(SOUNDS))
def test_sounds(film: Film, tmp_path: Path, codec: str, suffix: str, work: str) -> None:
    movie, out = film("libx264", codec, suffix), tmp_path / f"b{suffix}"
    assert work_of(movie, MUTE, 1) == work
    result = copy(movie.path, out, MUTE)
    assert result.notes == ()
    assert [data for _, data in packets(out, 0)] == [data for _, data in packets(movie.path, 0)]
    own, new = probe(movie.path).streams[1], probe(out).streams[1]
    assert (new.codec, new.channel_layout, new.sample_rate_hz) == (
        own.codec,
        own.channel_layout,
        own.sample_rate_hz,
    )
    sound, rate = decoded_audio(out)
    assert level_dbfs(sound[:, rate : round(1.2 * rate)]) < -60
    assert level_dbfs(sound[:, : round(0.85 * rate)]) > -20
    assert level_dbfs(sound[:, round(1.35 * rate) : round(1.9 * rate)]) > -20
    if codec in LOSSLESS:  # encoded anew, and every sample is what it was
        source, _ = decoded_audio(movie.path)
        assert (source[:, : round(0.9 * rate)] == sound[:, : round(0.9 * rate)]).all()
        assert (source[:, round(1.3 * rate) :] == sound[:, round(1.3 * rate) :]).all()
    if suffix != ".avi":
        copy(movie.path, tmp_path / f"c{suffix}", CUT)
        sound, rate = decoded_audio(tmp_path / f"c{suffix}")
        assert sound.shape[1] / rate == pytest.approx(1.5, abs=0.07)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("feature", FEATURES)
def test_features(tmp_path: Path, feature: str, suffix: str) -> None:
    if feature == "attached picture" and suffix == ".mkv":
        pytest.skip("a cover of Matroska is an attachment; see test_everything_else_survives")
    more = FEATURES[feature]
    movie = make_movie(tmp_path / f"a{suffix}", seconds=2, size=(96, 64), **more)  # type: ignore[arg-type]
    for number, found in enumerate((MUTE, BLUR, CUT)):
        out = tmp_path / f"{number}{suffix}"
        copy(movie.path, out, found)
        assert len(list(luma(out))) == (15 if found is CUT else 20)
        before, after = probe(movie.path), probe(out)
        assert [s.channel_layout for s in after.streams] == [
            s.channel_layout for s in before.streams
        ]
        assert [s.attached_picture for s in after.streams] == [
            s.attached_picture for s in before.streams
        ]
        for track in range(len(movie.sounds)):
            sound, rate = decoded_audio(out, track)
            quiet = level_dbfs(sound[:, rate : round(1.2 * rate)]) < -60
            assert quiet == (found is MUTE)


@pytest.mark.parametrize(
    ("codec", "sound", "suffix", "to"),
    [("libx264", "aac", ".mp4", ".webm"), ("libvpx-vp9", "libopus", ".webm", ".avi")],
)
@pytest.mark.parametrize("found", [MUTE, BLUR, CUT])
def test_refusals(
    film: Film, tmp_path: Path, codec: str, sound: str, suffix: str, to: str, found: Segment
) -> None:
    with pytest.raises(OutputError, match=r"cannot hold it; name the copy b\.(mkv|mp4|webm)"):
        copy(film(codec, sound, suffix).path, tmp_path / f"b{to}", found)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("suffix", "to"), [(".mp4", ".mkv"), (".mkv", ".mp4"), (".ts", ".mkv")])
def test_from_one_kind_of_file_to_another_changed_streams_are_encoded_whole(
    film: Film, tmp_path: Path, suffix: str, to: str
) -> None:
    movie, out = film("libx264", "aac", suffix), tmp_path / f"b{to}"
    info = probe(movie.path)
    plan = make_plan(report_of(MUTE, BLUR), Remediation(), info, output=out)
    assert [stream.work for stream in plan.streams] == ["encode", "encode"]
    copy(movie.path, out, MUTE, BLUR)
    assert len(list(luma(out))) == 20
    sound, rate = decoded_audio(out)
    assert level_dbfs(sound[:, rate : round(1.2 * rate)]) < -60
    assert float(probe(out).duration or Fraction(0)) == pytest.approx(2, abs=0.1)
