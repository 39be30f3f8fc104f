"""Where new packets of sound may follow the source's own, and these the new ones.

Nothing is taken from the bit stream: the seam is decoded, and what is heard there is compared with
the source. So windows of every shape, in every channel, are judged by what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

import av
import av.error
import numpy as np
from numpy.typing import NDArray

__all__ = ["SoundDecoder", "best_seam", "seam_noise"]

_Place = TypeVar("_Place")

# Noise by share of the power of the sound: 40 dB below it, the second encoding itself is louder.
_INAUDIBLE = 1e-4
_SILENCE = 1e-9  # power below which a sample of 16 bits is 0


class SoundDecoder:
    """Decodes single packets (bytes) of one track to `(channels, N)` float32 of -1..1.

    The first block it gives lacks what a packet before would have added.

    Args:
        setup: what the container says of the track to its decoder.
        options: for the decoder, as FFmpeg calls them.
    """

    def __init__(
        self,
        codec: str,
        setup: bytes,
        rate_hz: int,
        layout: str,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._decoder = cast("Any", av.CodecContext.create(codec, "r"))
        self._decoder.options = dict(options or {})
        self._decoder.extradata = setup
        self._decoder.sample_rate = rate_hz
        self._decoder.layout = layout

    def decode(self, data: bytes) -> NDArray[np.float32] | None:
        """The block of the packet `data`, None where it cannot be decoded."""
        try:
            # A packet of the container's may carry orders to leave out samples: this one does not.
            frames = self._decoder.decode(av.Packet(data))
        except av.error.FFmpegError:
            return None
        blocks = [frame.to_ndarray() for frame in frames]
        return np.concatenate(blocks, axis=1) if blocks else None


def seam_noise(
    make_decoder: Callable[[], SoundDecoder],
    heard: Sequence[bytes],
    source: Sequence[bytes],
    overlap: int,
) -> float:
    """What playing `heard` instead of `source` adds where their last packet overlaps the one before
    it, for `overlap` samples: the power of the difference as a share of the sound's own."""
    mine, theirs = _last(make_decoder(), heard), _last(make_decoder(), source)
    if mine is None or theirs is None or mine.shape != theirs.shape:
        return float("inf")
    mine, theirs = mine[:, :overlap], theirs[:, :overlap]
    power = np.mean(np.square(theirs, dtype=np.float64), axis=1)
    noise = np.mean(np.square(mine - theirs, dtype=np.float64), axis=1)
    return float(np.max(noise / (power + _SILENCE)))


def _last(decoder: SoundDecoder, packets: Sequence[bytes]) -> NDArray[np.float32] | None:
    block = None
    for packet in packets:
        block = decoder.decode(packet)
    return block


def best_seam(candidates: Iterable[_Place], noise: Callable[[_Place], float]) -> _Place | None:
    """The first candidate with an inaudible seam, else the one with the least noise."""
    best, least = None, float("inf")
    for candidate in candidates:
        found = noise(candidate)
        if best is None or found < least:
            best, least = candidate, found
        if found < _INAUDIBLE:
            break
    return best
