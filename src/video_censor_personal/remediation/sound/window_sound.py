"""The new packets of one window: decoded, edited, encoded, and joined where it is heard least."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from video_censor_personal.config import AudioRemediation
from video_censor_personal.remediation.edits import SoundEdit
from video_censor_personal.remediation.joinability import JoinError
from video_censor_personal.remediation.sound.audio import (
    Samples,
    SoundEditor,
    bleep_of,
    effects_channels,
    speech_channels,
)
from video_censor_personal.remediation.sound.seams import SoundDecoder, best_seam, seam_noise
from video_censor_personal.remediation.sound.sound_codings import sound_coding
from video_censor_personal.remediation.sound.sound_windows import JOINT_FADE_S, PacketGrid, Window
from video_censor_personal.timeline import Span

__all__ = ["Numbered", "WindowEditor", "WindowSound"]

_HELD = 12  # packets held back until it is known where the window ends; more than its guard
_SKIPPED = 5  # packets of a cut that are decoded, so that what follows it begins whole


@dataclass(frozen=True, slots=True)
class Numbered:
    """A packet of the source, its bytes, its first sample and its number on the track's grid."""

    packet: Any
    data: bytes
    position: int
    number: int


class WindowEditor:
    """What all windows of a track share: its coding, its grid of packets and its edits.

    Attributes:
        undecoded: packets that could not be decoded so far.
    """

    def __init__(
        self,
        source: Any,
        grid: PacketGrid,
        edits: Sequence[SoundEdit],
        cuts: Sequence[Span],
        audio: AudioRemediation,
    ) -> None:
        context = source.codec_context
        self.undecoded = 0
        self.stream_index: int = source.index
        self.rate_hz: int = context.sample_rate
        self.layout: str = context.layout.name
        self.channels: int = context.layout.nb_channels
        self.grid = grid
        self.coding = sound_coding(source)
        self._edits = SoundEditor(
            edits,
            self.rate_hz,
            audio.fade_ms / 1000,
            bleep_of(audio, self.rate_hz) if any(e.action == "bleep" for e in edits) else None,
            silent_channels=effects_channels(context.layout),
            changed_channels=speech_channels(context.layout, audio.speech_channels),
        )
        # A cut leaves up to a frame of what it was to take.
        rests = [SoundEdit(cut, "silence") for cut in cuts]
        self._rests = SoundEditor(rests, self.rate_hz, JOINT_FADE_S)

    def block(self, decoder: SoundDecoder, data: bytes) -> Samples:
        """`(channels, frame)` float32; silence where `data` cannot be decoded."""
        block = decoder.decode(data)
        shape = self.channels, self.grid.frame
        if block is None or block.shape != shape:
            self.undecoded += 1
            return np.zeros(shape, np.float32)
        return block

    def edit(self, block: Samples, position: int) -> Samples:
        edited = block.copy()
        self._edits.apply(edited, position)
        self._rests.apply(edited, position)
        return edited

    def noise(self, heard: Sequence[bytes], source: Sequence[bytes]) -> float:
        return seam_noise(self.coding.decoder, heard, source, self.grid.overlap)


@dataclass(slots=True)
class _Pair:
    """A packet of the source and the new one for its place, once it is there."""

    source: Numbered
    new: bytes | None = None


