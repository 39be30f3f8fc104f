"""A track of the copy whose sound is decoded, edited and encoded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import av.error
import numpy as np

from video_censor_personal.config import AudioRemediation
from video_censor_personal.remediation.edits import SoundEdit
from video_censor_personal.remediation.retiming import Retiming
from video_censor_personal.remediation.sound.audio import (
    Samples,
    SoundEditor,
    bleep_of,
    effects_channels,
    speech_channels,
)

__all__ = ["SoundTrack"]

# Containers that count milliseconds place a block up to 1 ms off; anything up to this is taken for
# such, anything above for a hole (or an overlap) that the recording really has.
_TOLERANCE_S = Fraction(1, 50)
_LONGEST_HOLE_S = 24 * 3600  # beyond these two the time stamps are wrong, not the sound
_LONGEST_OVERLAP_S = 10
_JOINT_FADE_S = 0.005
# Players compress these as their headers say. What was compressed already could not be undone.
_COMPRESSED_BY_DECODERS = ("ac3", "eac3")
_EXACT_IN_FLOAT = ("u8", "s16", "flt")  # other formats are edited in double precision


class SoundTrack:
    """Counts samples from the first presented frame on, so nothing drifts whatever the container
    rounds: holes become silence, what overlaps is left out.

    Args:
        stream: of the output, with an open encoder.
        source: the stream of the input.
    """

    def __init__(
        self,
        stream: Any,
        source: Any,
        edits: Sequence[SoundEdit],
        audio: AudioRemediation,
        retiming: Retiming,
        origin: Fraction,
    ) -> None:
        self.stream = stream
        self.notes: list[str] = []
        self.joints: list[Fraction] = []
        self._encoder = stream.codec_context
        self._decoder = source.codec_context
        if source.codec.canonical_name in _COMPRESSED_BY_DECODERS:
            self._decoder.options = {"drc_scale": "0"}
        self._rate = self._encoder.sample_rate
        exact = source.codec_context.format.name.removesuffix("p") in _EXACT_IN_FLOAT
        self._format = "flt" if exact else "dbl"  # not planar: PyAV fails at eight planes
        self._kind = np.dtype(np.float32 if exact else np.float64)
        self._layout = self._encoder.layout.name
        self._channels = self._encoder.layout.nb_channels
        self._resampler: Any = None
        self._origin = origin
        self._position: int | None = None
        self._repeated = 0  # samples still to come that were heard already
        self._undecoded = 0
        self._held: Any = None  # a frame whose time the next one is to confirm
        bleeps = any(edit.action == "bleep" for edit in edits)
        self._editor = SoundEditor(
            edits,
            self._rate,
            audio.fade_ms / 1000,
            bleep_of(audio, self._rate) if bleeps else None,
            silent_channels=effects_channels(self._encoder.layout),
            changed_channels=speech_channels(self._encoder.layout, audio.speech_channels),
        )
        joints = [end for cut in retiming.cuts for end in (cut.start, cut.end)]
        self._joints = SoundEditor((), self._rate, _JOINT_FADE_S, joints=joints)
        self._pieces = _pieces(retiming, self._rate)

    def push(self, packet: Any) -> Iterable[Any]:
        if not packet.size:
            return
        try:
            frames = self._decoder.decode(packet)
        except av.error.FFmpegError:
            self._undecoded += 1
            return
        for frame in frames:
            yield from self._frame(frame)

    def finish(self) -> Iterable[Any]:
        if self._held is not None:
            yield from self._place(self._held, None)
        if self._resampler is not None:
            for frame in self._resampler.resample(None):
                yield from self._block(frame)
        yield from self.stream.encode(None)
        if self._undecoded:
            self.notes.append(
                f"audio stream {self.stream.index} has damaged packets ({self._undecoded}); "
                "the copy is silent there"
            )

    def _frame(self, frame: Any) -> Iterator[Any]:
        held, self._held = self._held, frame
        if held is not None:
            yield from self._place(held, frame)

    def _place(self, frame: Any, following: Any) -> Iterator[Any]:
        if frame.pts is not None and not self._is_lone_jump(frame, following):
            yield from self._meet(self._time(frame))
        if self._position is None:
            self._position = 0
        try:
            resampled = self._resample(frame)
        except ValueError:  # the sound changes its format in the middle of the track
            for rest in self._resampler.resample(None):
                yield from self._block(rest)
            self._resampler = None
            resampled = self._resample(frame)
        for block in resampled:
            yield from self._block(block)

    def _is_lone_jump(self, frame: Any, following: Any) -> bool:
        """Whether the next frame goes on as if this one's time were that at which the sound before
        it ends: program streams have such stamps."""
        if following is None or following.pts is None or self._position is None or self._repeated:
            return False
        goes_on = Fraction(self._position, self._rate) + Fraction(frame.samples, frame.sample_rate)
        return abs(self._time(following) - goes_on) <= _TOLERANCE_S

    def _time(self, frame: Any) -> Fraction:
        return Fraction(frame.pts * frame.time_base - self._origin)

    def _resample(self, frame: Any) -> list[Any]:
        if self._resampler is None:
            self._resampler = av.AudioResampler(self._format, self._layout, self._rate)
        frame.pts = None  # the resampler would fill holes of its own
        return list(self._resampler.resample(frame))

    def _meet(self, time: Fraction) -> Iterator[Any]:
        """Goes on at `time`, with silence up to there if that is later than it should be."""
        wanted = round(time * self._rate)
        if self._position is None:
            self._position = wanted
            return
        hole = wanted - self._position
        if self._rate * _TOLERANCE_S < hole < self._rate * _LONGEST_HOLE_S:
            while hole > 0:
                count = min(hole, self._rate)
                yield from self._samples(np.zeros((self._channels, count), self._kind))
                hole -= count
        elif -self._rate * _LONGEST_OVERLAP_S < hole < -self._rate * _TOLERANCE_S:
            self._repeated = -hole

    def _block(self, frame: Any) -> Iterator[Any]:
        samples = np.asarray(frame.to_ndarray(), self._kind).reshape(-1, self._channels)
        block = samples.T[:, self._repeated :].copy()
        self._repeated = max(0, self._repeated - frame.samples)
        yield from self._samples(block)

    def _samples(self, block: Samples) -> Iterator[Any]:
        """Edits `block`, which begins at the current position, and encodes what is kept of it."""
        position = self._position or 0
        self._position = position + block.shape[1]
        self._editor.apply(block, position)
        self._joints.apply(block, position)
        for first, target, target_end in self._pieces:
            start = max(first, position)
            end = min(first + target_end - target, position + block.shape[1])
            if start < end:
                kept = block[:, start - position : end - position]
                yield from self._encode(kept, target + start - first)

    def _encode(self, block: Samples, position: int) -> Iterator[Any]:
        samples = np.ascontiguousarray(block.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format=self._format, layout=self._layout)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = position + round(self._origin * self._rate)
        yield from self.stream.encode(frame)


def _pieces(retiming: Retiming, rate_hz: int) -> list[tuple[int, int, int]]:
    """What is kept, in samples: its start in the source, then start and end in the copy."""
    return [
        (
            round(piece.start * rate_hz),
            round(retiming.moved(piece.start) * rate_hz),
            round(retiming.moved(piece.end) * rate_hz),
        )
        for piece in retiming.pieces()
    ]
