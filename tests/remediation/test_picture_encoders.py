"""Which encoder writes changed pictures, and how hard it tries."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from flagged import copy, report_of, seen, segment
from movies import Movie, frames, make_movie, read_number

from video_censor_personal.cli import main
from video_censor_personal.config import Remediation, VideoRemediation
from video_censor_personal.errors import ConfigError
from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation import hardware
from video_censor_personal.remediation.plan import make_plan

BLUR = segment(seen("nudity", 1, 1.5))
KINDS = ("nvenc", "qsv", "videotoolbox", "vaapi")


def wanted(**video: object) -> Remediation:
    return Remediation(video=VideoRemediation(**video))  # type: ignore[arg-type]


@pytest.fixture
def movie(tmp_path: Path) -> Movie:
    return make_movie(tmp_path / "a.mp4", seconds=3, size=(320, 240))


def missing(codec: str = "h264") -> str:
    """A kind of hardware that this machine does not have; a machine with all four is unheard of."""
    return next(kind for kind in KINDS if not hardware._working(codec, kind))


def test_hardware_that_is_not_there_is_refused_with_what_is(movie: Movie) -> None:
    kind = missing()
    with pytest.raises(ConfigError, match=rf"no {kind} encoder for h264 works .* software, auto"):
        make_plan(report_of(BLUR), wanted(encoder=kind), probe(movie.path))
    with pytest.raises(ConfigError, match=kind):  # before there is anything to encode as well
        make_plan(report_of(), wanted(encoder=kind), probe(movie.path))


def test_that_is_wrong_usage_on_the_command_line(
    movie: Movie, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = movie.path.parent
    config, report = folder / "my.yaml", folder / "a.json"
    config.write_text(f"remediation: {{video: {{encoder: {missing()}}}}}\n")
    report.write_text('{"segments": []}')
    options = ["--input-segments", str(report), "-o", str(folder / "b.mp4")]
    assert main([str(movie.path), *options, "--config", str(config)]) == 2
    assert "what works here: software, auto" in capsys.readouterr().err
    assert not (folder / "b.mp4").exists()


def test_auto_takes_software_where_there_is_nothing_else(
    movie: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_KINDS", (missing(),))
    plan = make_plan(report_of(BLUR), wanted(encoder="auto"), probe(movie.path))
    assert plan.streams[0].encoding is not None
    assert plan.streams[0].encoding.encoder == "libx264"
    assert plan.streams[0].work == "splice"


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Stands in for that of a graphics card: an encoder that opens, under a name of its own."""
    monkeypatch.setitem(hardware._NAMES, "h264", "{}")
    monkeypatch.setattr(hardware, "_KINDS", ("mpeg4",))
    hardware._working.cache_clear()
    yield "mpeg4"
    hardware._working.cache_clear()


def test_what_hardware_encodes_is_encoded_whole_and_the_plan_says_so(
    movie: Movie, card: str
) -> None:
    plan = make_plan(report_of(BLUR), wanted(encoder="auto"), probe(movie.path))
    assert plan.streams[0].work == "encode"
    line = str(plan.streams[0])
    assert f"3.00 s encoded anew as h264 by {card}" in line
    assert f"(parts that {card} encodes were not proven to join)" in line


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", ".mp4"), ("libx265", ".mkv"), ("libvpx-vp9", ".webm")]
)
def test_a_slower_preset_is_another_picture_of_the_same_frames(
    tmp_path: Path, codec: str, suffix: str
) -> None:
    movie = make_movie(tmp_path / f"a{suffix}", seconds=3, size=(320, 240), video_codec=codec)
    new = []
    for preset in ("superfast", "medium"):
        out = tmp_path / f"{preset}{suffix}"
        copy(movie.path, out, BLUR, remediation=wanted(preset=preset, mode="pixelate"))
        assert [read_number(picture) for time, picture in frames(out) if time < 1] == [*range(10)]
        assert [time for time, _ in frames(out)] == [time for time, _ in frames(movie.path)]
        new.append(sizes(out))
    assert len(new[0]) == len(new[1])
    assert new[0] != new[1]


def sizes(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [packet.size for packet in container.demux(video=0) if packet.size]


def test_the_default_is_a_fast_preset() -> None:
    stream = StreamInfo(0, "video", "h264", width=640, height=360)
    info = MediaInfo(Path("a.mp4"), "mov,mp4", Fraction(0), Fraction(10), 1_000, (stream,))
    encoding = make_plan(report_of(BLUR), Remediation(), info).streams[0].encoding
    assert encoding is not None
    assert (encoding.encoder, encoding.preset, encoding.quality) == ("libx264", "superfast", 18)