class WindowSound:
    """Takes the packets of a window in order and gives what stands in their places.

    Args:
        first: the window's first packet.
        history: those right before it.

    Attributes:
        joints: the packets with which new ones begin, and the source's go on.
    """

    def __init__(
        self, editor: WindowEditor, window: Window, first: bytes, history: Sequence[bytes]
    ) -> None:
        self.joints: list[Numbered] = []
        self._editor = editor
        self._window = window
        self._history = list(history)
        self._decoder = editor.coding.decoder()
        self._encoder = editor.coding.encoder(first)
        self._fed = 0
        lead, frame = editor.grid.lead, editor.grid.frame
        self._unfed = np.zeros((editor.channels, (frame - lead) % frame), np.float32)
        self._pairs: deque[_Pair] = deque()
        self._waiting: dict[int, _Pair] = {}  # by the number of the frame that was fed
        self._skipped: deque[bytes] = deque(maxlen=_SKIPPED)
        self._begun = False
        self._before: list[bytes] = self._history[-2:]
        for data in self._history:
            block = editor.block(self._decoder, data)
            if data is not self._history[0]:  # the first block is not whole
                self._feed(block)

    def add(self, packet: Numbered, *, keep: bool) -> Iterator[tuple[Numbered, bytes | None]]:
        """What is certain after `packet`; a packet that is not kept is only listened to."""
        if not keep:
            self._skipped.append(packet.data)
            return
        for data in self._skipped:
            self._editor.block(self._decoder, data)
        self._skipped.clear()
        block = self._editor.block(self._decoder, packet.data)
        pair = _Pair(packet)
        self._waiting[self._fed] = pair
        self._pairs.append(pair)
        self._feed(self._editor.edit(block, packet.position))
        if not self._begun and not self._window.may_begin(packet.position) and self._ready():
            yield from self._begin()
        while self._begun and len(self._pairs) > _HELD:
            yield self._new(self._pairs.popleft())

    def close(self, following: Sequence[Numbered]) -> Iterator[tuple[Numbered, bytes | None]]:
        """The rest; `following` are the packets after the window, which stay the source's."""
        for packet in following:
            self._feed(self._editor.block(self._decoder, packet.data))
        if lead := self._editor.grid.lead:  # the last packet is heard for longer than its frame
            self._feed(np.zeros((self._editor.channels, lead), np.float32))
        self._collect(self._encoder.encode(None))
        if not self._begun:
            yield from self._begin()
        yield from self._end(following)

    def _ready(self) -> bool:
        return all(
            pair.new is not None
            for pair in self._pairs
            if self._window.may_begin(pair.source.position)
        )

    def _begin(self) -> Iterator[tuple[Numbered, bytes | None]]:
        """The source's packets before the first new one."""
        self._begun = True
        pairs = list(self._pairs)
        places = [
            place
            for place, pair in enumerate(pairs)
            if self._window.may_begin(pair.source.position) and pair.new is not None
        ]
        # At the very start of a track there is nothing to join to.
        first = best_seam(reversed(places), self._first_noise) if self._before and places else 0
        for _ in range(first or 0):
            yield self._pairs.popleft().source, None
        if self._pairs and self._before:
            self.joints.append(self._pairs[0].source)

    def _first_noise(self, place: int) -> float:
        pairs = list(self._pairs)[: place + 1]
        source = [*self._before, *(pair.source.data for pair in pairs)]
        heard = [*source[:-1], pairs[-1].new or b""]
        return self._editor.noise(heard[-3:], source[-3:])

    def _end(self, following: Sequence[Numbered]) -> Iterator[tuple[Numbered, bytes | None]]:
        """The last new packets, and the source's after them."""
        pairs = list(self._pairs)
        source = [pair.source for pair in pairs] + list(following[:1])
        places = [
            place
            for place, pair in enumerate(pairs)
            if self._window.may_end(pair.source.position)
            and pair.new is not None
            and place + 1 < len(source)
        ]

        def noise(place: int) -> float:
            known = source[max(0, place - 1) : place + 1]
            made = [pair.new or b"" for pair in pairs[max(0, place - 1) : place + 1]]
            after = source[place + 1].data
            return self._editor.noise([*made, after], [*(p.data for p in known), after])

        last = best_seam(places, noise) if following else len(pairs) - 1
        last = len(pairs) - 1 if last is None else last
        for place, pair in enumerate(pairs):
            yield self._new(pair) if place <= last else (pair.source, None)
        if following:
            self.joints.append(source[min(last + 1, len(source) - 1)])

    def _new(self, pair: _Pair) -> tuple[Numbered, bytes | None]:
        if pair.new is None:
            raise JoinError(self._editor.stream_index, "the encoder gave too few packets")
        return pair.source, pair.new

    def _feed(self, block: Samples) -> None:
        """Hands the encoder the next frame, which ends `lead` samples into `block`."""
        grid = self._editor.grid
        sound = np.concatenate([self._unfed, block], axis=1)
        self._unfed = sound[:, grid.frame :]
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound[:, : grid.frame], np.float32),
            format="fltp",
            layout=self._editor.layout,
        )
        frame.sample_rate = self._editor.rate_hz
        frame.time_base = Fraction(1, self._editor.rate_hz)
        frame.pts = self._fed * grid.frame - (grid.frame - grid.lead) % grid.frame
        self._fed += 1
        self._collect(self._encoder.encode(frame))

    def _collect(self, packets: Iterable[Any]) -> None:
        """Puts new packets where they belong: FFmpeg stamps each with the frame it completes."""
        for packet in packets:
            pair = self._waiting.pop(round(packet.pts / self._editor.grid.frame), None)
            if pair is not None:
                pair.new = self._editor.coding.packet(bytes(packet), pair.source.data)
