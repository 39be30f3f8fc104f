"""What a mute or a bleep does to decoded sound.

Blocks are `(channels, N)` float arrays of -1..1 whose first sample is number `position`; sample n
is heard at `n / rate` seconds. A sample within an edit is replaced entirely. Fades lie outside it,
so what was to be muted is truly silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from video_censor_personal.config import AudioRemediation
from video_censor_personal.errors import ConfigError
from video_censor_personal.remediation.edits import SoundEdit
from video_censor_personal.timeline import Span

__all__ = ["Bleep", "SoundEditor", "Tone", "bleep_of", "effects_channels", "speech_channels"]

Samples = NDArray[Any]


class Tone:
    """A sine; its phase belongs to the time, so a bleep goes on smoothly from block to block."""

    def __init__(self, frequency_hz: float, level_db: float, rate_hz: int) -> None:
        self._step = 2 * np.pi * frequency_hz / rate_hz
        self._amplitude = 10 ** (level_db / 20)

    def samples(self, first: int, count: int) -> Samples:
        """`(count,)`, beginning `first` samples after the start of the bleep."""
        return np.asarray(self._amplitude * np.sin(self._step * np.arange(first, first + count)))


class Recording:
    """A sound file, mixed to one channel, as often as it takes; its peak is at the level."""

    def __init__(self, path: Path, level_db: float, rate_hz: int) -> None:
        sound = _mono(path, rate_hz)
        peak = float(np.abs(sound).max(initial=0.0))
        if not peak:
            raise ConfigError(f"the bleep file {path} holds no sound; name another one")
        self._sound = sound * (10 ** (level_db / 20) / peak)

    def samples(self, first: int, count: int) -> Samples:
        """As `Tone.samples`."""
        return np.take(self._sound, np.arange(first, first + count), mode="wrap")


Bleep = Tone | Recording


def bleep_of(audio: AudioRemediation, rate_hz: int) -> Bleep:
    """The bleep that a configuration asks for.

    Raises:
        ConfigError: its sound file cannot be used.
    """
    if audio.bleep_file:
        return Recording(Path(audio.bleep_file), audio.bleep_level_db, rate_hz)
    return Tone(audio.bleep_frequency, audio.bleep_level_db, rate_hz)


def _mono(path: Path, rate_hz: int) -> Samples:
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
    blocks = []
    try:
        with av.open(f"file:{path}", container_options={"protocol_whitelist": "file"}) as file:
            for frame in file.decode(audio=0):
                blocks += [block.to_ndarray()[0] for block in resampler.resample(frame)]
            blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    except (av.error.FFmpegError, IndexError) as error:
        raise ConfigError(
            f"the bleep file {path} cannot be read as sound ({error}); name another one"
        ) from error
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


class SoundEditor:
    """Applies edits to the blocks of one track, in any order.

    Args:
        joints: times at which something was cut out before or after; the sound fades out to each
            and in again from it.
        silent_channels: those that a bleep leaves alone (the effects channel).
        changed_channels: those that edits change; empty: all.
    """

    def __init__(
        self,
        edits: Sequence[SoundEdit],
        rate_hz: int,
        fade_s: float,
        bleep: Bleep | None = None,
        joints: Sequence[Fraction] = (),
        silent_channels: Sequence[int] = (),
        changed_channels: Sequence[int] = (),
    ) -> None:
        self._fade = max(0, round(fade_s * rate_hz))
        self._edits = [(edit, *_samples_of(edit.span, rate_hz)) for edit in edits]
        self._joints = [round(joint * rate_hz) for joint in joints]
        self._bleep = bleep
        self._silent_channels = list(silent_channels)
        self._changed_channels = list(changed_channels)

    def apply(self, block: Samples, position: int) -> None:
        """Edits `block` in place."""
        count = block.shape[1]
        for joint in self._joints:
            if self._reaches(joint, joint, position, count):
                block *= self._gain(joint, joint, position, count).astype(block.dtype)
        for edit, first, last in self._edits:
            if not self._reaches(first, last, position, count):
                continue
            gain = self._gain(first, last, position, count)
            channels = self._changed_channels or range(block.shape[0])
            for channel in channels:
                block[channel] *= gain.astype(block.dtype)
            if edit.action == "bleep" and self._bleep is not None:
                bleep = (1 - gain) * self._bleep.samples(position - first, count)
                for channel in channels:
                    if channel not in self._silent_channels:
                        block[channel] += bleep.astype(block.dtype)

    def _reaches(self, first: int, last: int, position: int, count: int) -> bool:
        return first - self._fade < position + count and last + self._fade > position

    def _gain(self, first: int, last: int, position: int, count: int) -> Samples:
        """0 in `[first, last)`, 1 beyond the fades, half a cosine between."""
        at = np.arange(position, position + count)
        distance = np.maximum(np.maximum(first - at, at - (last - 1)), 0)
        share = np.minimum(distance / (self._fade + 1), 1.0)
        return np.asarray(0.5 - 0.5 * np.cos(np.pi * share))


def effects_channels(layout: Any) -> list[int]:
    """Where an `av.AudioLayout` has its effects channel."""
    names = [channel.name for channel in layout.channels]
    return [place for place, name in enumerate(names) if name == "LFE" and len(names) > 1]


def speech_channels(layout: Any, wanted: str) -> list[int]:
    """Where an `av.AudioLayout` has its speech, as the configuration wants it: with `center` the
    centre of surround sound; empty: anywhere."""
    names = [channel.name for channel in layout.channels]
    if wanted != "center" or len(names) < 3 or "FC" not in names:
        return []
    return [names.index("FC")]


def _samples_of(span: Span, rate_hz: int) -> tuple[int, int]:
    """All samples that `span` touches."""
    return floor(span.start * rate_hz), ceil(span.end * rate_hz)
