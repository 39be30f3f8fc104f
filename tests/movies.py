"""Tiny movies made by code, and readers that tell what is in a file.

A movie's pictures carry their own number (`read_number`), so a test can say which frame it looks
at after any amount of coding, turning and scaling:

    movie = make_movie(tmp_path / "a.mkv", seconds=2, sounds=[Sound(signal=440.0)])
    assert frame_times(movie.path) == list(movie.times)

Times in arguments and results are seconds since the first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from av.subtitles.subtitle import SubtitleSet
from movie_readers import (
    cut_off,
    damage,
    decoded_audio,
    frame_times,
    frames,
    hide_codec,
    level_dbfs,
    number_picture,
    read_number,
)

from video_censor_personal.remediation import svt_av1

__all__ = [
    "Movie",
    "Sound",
    "Subtitles",
    "cut_off",
    "damage",
    "decoded_audio",
    "frame_times",
    "frames",
    "hide_codec",
    "impulses",
    "level_dbfs",
    "make_movie",
    "number_picture",
    "read_number",
    "tone",
]

Signal = float | np.ndarray | Callable[[np.ndarray], np.ndarray]
"""A frequency in Hz, `(N,)` or `(channels, N)` samples (int16, or float of -1..1), or a function
of the times in seconds (float64) that gives samples of -1..1."""


@dataclass(frozen=True)
class Sound:
    """An audio stream. `start` is the time of its first sample; `options` are for its encoder."""

    signal: Signal = 440.0
    codec: str = "aac"
    layout: str = "stereo"
    rate_hz: int = 48_000
    language: str = ""
    title: str = ""
    flags: Sequence[str] = ()
    start: Fraction | float = 0
    bit_rate: int = 128_000
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subtitles:
    """A subtitle stream; `cues` are (start, end, text). A codec of pictures gets dummy packets."""

    cues: Sequence[tuple[float, float, str]]
    codec: str = "mov_text"
    language: str = "eng"
    title: str = ""
    flags: Sequence[str] = ()


@dataclass(frozen=True)
class Movie:
    """What `make_movie` wrote: the time of each frame, number 0 first."""

    path: Path
    times: tuple[Fraction, ...]
    duration: Fraction
    sounds: tuple[Sound, ...] = ()
    subtitles: tuple[Subtitles, ...] = ()


@dataclass
class _Track:
    stream: Any
    packets: list[Any] = field(default_factory=list)


_FAST = {
    "libx264": {"preset": "ultrafast", "bf": "2", "g": "12", "crf": "18", "threads": "1"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=12:pools=1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0", "g": "12"},
    "mpeg4": {"qscale": "3", "bf": "2", "g": "12"},
}

_ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, "
    b"Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, "
    b"Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1"
    b"\r\n\r\n[Events]\r\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)

_VFR_STEPS = (1, 2, 1, 3)  # how many even frames long each frame of a cycle lasts
_TICKS = 90_000


def make_movie(
    path: Path,
    *,
    seconds: Fraction | float = 4,
    fps: Fraction | int = 10,
    size: tuple[int, int] = (160, 120),
    video_codec: str | None = "libx264",
    video_options: Mapping[str, str] | None = None,
    pixel_format: str = "yuv420p",
    color: Mapping[str, int] | None = None,
    rotation: int = 0,
    vfr: bool = False,
    start: Fraction | float = 0,
    paint: Callable[[int, int, int], np.ndarray] | None = None,
    sounds: Sequence[Sound] = (),
    subtitles: Sequence[Subtitles] = (),
    chapters: Sequence[tuple[float, float, str]] = (),
    tags: Mapping[str, str] | None = None,
    attachments: Sequence[tuple[str, str, bytes]] = (),
    cover: bool = False,
    container_options: Mapping[str, str] | None = None,
) -> Movie:
    """Writes a movie; the container follows from the name's suffix.

    Args:
        size: width and height of the upright picture, as a viewer sees it.
        video_codec: an encoder's name, or None for a file without picture.
        video_options: added to (and winning over) fast settings with B-frames and a key frame
            every 12 frames, one slice a picture.
        color: any of `color_primaries`, `color_trc`, `colorspace`, `color_range` as in PyAV.
        rotation: degrees counter-clockwise by which a player must turn the coded picture.
        vfr: frames last 1, 2, 1 and 3 of `1/fps` in turn.
        start: the container's time of the first frame.
        paint: `(number, width, height) -> (H, W, 3) uint8 RGB`, upright; the number is painted
            where there is no such function.
        attachments: (name, MIME type, bytes), Matroska only.
        cover: add a cover picture.
    """
    duration = Fraction(seconds).limit_denominator(_TICKS)
    times = _times(duration, Fraction(fps), vfr) if video_codec else ()
    begin = Fraction(start).limit_denominator(_TICKS)
    with av.open(str(path), "w", container_options=dict(container_options or {})) as out:
        out.metadata.update(tags or {})
        tracks: list[tuple[_Track, Callable[[_Track], None]]] = []
        if video_codec:
            options = {**_FAST.get(video_codec, {}), **(video_options or {})}
            turned = size[::-1] if rotation % 180 else size
            track = _video_track(out, video_codec, Fraction(fps), turned, pixel_format, options)
            for name, value in (color or {}).items():
                setattr(track.stream.codec_context, name, value)
            if rotation:
                track.stream.set_display_rotation(rotation)
            pictures = _pictures(times, size, rotation, paint or number_picture)
            tracks.append((track, lambda t, p=pictures: _encode_video(t, p, begin)))
        for sound in sounds:
            track = _audio_track(out, sound)
            tracks.append((track, lambda t, s=sound: _encode_audio(t, s, duration, begin)))
        for subtitle in subtitles:
            track = _subtitle_track(out, subtitle)
            tracks.append((track, lambda t, s=subtitle: _encode_subtitles(t, s, begin)))
        if cover:
            tracks.append((_cover_track(out), _encode_cover))
        for attachment in attachments:
            out.add_attachment(*attachment)
        _set_chapters(out, chapters, begin)
        for track, encode in tracks:
            encode(track)
        packets = [packet for track, _ in tracks for packet in track.packets]
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            out.mux(packet)
    return Movie(Path(path), times, duration, tuple(sounds), tuple(subtitles))


def _times(duration: Fraction, fps: Fraction, vfr: bool) -> tuple[Fraction, ...]:
    times, position, number = [], Fraction(0), 0
    while position < duration:
        times.append(position)
        position += (_VFR_STEPS[number % len(_VFR_STEPS)] if vfr else 1) / fps
        number += 1
    return tuple(times)


def _video_track(
    out: Any,
    codec: str,
    fps: Fraction,
    size: tuple[int, int],
    pixel_format: str,
    options: Mapping[str, str],
) -> _Track:
    stream = out.add_stream(codec, rate=fps, options=dict(options))
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    stream.codec_context.thread_type = "FRAME"  # slice threads cut every picture into slices
    stream.codec_context.time_base = stream.time_base = Fraction(1, _TICKS)
    if codec in ("libx265", "mpeg4"):  # these two cannot count 90 000 ticks a second
        stream.codec_context.time_base = stream.time_base = 1 / (fps * 4)
    if out.format.name == "avi":  # it counts pictures
        stream.codec_context.time_base = stream.time_base = 1 / fps
    if codec == "libx265":
        stream.codec_context.codec_tag = "hvc1"
    return _Track(stream)


def _pictures(
    times: Sequence[Fraction],
    size: tuple[int, int],
    rotation: int,
    paint: Callable[[int, int, int], np.ndarray],
) -> Iterator[tuple[Fraction, Any]]:
    for number, time in enumerate(times):
        upright = np.ascontiguousarray(np.rot90(paint(number, *size), -rotation // 90))
        picture = av.VideoFrame.from_ndarray(upright, format="rgb24")
        yield time, picture


def _encode_video(track: _Track, pictures: Iterator[tuple[Fraction, Any]], begin: Fraction) -> None:
    context = track.stream.codec_context
    with svt_av1.contained() if context.name == "libsvtav1" else nullcontext():
        context.open(strict=False)
    reformatter = av.video.reformatter.VideoReformatter()
    for time, picture in pictures:
        frame = reformatter.reformat(picture, format=context.pix_fmt)
        for name in ("color_primaries", "color_trc", "colorspace", "color_range"):
            setattr(frame, name, getattr(context, name))
        frame.time_base = context.time_base
        frame.pts = round((time + begin) / context.time_base)
        track.packets += track.stream.encode(frame)
    track.packets += track.stream.encode(None)


def _audio_track(out: Any, sound: Sound) -> _Track:
    stream = out.add_stream(sound.codec, rate=sound.rate_hz, options=dict(sound.options))
    stream.codec_context.layout = sound.layout
    if not sound.codec.startswith(("pcm_", "flac")):
        stream.codec_context.bit_rate = sound.bit_rate
    _label(stream, sound.language, sound.title, sound.flags)
    return _Track(stream)


def _encode_audio(track: _Track, sound: Sound, duration: Fraction, begin: Fraction) -> None:
    samples = _samples(sound, duration)
    position = round((begin + Fraction(sound.start).limit_denominator(_TICKS)) * sound.rate_hz)
    for first in range(0, samples.shape[1], 1024):
        block = np.ascontiguousarray(samples[:, first : first + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=sound.layout)
        frame.sample_rate = sound.rate_hz
        frame.time_base = Fraction(1, sound.rate_hz)
        frame.pts = position + first
        track.packets += track.stream.encode(frame)
    track.packets += track.stream.encode(None)


def _samples(sound: Sound, duration: Fraction) -> np.ndarray:
    """`(channels, N) float32`: the sound's signal, on every channel if it names none."""
    channels = av.AudioLayout(sound.layout).nb_channels
    signal = sound.signal
    if isinstance(signal, np.ndarray):
        samples = signal / 32768 if signal.dtype == np.int16 else signal
    else:
        length = duration - Fraction(sound.start).limit_denominator(_TICKS)
        times = np.arange(round(length * sound.rate_hz)) / sound.rate_hz
        samples = signal(times) if callable(signal) else tone(signal)(times)
    return np.broadcast_to(samples, (channels, samples.shape[-1])).astype(np.float32)


