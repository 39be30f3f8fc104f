"""Makes the sample movie: a stroll past landscapes and a portrait, with some swearing."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import SubtitleSet
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from video_censor_personal.errors import UsageError
from video_censor_personal.progress import Listener, Progress, ignore
from video_censor_personal.sample import scenery, sound
from video_censor_personal.sample.script import FRAME_RATE, SHOTS, TITLE, View, tell_truth
from video_censor_personal.sample.truth import Truth

__all__ = ["make_sample", "truth_path"]

VideoCodec = Literal["h264", "hevc", "vp9"]

_BT709 = 1  # ISO/IEC 23091-2: colour primaries, transfer and matrix of HD television
_TV_RANGE = 1
_SAMPLE = Fraction(1, sound.RATE_HZ)
_AUDIO_FRAME = 960  # samples; 20 ms, which every Opus encoder takes
_ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\nPlayResX: 384\r\nPlayResY: 288\r\n\r\n"
    b"[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, "
    b"OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, "
    b"Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1"
    b"\r\n\r\n[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, "
    b"Effect, Text\r\n"
)


@dataclass(frozen=True, slots=True)
class _Container:
    audio_codec: str
    subtitle_codec: str
    options: dict[str, str]


_CONTAINERS = {
    ".mp4": _Container("aac", "mov_text", {"movflags": "+faststart"}),
    ".mkv": _Container("aac", "subrip", {}),
    ".webm": _Container("libopus", "webvtt", {}),
}
# Chosen for speed: 40 s are made in a few seconds, and still look clean.
_ENCODERS: dict[VideoCodec, tuple[str, dict[str, str]]] = {
    "h264": (
        "libx264",
        {
            "preset": "ultrafast",
            # What ultrafast leaves out, and every real movie has.
            "x264-params": "bframes=2:b-adapt=0:cabac=1:no-deblock=0:weightp=0",
            "crf": "23",
            "g": "48",
        },
    ),
    "hevc": (
        "libx265",
        {"preset": "ultrafast", "crf": "23", "x265-params": "log-level=error:keyint=48"},
    ),
    "vp9": (
        "libvpx-vp9",
        {
            "deadline": "realtime",
            "cpu-used": "8",
            "row-mt": "1",
            "tile-columns": "2",
            "crf": "32",
            "b": "0",
            "g": "48",
        },
    ),
}


def truth_path(movie: Path) -> Path:
    """Where the truth about a sample movie lies: beside it."""
    return movie.with_name(f"{movie.stem}.truth.json")


def make_sample(
    path: Path,
    *,
    video_codec: VideoCodec = "h264",
    height: int = 720,
    listener: Listener = ignore,
) -> Truth:
    """Make the 40 s movie at `path` and, beside it, a JSON file with the truth about it.

    The suffix says the container: `.mp4` and `.mkv` (AAC), `.webm` (Opus). The picture is 16:9,
    `height` pixels tall. An existing file is replaced, and nothing is left of an unfinished one.

    Raises:
        UsageError: no such container, or a codec that it cannot hold.
    """
    container = _container_of(path, video_codec)
    truth = tell_truth(round(height * 16 / 9 / 2) * 2, height)
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        with av.open(unfinished, "w", options=container.options) as output:
            _write(output, truth, container, video_codec, listener)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    truth.write(truth_path(path))
    listener(Progress("sample", float(truth.duration), float(truth.duration), finished=True))
    return truth


def _container_of(path: Path, video_codec: VideoCodec) -> _Container:
    suffix = path.suffix.lower()
    if suffix not in _CONTAINERS:
        raise UsageError(f"{path.name}: a sample movie ends in .mp4, .mkv or .webm")
    if (suffix == ".webm") != (video_codec == "vp9") and suffix != ".mkv":
        raise UsageError(f"{path.name}: {suffix} does not go with {video_codec}; use .mkv")
    return _CONTAINERS[suffix]


def _write(
    output: OutputContainer,
    truth: Truth,
    container: _Container,
    video_codec: VideoCodec,
    listener: Listener,
) -> None:
    video = _video_stream(output, truth, video_codec)
    audio = _audio_stream(output, container.audio_codec)
    subtitles = _subtitle_stream(output, container.subtitle_codec)
    output.metadata["title"] = TITLE
    output.metadata["comment"] = "Made by code, to try video-censor with"
    _set_chapters(output, truth)
    sources = (_video(video, truth), _audio(audio), _subtitles(subtitles, truth))
    for packet in heapq.merge(*sources, key=_time):  # interleaved, so that a player need not seek
        output.mux(packet)
        if packet.stream is video:
            # The first packets of a stream with B-frames have times below 0.
            done = max(0.0, float(_time(packet)))
            listener(Progress("sample", done, float(truth.duration)))


def _time(packet: Packet[Any]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    assert stamp is not None  # encoders set both
    assert packet.time_base is not None
    return stamp * packet.time_base


def _video_stream(output: OutputContainer, truth: Truth, video_codec: VideoCodec) -> VideoStream:
    encoder, options = _ENCODERS[video_codec]
    stream = output.add_stream(encoder, rate=FRAME_RATE)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = truth.width, truth.height, "yuv420p"
    stream.options = dict(options)
    context = stream.codec_context
    context.time_base = 1 / FRAME_RATE
    context.thread_count = 0  # as many as there are cores
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _TV_RANGE
    if video_codec == "hevc":
        context.codec_tag = "hvc1"  # what Apple's players ask for; Matroska ignores it
    return stream


def _audio_stream(output: OutputContainer, codec: str) -> AudioStream:
    stream = output.add_stream(codec, rate=sound.RATE_HZ, layout="stereo")
    assert isinstance(stream, AudioStream)
    stream.bit_rate = 128_000
    stream.metadata["language"] = "eng"
    return stream


def _subtitle_stream(output: OutputContainer, codec: str) -> SubtitleStream:
    stream = output.add_stream(codec)
    assert isinstance(stream, SubtitleStream)
    stream.codec_context.subtitle_header = _ASS_HEADER
    stream.metadata["language"] = "eng"
    stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
    return stream


def _set_chapters(output: OutputContainer, truth: Truth) -> None:
    output.set_chapters(
        [
            {
                "id": index,
                "start": int(chapter.span.start * 1000),
                "end": int(chapter.span.end * 1000),
                "time_base": Fraction(1, 1000),
                "metadata": {"title": chapter.title},
            }
            for index, chapter in enumerate(truth.chapters, 1)
        ]
    )


def _video(stream: VideoStream, truth: Truth) -> Iterator[Packet[Any]]:
    for index, frame in enumerate(_frames(truth)):
        frame.pts, frame.time_base = index, 1 / FRAME_RATE
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _frames(truth: Truth) -> Iterator[av.VideoFrame]:
    """Every picture of the movie, in order."""
    sceneries = {name: _in_yuv(picture) for name, picture in scenery.paint(SHOTS).items()}
    reformatter = VideoReformatter()
    current = iter(SHOTS)
    shot, upcoming = next(current), next(current, None)
    for index in range(truth.frame_count):
        time = index / FRAME_RATE
        if upcoming is not None and time >= upcoming.start:
            shot, upcoming = upcoming, next(current, None)
        window = _window(sceneries[shot.scenery], shot.view(time))
        yield reformatter.reformat(
            window, truth.width, truth.height, "yuv420p", interpolation="BILINEAR"
        )


def _in_yuv(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(3, H, W)`, in the colours of HD television: half the work of a conversion per frame."""
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame = frame.reformat(format="yuv444p", dst_colorspace=_BT709, dst_color_range=_TV_RANGE)
    return np.asarray(frame.to_ndarray(), np.uint8)


