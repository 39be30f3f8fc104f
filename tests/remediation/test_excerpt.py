"""Excerpts: the groups of pictures around some spans, with sound and subtitles, and where from."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from movies import Sound, Subtitles, decoded_audio, frames, make_movie, read_number

from video_censor_personal.media.audio import decode_audio
from video_censor_personal.media.base import AudioBlock, Frame
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.probe import probe
from video_censor_personal.media.subtitles import read_cues
from video_censor_personal.remediation.excerpt import Excerpt, ExcerptError, write_excerpt
from video_censor_personal.timeline import Span

OPEN = "log-level=none:pools=1:keyint=12:min-keyint=12:scenecut=0:bframes=3:open-gop=1"


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {}),
        ("a.mkv", "libx264", {}),
        ("a.mkv", "libx265", {"x265-params": OPEN}),
        ("a.mp4", "libx265", {"x265-params": OPEN}),
        ("a.webm", "libvpx-vp9", {}),
        ("a.webm", "libsvtav1", {"g": "12", "preset": "10", "svtav1-params": "lp=1"}),
        ("a.mkv", "mpeg4", {}),
    ],
)
def test_parts_show_the_spans_and_say_where_they_are_from(
    tmp_path: Path,
    name: str,
    codec: str,
    options: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    sound = Sound(codec="libopus" if name.endswith("webm") else "aac")
    movie = make_movie(
        tmp_path / name, seconds=20, video_codec=codec, video_options=options, sounds=[sound]
    )
    spans = [Span.of(3, 4.5), Span.of(11, 11.2), Span.of(19.5, 30)]
    av.logging.set_level(av.logging.WARNING)
    caplog.set_level(logging.WARNING, logger="libav")
    excerpt = write_excerpt(probe(movie.path), spans, tmp_path / "parts.mkv")
    shown = [(time, read_number(picture)) for time, picture in frames(tmp_path / "parts.mkv")]
    av.logging.set_level(None)
    assert [record.message for record in caplog.records] == []
    assert len(shown) < 90
    there = {number for _, number in shown}
    assert {*range(30, 45), 110, 111, *range(195, 200)} <= there
    for time, number in shown:
        (source,) = excerpt.sources(Span(time, time))
        assert abs(source.start - movie.times[number]) <= Fraction(1, 500)
    heard, rate = decoded_audio(tmp_path / "parts.mkv")
    length = sum(part.duration for part in excerpt.parts)
    assert heard.shape[1] / rate == pytest.approx(float(length), abs=0.1)


def test_analysis_finds_nothing_wrong_with_an_excerpt(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=20, sounds=[Sound()])
    path = tmp_path / "parts.mkv"
    write_excerpt(probe(movie.path), [Span.of(3, 4.5), Span.of(11, 11.2)], path)
    info = probe(path)
    assert all(isinstance(item, Frame) for item in decode_frames(info))
    assert all(isinstance(item, AudioBlock) for item in decode_audio(info))


def test_sound_and_subtitles_stay_with_the_picture(tmp_path: Path) -> None:
    def chirp(times: np.ndarray) -> np.ndarray:  # 100 Hz more each second
        return 0.3 * np.sin(2 * np.pi * np.cumsum(200 + 100 * np.floor(times)) / 48_000)

    movie = make_movie(
        tmp_path / "a.mp4",
        seconds=20,
        sounds=[Sound(chirp)],
        subtitles=[Subtitles([(n + 0.2, n + 0.6, f"second {n}") for n in range(20)])],
    )
    path = tmp_path / "parts.mkv"
    excerpt = write_excerpt(probe(movie.path), [Span.of(4, 5), Span.of(14, 15)], path)
    cues = {cue.text: cue.span.start for cue in read_cues(probe(path))}
    assert {"second 4", "second 14"} <= set(cues)
    assert "second 10" not in cues
    for text, start in cues.items():
        (source,) = excerpt.sources(Span(start, start))
        assert abs(source.start - Fraction(text.removeprefix("second ")) - Fraction(1, 5)) < 0.01
    sound, rate = decoded_audio(path)
    for second in (4, 14):
        at = cues[f"second {second}"]
        piece = sound[0, round((at + Fraction(1, 10)) * rate) :][: rate // 2]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece))))
        assert spectrum.argmax() * 2 == pytest.approx(200 + 100 * second, abs=25)


def test_a_span_across_two_parts_has_two_sources() -> None:
    excerpt = Excerpt((Span.of(10, 12), Span.of(30, 33)))
    assert list(excerpt.sources(Span.of(1, 3))) == [Span.of(11, 12), Span.of(30, 31)]
    assert list(excerpt.sources(Span.of(2, 2))) == [Span.of(30, 30)]


def test_a_span_of_the_film_has_a_place_in_every_part_that_shows_some_of_it() -> None:
    excerpt = Excerpt((Span.of(10, 12), Span.of(30, 33)))
    assert list(excerpt.places(Span.of(11, 31))) == [Span.of(1, 2), Span.of(2, 3)]
    assert list(excerpt.places(Span.of(31, 40))) == [Span.of(3, 5)]
    assert list(excerpt.places(Span.of(12, 30))) == []


def test_what_cannot_be_entered_is_refused(tmp_path: Path) -> None:
    options = {"x264-params": "keyint=12:min-keyint=12:scenecut=0:open-gop=1:bframes=3"}
    movie = make_movie(tmp_path / "a.mkv", seconds=20, video_options=options)
    with pytest.raises(ExcerptError, match="no decoder can begin"):
        write_excerpt(probe(movie.path), [Span.of(11, 12)], tmp_path / "parts.mkv")
    silent = make_movie(tmp_path / "b.m4a", seconds=3, video_codec=None, sounds=[Sound()])
    with pytest.raises(ExcerptError, match="no picture"):
        write_excerpt(probe(silent.path), [Span.of(1, 2)], tmp_path / "parts.mkv")
