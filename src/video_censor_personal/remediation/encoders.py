"""Opening the encoders that write a changed track, as like its source as they can be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error
from av.codec.context import Flags
from av.format import Flags as FormatFlags

from video_censor_personal.errors import OutputError
from video_censor_personal.remediation import svt_av1
from video_censor_personal.remediation.codecs import Encoding
from video_censor_personal.remediation.edits import StreamPlan
from video_censor_personal.remediation.encoder_options import encoder_options
from video_censor_personal.remediation.hardware import memory_format
from video_censor_personal.remediation.pictures.hdr import HdrMetadata
from video_censor_personal.remediation.pictures.video import planar_format
from video_censor_personal.remediation.sound.dolby_options import loudness_options

__all__ = ["PictureOutput", "joining_encoder", "picture_output", "sound_output"]

_INTERLACED = (2, 3, 4, 5)  # AVFieldOrder: TT, BB, TB, BT
_KEY_FRAME_EVERY_S = 5
_MOST_THREADS = 4  # each holds pictures of its own: 10 MB at 1080p
_NO_KEY_FRAMES = 9999  # pictures; a part begins with the only key frame that it has
_IN_ONE_ORDER = ("avi", "asf")  # these say when a picture is decoded, or in which order, at most
_COLOR = ("color_range", "color_primaries", "color_trc", "colorspace")

# What an encoder makes of layouts that only decoders know.
_LAYOUTS = {"5.1(side)": "5.1", "5.0(side)": "5.0", "7.1(wide)": "7.1", "6.1(back)": "6.1"}
_LAYOUT_OF_COUNT = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1"}


@dataclass(frozen=True, slots=True)
class PictureOutput:
    """A stream of the copy, the open encoder that fills it, and what a person should know."""

    stream: Any
    encoder: Any
    notes: tuple[str, ...] = ()


def picture_output(out: Any, source: Any, plan: StreamPlan, hdr: HdrMetadata) -> PictureOutput:
    """A new stream of the container `out` for the changed picture of the stream `source`.

    In the source's own codec the stream keeps all that its container says of it: rotation, HDR,
    sample aspect ratio, field order.

    Raises:
        OutputError: no encoder takes this picture.
    """
    encoding = plan.encoding or Encoding("h264", "libx264")
    pixel_format = _pixel_format(encoding.encoder, source)
    notes: tuple[str, ...] = ()
    if pixel_format != source.pix_fmt:
        notes = (f"the picture is converted from {source.pix_fmt} to {pixel_format}",)
    if encoding.why_other:
        stream = _added(out, source, encoding, source.average_rate)
        stream.set_display_rotation(plan.stream.rotation)
        encoder = stream.codec_context
    else:
        stream = out.add_stream_from_template(source, opaque=True)
        encoder = av.CodecContext.create(encoding.encoder, "w")
    _configure(encoder, source, encoding, pixel_format)
    encoder.options = encoder_options(encoding, source, pixel_format, hdr)
    if out.format.name in _IN_ONE_ORDER:
        encoder.max_b_frames = 0
    if out.format.flags & FormatFlags.global_header.value:
        encoder.flags |= Flags.global_header
    _open(encoder, source)
    if not encoding.why_other:
        stream.codec_context.extradata = encoder.extradata
        stream.codec_context.bit_rate = 0
        stream.codec_context.framerate = encoder.framerate
    if encoding.codec == "hevc" and out.format.name in ("mp4", "mov"):
        stream.codec_context.codec_tag = "hvc1"
    return PictureOutput(stream, encoder, notes)


def joining_encoder(
    source: Any,
    encoding: Encoding,
    hdr: HdrMetadata,
    options: Mapping[str, str],
) -> Any:
    """An encoder, open, for a part of the picture of `source` between packets of the source.

    Args:
        options: what joints need beside the usual; lists of parameters are added to the usual.

    Raises:
        OutputError: it does not take this picture.
    """
    encoder: Any = av.CodecContext.create(encoding.encoder, "w")
    _configure(encoder, source, encoding, source.pix_fmt)
    encoder.gop_size = _NO_KEY_FRAMES
    encoder.thread_count = min(_MOST_THREADS, os.cpu_count() or 1)
    encoder.flags |= Flags.global_header
    usual = encoder_options(encoding, source, source.pix_fmt, hdr)
    for name, value in options.items():
        usual[name] = f"{usual[name]}:{value}" if name in usual else value
    encoder.options = usual
    _open(encoder, source)
    return encoder


def _open(encoder: Any, source: Any) -> None:
    try:
        with svt_av1.contained() if encoder.name == "libsvtav1" else nullcontext():
            encoder.open(strict=False)
    except (av.error.FFmpegError, ValueError) as error:
        raise OutputError(
            f"{encoder.name} cannot encode the picture of stream {source.index} "
            f"({source.width}x{source.height} {encoder.pix_fmt}): {error}"
        ) from error


def _added(out: Any, source: Any, encoding: Encoding, rate: Any) -> Any:
    try:
        return out.add_stream(encoding.encoder, rate=rate)
    except ValueError as error:
        raise OutputError(
            f"a {out.format.name} file cannot hold stream {source.index} ({source.type}: "
            f"{encoding.codec}); let the name of the copy end in .mkv"
        ) from error


def _pixel_format(encoder: str, source: Any) -> str:
    """The source's own pixel format, or the nearest one that `encoder` takes."""
    bits = source.codec_context.format.components[0].bits
    wanted = planar_format(source.pix_fmt, bits)
    known = {format.name for format in av.Codec(encoder, "w").video_formats or ()}
    deep = "yuv420p10le" if bits > 8 else "yuv420p"
    formats = (memory_format(name, known) for name in (wanted, deep, "yuv420p"))
    return next((name for name in formats if name), "yuv420p")


