"""Pictures of which FFmpeg sees none when it opens the file: they come late, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from movies import Movie, Sound, make_movie, read_number, tone

from video_censor_personal.cli import main
from video_censor_personal.media.base import Frame
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.probe import probe

LATE = Fraction(30)


def spoken_first(path: Path, pictures: Movie | None, template: Movie) -> Path:
    """32 s of sound; the pictures of a film from 30 s on, or a track for some and none in it."""
    sound = make_movie(
        path.with_suffix(".m4a"), seconds=32, video_codec=None, sounds=[Sound(tone(440))]
    )
    with av.open(str(path), "w") as out, av.open(str(template.path)) as like:
        track = out.add_stream_from_template(like.streams.video[0])
        with av.open(str(sound.path)) as source:
            heard = out.add_stream_from_template(source.streams.audio[0])
            waiting = [(heard, packet) for packet in source.demux(audio=0) if packet.size]
            if pictures is not None:
                shown = [packet for packet in like.demux(video=0) if packet.size]
                for packet in shown:
                    packet.pts += int(LATE / packet.time_base)
                    packet.dts += int(LATE / packet.time_base)
                waiting += [(track, packet) for packet in shown]
            for stream, packet in sorted(waiting, key=lambda w: w[1].dts * w[1].time_base):
                packet.stream = stream
                out.mux(packet)
    return path


@pytest.mark.parametrize("name", ["late.mkv", "late.ts", "late.mp4"])
def test_pictures_that_begin_after_half_a_minute_are_all_seen(
    movie: Callable[[str], Movie], tmp_path: Path, name: str
) -> None:
    made = movie("h264+aac.mp4")
    info = probe(spoken_first(tmp_path / name, made, made))
    frames = [item for item in decode_frames(info) if isinstance(item, Frame)]
    assert [read_number(frame) for frame in frames] == list(range(len(made.times)))
    assert info.video is not None
    facts = (info.video.pixel_format, info.video.width, info.video.height)
    assert facts == ("yuv420p", 160, 120)


def test_a_track_without_a_single_picture_is_unknown_from_end_to_end(
    movie: Callable[[str], Movie], tmp_path: Path
) -> None:
    film = str(spoken_first(tmp_path / "film.mkv", None, movie("h264+aac.mp4")))
    config, report = str(tmp_path / "my.yaml"), tmp_path / "film.json"
    Path(config).write_text("detections: {nudity: {}}\n")
    assert main([film, "-o", str(report), "--config", config]) == 3
    (nudity,) = (c for c in json.loads(report.read_text())["coverage"] if c["category"] == "nudity")
    assert nudity["status"] == "unknown"


@pytest.mark.parametrize(("name", "has_pictures"), [("film.mp4", True), ("film.mkv", False)])
def test_a_copy_of_pictures_that_nobody_can_encode_is_refused_before_the_film(
    movie: Callable[[str], Movie],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    has_pictures: bool,
) -> None:
    made = movie("h264+aac.mp4")
    film = spoken_first(tmp_path / name, made if has_pictures else None, made)
    copy = film.with_name(f"copy{film.suffix}")
    assert main([str(film), "-o", str(copy)]) == 1
    said = capsys.readouterr().err
    assert f"stream 0 (video) of {name} has no picture near its beginning" in said
    assert "watching" not in said
    assert not copy.exists()