def tone(frequency_hz: float, level: float = 0.3) -> Callable[[np.ndarray], np.ndarray]:
    """A steady sine of amplitude `level`."""
    return lambda times: level * np.sin(2 * np.pi * frequency_hz * times)


def impulses(*at: float) -> Callable[[np.ndarray], np.ndarray]:
    """Silence with a 1 ms raised-cosine click centred on each of these times."""

    def signal(times: np.ndarray) -> np.ndarray:
        out = np.zeros_like(times)
        for centre in at:
            near = np.abs(times - centre) < 0.0005
            out[near] = 0.45 * (1 + np.cos(2 * np.pi * (times[near] - centre) / 0.001))
        return out

    return signal


def _subtitle_track(out: Any, subtitle: Subtitles) -> _Track:
    if subtitle.codec in ("hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"):
        stream = out.add_mux_stream(subtitle.codec)
    else:
        stream = out.add_stream(subtitle.codec)
        stream.codec_context.subtitle_header = _ASS_HEADER
        stream.codec_context.time_base = Fraction(1, 1000)
    stream.time_base = Fraction(1, 1000)
    _label(stream, subtitle.language, subtitle.title, subtitle.flags)
    return _Track(stream)


def _encode_subtitles(track: _Track, subtitle: Subtitles, begin: Fraction) -> None:
    for number, (start, end, text) in enumerate(subtitle.cues):
        duration_ms = round((end - start) * 1000)
        if track.stream.codec_context is None:
            packet = av.Packet(b"\x80\x00\x00")
        else:
            line = text.replace("\n", "\\N")
            event = f"{number},0,Default,,0,0,0,,{line}".encode()
            cue = SubtitleSet.create(text=event, start=0, end=duration_ms, pts=0)
            packet = track.stream.codec_context.encode_subtitle(cue)
        packet.stream, packet.time_base = track.stream, Fraction(1, 1000)
        packet.pts = packet.dts = round((Fraction(start) + begin) * 1000)
        packet.duration = duration_ms
        track.packets.append(packet)


def _cover_track(out: Any) -> _Track:
    stream = out.add_stream("mjpeg", rate=1)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
    stream.codec_context.time_base = Fraction(1)
    stream.disposition = Disposition.attached_pic
    return _Track(stream)


def _encode_cover(track: _Track) -> None:
    picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 200, np.uint8), format="rgb24")
    frame = picture.reformat(format="yuvj420p")
    frame.pts, frame.time_base = 0, Fraction(1)
    track.packets = [*track.stream.encode(frame), *track.stream.encode(None)]


def _label(stream: Any, language: str, title: str, flags: Sequence[str]) -> None:
    if language:
        stream.metadata["language"] = language
    if title:
        stream.metadata["title"] = title
    disposition = Disposition(0)
    for flag in flags:
        disposition |= Disposition[flag]
    stream.disposition = disposition


def _set_chapters(out: Any, chapters: Sequence[tuple[float, float, str]], begin: Fraction) -> None:
    if chapters:
        out.set_chapters(
            [
                {
                    "id": number,
                    "start": round((Fraction(start) + begin) * 1000),
                    "end": round((Fraction(end) + begin) * 1000),
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": title},
                }
                for number, (start, end, title) in enumerate(chapters, 1)
            ]
        )