def _configure(encoder: Any, source: Any, encoding: Encoding, pixel_format: str) -> None:
    context = source.codec_context
    rate = source.average_rate or source.guessed_rate or Fraction(25)
    encoder.width, encoder.height, encoder.pix_fmt = context.width, context.height, pixel_format
    encoder.time_base = source.time_base
    encoder.framerate = rate
    encoder.gop_size = max(1, round(rate * _KEY_FRAME_EVERY_S))
    encoder.sample_aspect_ratio = source.sample_aspect_ratio or Fraction(1)
    for name in _COLOR:
        setattr(encoder, name, getattr(context, name))
    encoder.thread_type = "FRAME"  # slice threads cut every picture into slices
    if encoding.encoder == "libx264" and context.field_order in _INTERLACED:
        encoder.flags |= Flags.interlaced_dct | Flags.interlaced_me
        encoder.field_order = context.field_order
    if encoding.encoder == "libvpx":  # its constant quality needs a bound
        encoder.bit_rate = max(8_000_000, 2 * (source.bit_rate or 0))


def sound_output(out: Any, source: Any, plan: StreamPlan) -> Any:
    """A new stream of the container `out`, its encoder open, for the changed sound of `source`.

    Raises:
        OutputError: no encoder takes this sound.
    """
    encoding = plan.encoding or Encoding("aac", "aac")
    codec = av.Codec(encoding.encoder, "w")
    context = source.codec_context
    own = context.layout.name
    layouts = [own, _LAYOUTS.get(own), _LAYOUT_OF_COUNT.get(context.layout.nb_channels), "stereo"]
    rate = _rate(context.sample_rate, codec.audio_rates or ())
    sample_format = _sample_format(context.format.name, [f.name for f in codec.audio_formats or ()])
    layout = next(
        (name for name in layouts if name and _opens(encoding, rate, name, sample_format)), None
    )
    if layout is None:
        raise OutputError(
            f"{encoding.encoder} cannot encode the sound of stream {source.index} "
            f"({rate} Hz, {own}); leave it alone with `remediation.audio.tracks`"
        )
    stream = _added(out, source, encoding, rate)
    _set_sound(stream.codec_context, encoding, rate, layout, sample_format)
    if encoding.codec in ("ac3", "eac3"):
        stream.codec_context.options = loudness_options(plan.stream.setup)
    stream.time_base = Fraction(1, rate)
    stream.codec_context.open(strict=False)
    return stream


def _set_sound(
    encoder: Any, encoding: Encoding, rate: int, layout: str, sample_format: str
) -> None:
    encoder.sample_rate, encoder.layout, encoder.format = rate, layout, sample_format
    encoder.time_base = Fraction(1, rate)
    if encoding.bit_rate is not None:
        encoder.bit_rate = encoding.bit_rate


def _opens(encoding: Encoding, rate: int, layout: str, sample_format: str) -> bool:
    """Whether the encoder takes these; only trying tells which layouts it knows."""
    trial = av.CodecContext.create(encoding.encoder, "w")
    try:
        _set_sound(trial, encoding, rate, layout, sample_format)
        trial.open()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _rate(wanted: int, known: Any) -> int:
    """`wanted`, or the lowest known rate above it, or the highest there is."""
    rates = sorted(known)
    return next((rate for rate in rates if rate >= wanted), rates[-1]) if rates else wanted


def _sample_format(wanted: str, known: list[str]) -> str:
    """The encoder's format with the source's number of bits, else its first."""
    bare = wanted.removesuffix("p")
    return next((name for name in known if name.removesuffix("p") == bare), known[0])