def _window(planes: NDArray[np.uint8], view: View) -> av.VideoFrame:
    left, top = round(view.x), round(view.y)
    right, bottom = round(view.x + view.width), round(view.y + view.height)
    part = np.ascontiguousarray(planes[:, top:bottom, left:right])
    frame = av.VideoFrame.from_ndarray(part, format="yuv444p")
    frame.colorspace, frame.color_range = _BT709, _TV_RANGE
    return frame


def _audio(stream: AudioStream) -> Iterator[Packet[Any]]:
    samples = sound.mix()
    for start in range(0, samples.shape[1], _AUDIO_FRAME):
        block = samples[:, start : start + _AUDIO_FRAME]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = sound.RATE_HZ, start, _SAMPLE
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _subtitles(stream: SubtitleStream, truth: Truth) -> Iterator[Packet[Any]]:
    for index, cue in enumerate(truth.cues):
        start_ms, length_ms = int(cue.span.start * 1000), int(cue.span.duration * 1000)
        text = cue.text.replace("\n", "\\N")
        subtitle = SubtitleSet.create(
            text=f"{index},0,Default,,0,0,0,,{text}".encode(),
            start=0,
            end=length_ms,
            pts=start_ms * 1000,
        )
        packet = stream.codec_context.encode_subtitle(subtitle)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = start_ms
        packet.duration = length_ms
        yield packet
