"""A file's sound as detectors hear it, with exact times: `decode_audio`."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av.error
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from video_censor_personal.findings import Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock, MediaInfo, StreamInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.media.packets import PacketReader, missing_end, try_decode, undecodable
from video_censor_personal.timeline import Span, format_timecode

__all__ = ["decode_audio"]

# Stamps may be off by this much (containers round to milliseconds) before they count as a jump.
# The shortest packets in use, of Opus, are 20 ms long: one of them missing is still noticed.
_TOLERANCE = Fraction(15, 1000)

_DAMAGED = "the sound data is damaged here"
_JUMPED = "the time stamps jump back here: later times may not be what players hear"

# Films put speech in the centre. These libswresample options give it four times the weight of
# each side (its own default is 1.4) and the surrounds a third of a side's.
_DOWNMIX = {"center_mix_level": "2.0", "surround_mix_level": "0.35"}


def decode_audio(
    info: MediaInfo, stream_index: int | None = None, *, block_s: float = 1.0
) -> Iterator[AudioBlock | Gap]:
    """The sound of one stream (`info.audio` if none is named) in order, and gaps for what is lost.

    Blocks are at most `block_s` seconds long. Where the stamps leave time out, the next block
    simply starts later; nothing is filled in. Where sound was damaged there is a `Gap`, and one
    where the file ends before its declared end. Sound before the first frame has negative times.

    The file is closed when the generator ends or is closed; memory does not grow with its length.

    Raises:
        InputError: the file cannot be read any more.
        ValueError: `stream_index` is not that of an audio stream.
    """
    stream = info.audio
    if stream_index is not None:
        stream = next((s for s in info.of_kind("audio") if s.index == stream_index), None)
        if stream is None:
            raise ValueError(f"stream {stream_index} of {info.path} is no audio stream")
    if stream is None:
        return
    if not stream.decodable:
        yield undecodable(info, stream)
        return
    with open_media(info.path) as container:
        yield from _Decoding(info, stream, container, round(block_s * SAMPLE_RATE_HZ)).run()


class _Decoding:
    """One pass over an audio stream.

    A *run* is sound without a jump: one resampler takes it, and the time of each of its samples
    is counted from the run's first.
    """

    def __init__(
        self, info: MediaInfo, audio: StreamInfo, container: Any, block_samples: int
    ) -> None:
        self._info, self._audio = info, audio
        self._stream = container.streams[audio.index]
        self._base = Fraction(self._stream.time_base)
        self._reader = PacketReader(container)
        self._blocks = _Blocks(block_samples)
        self._mixer: _Mixer | None = None
        self._next: Fraction | None = None
        self._lost = False

    def run(self) -> Iterator[AudioBlock | Gap]:
        for packet in self._reader.read(self._stream):
            if self._reader.jumped:
                heard = self._next or Fraction(0)
                yield Gap(Span(heard, heard + _TOLERANCE), _JUMPED)
            self._lost = self._lost or self._reader.broken or bool(packet.is_corrupt)
            yield from self._decode(packet)
        yield from self._decode(None)
        yield from self._end_run()
        heard_until = self._next or Fraction(0)
        read_until = self._reader.end - self._info.origin
        declared = missing_end(
            self._info, self._audio, heard_until, read_until, tolerance=Fraction(1, 4)
        )
        if declared is not None:
            yield Gap(
                Span(heard_until, declared),
                f"the file ends early: no sound after {format_timecode(heard_until)}",
            )
        elif self._lost and read_until > heard_until:
            yield Gap(Span(heard_until, read_until), _DAMAGED)

    def _decode(self, packet: Any) -> Iterator[AudioBlock | Gap]:
        frames = try_decode(self._stream, packet)
        if frames is None:
            self._lost = True
            return
        for frame in frames:
            yield from self._hear(frame)

    def _hear(self, frame: Any) -> Iterator[AudioBlock | Gap]:
        expected = self._next
        time = expected
        if frame.pts is not None:
            time = frame.pts * self._base - self._info.origin
        time = Fraction(0) if time is None else time
        if expected is None or abs(time - expected) > _TOLERANCE:
            yield from self._end_run()
            if self._lost and expected is not None and time > expected:
                yield Gap(Span(expected, time), _DAMAGED)
            self._blocks.begin(time, not_before=expected)
        else:
            time = expected
        self._lost = False
        end = time + Fraction(frame.samples, frame.sample_rate)
        if frame.is_corrupt:
            yield Gap(Span(time, end), _DAMAGED)
        self._next = end if expected is None else max(end, expected)
        yield from self._mix(frame)

    def _mix(self, frame: Any) -> Iterator[AudioBlock]:
        if self._mixer is None or not self._mixer.fits(frame):
            if self._mixer is not None:
                yield from self._blocks.add(self._mixer.finish())
            self._mixer = _Mixer(frame)
        yield from self._blocks.add(self._mixer.mix(frame))

    def _end_run(self) -> Iterator[AudioBlock]:
        if self._mixer is not None:
            yield from self._blocks.add(self._mixer.finish())
            yield from self._blocks.flush()
            self._mixer = None


class _Blocks:
    """Cuts a run of samples into blocks and says when each begins."""

    def __init__(self, size: int) -> None:
        self._size = max(1, size)
        self._time = Fraction(0)
        self._skip = 0
        self._parts: list[NDArray[np.int16]] = []
        self._held = 0

    def begin(self, time: Fraction, *, not_before: Fraction | None) -> None:
        """A new run starts at `time`; what of it lies before `not_before` was heard already."""
        self._time, self._skip = time, 0
        if not_before is not None and time < not_before:
            self._skip = round((not_before - time) * SAMPLE_RATE_HZ)
            self._time += Fraction(self._skip, SAMPLE_RATE_HZ)

    def add(self, samples: NDArray[np.int16]) -> Iterator[AudioBlock]:
        kept = samples[self._skip :]
        self._skip -= len(samples) - len(kept)
        self._parts.append(kept)
        self._held += len(kept)
        if self._held < self._size:
            return
        joined = np.concatenate(self._parts)
        whole = len(joined) - len(joined) % self._size
        for first in range(0, whole, self._size):
            yield self._block(joined[first : first + self._size])
        self._parts, self._held = [joined[whole:]], len(joined) - whole

    def flush(self) -> Iterator[AudioBlock]:
        if self._held:
            yield self._block(np.concatenate(self._parts))
        self._parts, self._held = [], 0

    def _block(self, samples: NDArray[np.int16]) -> AudioBlock:
        block = AudioBlock(self._time, samples)
        self._time = block.span.end
        return block


class _Mixer:
    """Turns decoded sound of one kind into mono 16 kHz; adds no delay (measured: 0 samples)."""

    def __init__(self, frame: Any) -> None:
        self._kind = _kind(frame)
        rate, sample_format, layout = self._kind
        self._graph = graph = Graph()
        steps = [
            graph.add(
                "abuffer",
                sample_rate=str(rate),
                sample_fmt=sample_format,
                channel_layout=layout,
                time_base=f"1/{rate}",
            )
        ]
        if layout.endswith(" channels"):  # nobody says which is which: all count the same
            total = "+".join(f"c{channel}" for channel in range(frame.layout.nb_channels))
            steps.append(graph.add("pan", f"mono|c0<{total}"))
        steps += [
            graph.add("aresample", **_DOWNMIX),
            graph.add(
                "aformat",
                sample_rates=str(SAMPLE_RATE_HZ),
                sample_fmts="s16",
                channel_layouts="mono",
            ),
            graph.add("abuffersink"),
        ]
        for step, following in pairwise(steps):
            step.link_to(following)
        graph.configure()

    def fits(self, frame: Any) -> bool:
        return _kind(frame) == self._kind

    def mix(self, frame: Any) -> NDArray[np.int16]:
        """What is ready after `frame`; its own time stamp does not matter."""
        frame.pts = None
        self._graph.push(frame)
        return self._ready()

    def finish(self) -> NDArray[np.int16]:
        """The rest. Nothing can be mixed afterwards."""
        self._graph.push(None)
        return self._ready()

    def _ready(self) -> NDArray[np.int16]:
        parts: list[Any] = []
        while True:
            try:
                parts.append(self._graph.pull().to_ndarray()[0])
            except (av.error.BlockingIOError, av.error.EOFError):
                return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def _kind(frame: Any) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name
