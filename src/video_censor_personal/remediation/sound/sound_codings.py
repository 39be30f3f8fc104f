"""How new packets of sound are made in the coding of a track, so that they stand among its own."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Protocol

import av
import av.error
import numpy as np
from av.codec.context import Flags

from video_censor_personal.remediation.bitstreams.dolby_frames import DolbyFrame, FrameError
from video_censor_personal.remediation.bitstreams.dolby_headers import gain_code, reheaded
from video_censor_personal.remediation.joinability import JoinError
from video_censor_personal.remediation.sound.seams import SoundDecoder

__all__ = ["SoundCoding", "sound_coding"]

# FF_QP2LAMBDA times 1. At a constant quality the encoder does not try every packet again until it
# fits a bit rate, which takes half the time; seams are as quiet (median 35 to 60 dB) as at twice
# the source's bit rate, and the packets are a quarter larger at most.
_QUALITY = 118

_BLOCK = 256  # samples; a gain may change with each
_SILENCE = 1e-12  # even digital silence is decoded to noise of more than that

# More header than is needed leaves room for all that a source's may hold.
_SPACIOUS_HEADER = {
    "mixing_level": "80",
    "room_type": "large",
    "dmix_mode": "loro",
    "ad_conv_type": "standard",
}


class SoundCoding(Protocol):
    """The coding of one track, with all that its packets have in common."""

    def decoder(self) -> SoundDecoder:
        """A new one, for any packet of the track."""

    def encoder(self, like: bytes) -> Any:
        """A new one, open, for packets like the source's packet `like`.

        Raises:
            JoinError: nothing here makes such packets.
        """

    def packet(self, new: bytes, source: bytes) -> bytes:
        """The encoder's packet `new` as it is to stand in the place of the packet `source`.

        Raises:
            JoinError: it cannot stand there.
        """


def sound_coding(source: Any) -> SoundCoding:
    """The coding of the stream `source`, whose sound can be joined."""
    return AacCoding(source) if source.codec_context.name == "aac" else DolbyCoding(source)


class AacCoding:
    """AAC-LC at a constant quality."""

    def __init__(self, source: Any) -> None:
        context = source.codec_context
        self._rate_hz: int = context.sample_rate
        self._layout: str = context.layout.name
        self._setup = bytes(context.extradata or b"")

    def decoder(self) -> SoundDecoder:
        return SoundDecoder("aac", self._setup, self._rate_hz, self._layout)

    def encoder(self, like: bytes) -> Any:
        encoder = _encoder("aac", self._rate_hz, self._layout)
        # At such a quality it is as good as the thorough one, and three times as fast.
        encoder.options = {"aac_coder": "fast"}
        encoder.flags |= Flags.qscale
        encoder.global_quality = _QUALITY
        encoder.open()
        return encoder

    def packet(self, new: bytes, source: bytes) -> bytes:
        return new


class DolbyCoding:
    """AC-3 and E-AC-3 at the bit rate, so in frames of the size, and under the headers of the
    source's own."""

    def __init__(self, source: Any) -> None:
        context = source.codec_context
        self._rate_hz: int = context.sample_rate
        self._layout: str = context.layout.name
        self._codec: str = source.codec.canonical_name
        self._index: int = source.index

    def decoder(self) -> SoundDecoder:
        return self._decoder(compressing=False)

    def _decoder(self, *, compressing: bool) -> SoundDecoder:
        # Compressed as in a player, the sound would be compressed again when the copy is played.
        options = {"drc_scale": "1" if compressing else "0"}
        return SoundDecoder(self._codec, b"", self._rate_hz, self._layout, options)

    def encoder(self, like: bytes) -> Any:
        encoder = _encoder(self._codec, self._rate_hz, self._layout)
        encoder.bit_rate = self._frame(like).bit_rate
        encoder.options = dict(_SPACIOUS_HEADER)
        try:
            encoder.open()
        except (av.error.FFmpegError, ValueError) as error:
            raise JoinError(self._index, f"no encoder writes such frames ({error})") from error
        return encoder

    def packet(self, new: bytes, source: bytes) -> bytes:
        wanted = self.decoder().decode(new)
        gain = gain_code(self._gain(source))
        try:
            for frame in reheaded(DolbyFrame.parse(new), self._frame(source), gain):
                found = self.decoder().decode(frame)
                if wanted is not None and found is not None and np.array_equal(wanted, found):
                    return frame
        except FrameError as error:
            raise JoinError(self._index, str(error)) from error
        raise JoinError(self._index, "its headers have no room in new frames")

    def _gain(self, data: bytes) -> float:
        """What a player that compresses multiplies the first block of the packet with."""
        plain = self._decoder(compressing=False).decode(data)
        compressed = self._decoder(compressing=True).decode(data)
        if plain is None or compressed is None:
            return 1.0
        first, louder = plain[:, :_BLOCK].ravel(), compressed[:, :_BLOCK].ravel()
        power = float(first @ first)
        return float(first @ louder) / power if power > _SILENCE else 1.0

    def _frame(self, data: bytes) -> DolbyFrame:
        try:
            return DolbyFrame.parse(data)
        except FrameError as error:
            raise JoinError(self._index, str(error)) from error


def _encoder(name: str, rate_hz: int, layout: str) -> Any:
    encoder: Any = av.CodecContext.create(name, "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate_hz, layout, "fltp"
    encoder.time_base = Fraction(1, rate_hz)
    return encoder
