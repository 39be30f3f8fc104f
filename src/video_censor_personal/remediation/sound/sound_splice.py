"""A track of the copy in which only the sound around an edit is encoded anew.

Every new packet stands in the place of one of the source's, with its times. All others are the
source's own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from video_censor_personal.config import AudioRemediation
from video_censor_personal.remediation.edits import SoundEdit
from video_censor_personal.remediation.packets import with_data
from video_censor_personal.remediation.retiming import Retiming
from video_censor_personal.remediation.sound.sound_windows import (
    Window,
    frame_cuts,
    grid_of,
    windows_of,
)
from video_censor_personal.remediation.sound.window_sound import Numbered, WindowEditor, WindowSound

__all__ = ["SplicedSoundTrack"]

_TOLERANCE_S = Fraction(1, 50)  # as in `sound_track`: less is a container's rounding, more a hole
_NEVER = 1 << 62
_FOLLOWING = 2  # packets after a window that its last new packet needs to be heard out


class SplicedSoundTrack:
    """Makes windows of new packets; between them the source's packets go through.

    Args:
        stream: of the output, set up as the source's.
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
        self._rate = source.codec_context.sample_rate
        self._time_base = source.time_base
        self._origin = origin
        self._origin_samples = round(origin * self._rate)
        self._tolerance = round(self._rate * _TOLERANCE_S)
        self._cuts = retiming.cuts
        self._frame_cuts: list[tuple[int, int, int]] = []
        self._grid = grid_of(source.codec.canonical_name)
        self._frame = self._grid.frame
        fade_s = audio.fade_ms / 1000
        windows = windows_of(edits, retiming.cuts, self._grid, self._rate, fade_s)
        self._windows = deque(windows)
        self._editor = WindowEditor(source, self._grid, edits, retiming.cuts, audio)
        self._samples_a_tick: Fraction = Fraction(self._time_base * self._rate)
        self._first: int | None = None
        self._quiet_until = -_NEVER  # ticks: packets before are copied without a look
        self._expected = 0
        self._history: deque[bytes] = deque(maxlen=self._grid.run_up)
        self._open: WindowSound | None = None
        self._following: list[Numbered] = []

    def push(self, packet: Any) -> Iterable[Any]:
        if not packet.size:
            return ()
        stamp = packet.pts
        if stamp is not None and stamp < self._quiet_until:
            self._expected += self._frame
            packet.stream = self.stream
            return (packet,)
        return self._looked_at(packet)

    def _looked_at(self, packet: Any) -> Iterator[Any]:
        position = self._place(packet)
        numbered = Numbered(packet, bytes(packet), position, self._number(position))
        yield from self._take(numbered)
        if self._open is None and not self._cuts:
            self._quiet_until = self._quiet_end(position)

    def _quiet_end(self, position: int) -> int:
        """The time stamp up to which packets after the one at `position` are far from a window."""
        window = self._coming(position)
        if window is None:
            return _NEVER
        sample = window.run_up_start + self._origin_samples
        return int(sample // self._samples_a_tick)

    def finish(self) -> Iterable[Any]:
        if self._open is not None:
            yield from self._close()
        if self._editor.undecoded:
            self.notes.append(
                f"audio stream {self.stream.index} has damaged packets "
                f"({self._editor.undecoded}); the copy is silent there"
            )

    def _place(self, packet: Any) -> int:
        """The number of the first sample of `packet`; 0 is heard with the first picture."""
        expected = self._expected
        if packet.pts is not None:
            # In whole numbers, as exact fractions of every packet cost more than all else here.
            samples = packet.pts * self._samples_a_tick.numerator
            stamped = samples // self._samples_a_tick.denominator - self._origin_samples
            if self._first is None:
                self._first = stamped
                self._frame_cuts = frame_cuts(self._cuts, self._grid, self._rate, stamped)
            if self._first == stamped or abs(stamped - expected) > self._tolerance:
                expected = stamped
        self._expected = expected + self._frame
        return expected

    def _number(self, position: int) -> int:
        return round((position - (self._first or 0)) / self._frame)

    def _take(self, packet: Numbered) -> Iterator[Any]:
        window = self._coming(packet.position)
        inside = window is not None and window.holds(packet.position)
        if inside and self._open is None and window is not None:
            self._open = WindowSound(self._editor, window, packet.data, tuple(self._history))
        if self._open is None:
            yield from self._copied(packet)
        elif inside:
            yield from self._sent(self._open.add(packet, keep=self._removed(packet.number) is None))
        else:
            self._following.append(packet)
            if len(self._following) >= _FOLLOWING:
                yield from self._close()
        self._history.append(packet.data)

    def _coming(self, position: int) -> Window | None:
        while self._windows and self._windows[0].is_over(position) and self._open is None:
            self._windows.popleft()
        return self._windows[0] if self._windows else None

    def _close(self) -> Iterator[Any]:
        assert self._open is not None
        following = list(self._following)
        yield from self._sent(self._open.close(following))
        self.joints += (self._moved(joint) for joint in self._open.joints)
        self._open = None
        self._following = []
        for packet in following:
            yield from self._copied(packet)

    def _moved(self, joint: Numbered) -> Fraction:
        return self._shift(joint.number) + Fraction(joint.position, self._rate) + self._origin

    def _shift(self, number: int) -> Fraction:
        """How much earlier (below 0) frame `number` is heard in the copy, in seconds."""
        if not self._frame_cuts:
            return Fraction(0)
        place = bisect_right(self._frame_cuts, number, key=lambda cut: cut[1])
        cut = self._frame_cuts[place - 1][2] if place else 0
        return -Fraction(cut * self._frame, self._rate)

    def _removed(self, number: int) -> int | None:
        """The cut that frame `number` lies in."""
        place = bisect_right(self._frame_cuts, number, key=lambda cut: cut[0]) - 1
        return place if place >= 0 and number < self._frame_cuts[place][1] else None

    def _copied(self, packet: Numbered) -> Iterator[Any]:
        if self._removed(packet.number) is None:
            yield from self._sent([(packet, None)])

    def _sent(self, packets: Iterable[tuple[Numbered, bytes | None]]) -> Iterator[Any]:
        """The packets for the copy: each the source's own, or with new data in its place."""
        for packet, data in packets:
            new = packet.packet if data is None else with_data(packet.packet, data)
            if shift := self._shift(packet.number):
                new.pts += round(shift / self._time_base)
                new.dts = new.pts
            new.stream = self.stream
            yield new
