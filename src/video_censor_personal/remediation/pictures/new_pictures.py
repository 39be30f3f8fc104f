"""The new pictures of a joint: decoded, edited and encoded, in the form that the source has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, cast

import av
import av.error
from av.video.frame import PictureType

from video_censor_personal.remediation.codecs import Encoding
from video_censor_personal.remediation.encoders import joining_encoder
from video_censor_personal.remediation.joinability import JoinError
from video_censor_personal.remediation.pictures.hdr import HdrMetadata
from video_censor_personal.remediation.pictures.picture_codings import PictureCoding
from video_censor_personal.remediation.pictures.video import PictureEditor

__all__ = ["NewPictures"]


class NewPictures:
    """Makes the packets that replace some of the stream `source`."""

    def __init__(
        self,
        source: Any,
        coding: PictureCoding,
        encoding: Encoding,
        editor: PictureEditor,
        hdr: HdrMetadata,
        origin: Fraction,
    ) -> None:
        self._source = source
        self._coding = coding
        self._encoding = encoding
        self._editor = editor
        self._hdr = hdr
        self._origin = origin
        self._setup = bytes(source.codec_context.extradata or b"")
        self._missing = 0

    def setup(self) -> bytes:
        """What the copy's container hands to decoders; empty: what the source's does."""
        return self._coding.setup(bytes(self._encoder().extradata or b""))

    def notes(self, index: int) -> list[str]:
        if not self._missing:
            return []
        return [
            f"video stream {index} has damaged pictures ({self._missing}); the copy shows those "
            "before them instead"
        ]

    def fed(self, packets: Sequence[Any]) -> list[Any]:
        """Copies of `packets` to decode.

        Raises:
            JoinError: they carry what would be lost.
        """
        copies = []
        for packet in packets:
            data = bytes(packet)
            if obstacle := self._coding.obstacle(data):
                raise JoinError(self._source.index, obstacle)
            copy = av.Packet(data)
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copies.append(copy)
        return copies

    def encoded(
        self,
        fed: Iterable[Any],
        wanted: Mapping[int, tuple[int, int]],
        slots: Sequence[int],
    ) -> Iterator[Any]:
        """The new packets in decoding order.

        Args:
            fed: packets to decode, from an entry on.
            wanted: by time stamp in the source: that in the copy, and the duration.
            slots: decoding times for them, in order.
        """
        durations = dict(wanted.values())
        fed = list(fed)
        metadata = {
            wanted[packet.pts][0]: self._coding.dynamic_metadata(bytes(packet))
            for packet in fed
            if packet.pts in wanted
        }
        number = 0
        for packet in self._packets(fed, wanted):
            own = metadata.get(packet.pts, [])
            new = av.Packet(self._in_form(packet, own, first=number == 0))
            new.pts, new.dts, new.time_base = packet.pts, slots[number], self._source.time_base
            new.duration, new.is_keyframe = durations[packet.pts], packet.is_keyframe
            number += 1
            yield new
        self._missing += len(wanted) - number

    def _in_form(self, packet: Any, metadata: Sequence[bytes], *, first: bool) -> bytes:
        try:
            return self._coding.new(bytes(packet), metadata, first=first)
        except ValueError as error:
            raise JoinError(self._source.index, str(error)) from error

    def _encoder(self) -> Any:
        return joining_encoder(
            self._source, self._encoding, self._hdr, self._coding.encoder_options
        )

    def _packets(self, fed: Iterable[Any], wanted: Mapping[int, tuple[int, int]]) -> Iterator[Any]:
        """In the order in which they are shown, which is also that of decoding."""
        encoder = self._encoder()
        left = dict(wanted)
        for frame in self._frames(self._worth_decoding(fed, wanted)):
            moved, _ = left.pop(frame.pts, (None, 0))
            if moved is None:
                continue
            if frame.interlaced_frame:
                raise JoinError(self._source.index, "some of its pictures are interlaced")
            if (frame.width, frame.height, frame.format.name) != (
                encoder.width,
                encoder.height,
                encoder.pix_fmt,
            ):
                raise JoinError(self._source.index, "its pictures change their size or format")
            self._editor.apply(frame, frame.pts * self._source.time_base - self._origin)
            frame.pts, frame.time_base = moved, self._source.time_base
            frame.pict_type = PictureType.NONE  # the encoder chooses
            yield from encoder.encode(frame)
        yield from encoder.encode(None)

    def _worth_decoding(self, fed: Iterable[Any], wanted: Mapping[int, Any]) -> Iterator[Any]:
        for packet in fed:
            if packet.pts in wanted or not self._coding.is_disposable(bytes(packet)):
                yield packet

    def _frames(self, fed: Iterable[Any]) -> Iterator[Any]:
        decoder = cast("Any", av.CodecContext.create(self._source.codec_context.name, "r"))
        decoder.extradata = self._setup
        decoder.thread_count = 1  # the encoder's threads, which take most of the time, go on
        for packet in (*fed, None):
            try:
                yield from decoder.decode(packet)
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                continue
