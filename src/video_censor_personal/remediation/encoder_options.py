"""What encoders of pictures are told, so that one quality and one preset mean much the same in all.

The scales of quality differ; the factors keep the default, x264's 18, visually lossless in all.
"""

from __future__ import annotations

from typing import Any

from video_censor_personal.remediation.codecs import Encoding
from video_censor_personal.remediation.pictures.hdr import HdrMetadata

__all__ = ["encoder_options"]

_H264_PROFILES = ("baseline", "main", "high")
# SVT-AV1 says that 10 and above, which take a quarter less time than 9, may show artefacts.
_SVT_PRESETS = {
    "ultrafast": 9,
    "superfast": 9,
    "veryfast": 8,
    "faster": 7,
    "fast": 6,
    "medium": 5,
    "slow": 4,
    "slower": 3,
    "veryslow": 2,
}
# How libvpx works (deadline, cpu-used). In real time it reaches the quality of "good" in a third
# of the time, and writes at most twice as much.
_VPX_PRESETS = {
    "ultrafast": ("realtime", 8),
    "superfast": ("realtime", 7),
    "veryfast": ("realtime", 6),
    "faster": ("realtime", 5),
    "fast": ("good", 4),
    "medium": ("good", 3),
    "slow": ("good", 2),
    "slower": ("good", 1),
    "veryslow": ("good", 0),
}


def encoder_options(
    encoding: Encoding, source: Any, pixel_format: str, hdr: HdrMetadata
) -> dict[str, str]:
    """The private options of `encoding`'s encoder for the picture of the stream `source`."""
    encoder, quality, preset = encoding.encoder, encoding.quality, encoding.preset
    if encoder == "libx264":
        options = {"preset": preset, "crf": str(quality)}
        profile = (source.profile or "").lower().removeprefix("constrained ")
        plain = pixel_format in ("yuv420p", "yuvj420p") and source.codec.canonical_name == "h264"
        return options | ({"profile": profile} if plain and profile in _H264_PROFILES else {})
    if encoder == "libx265":
        params = f"log-level=none:info=0{hdr.x265_params()}"
        return {"preset": preset, "crf": str(min(51, quality + 1)), "x265-params": params}
    if encoder == "libsvtav1":
        crf = str(max(1, min(63, round(quality * 1.4))))
        params = hdr.svtav1_params().lstrip(":")
        options = {"preset": str(_SVT_PRESETS[preset]), "crf": crf}
        return options | ({"svtav1-params": params} if params else {})
    if encoder in ("libvpx", "libvpx-vp9"):
        deadline, effort = _VPX_PRESETS[preset]
        crf = str(max(4, min(63, round(quality * 1.2))))
        options = {"deadline": deadline, "cpu-used": str(effort), "row-mt": "1", "crf": crf}
        return options | ({"b": "0"} if encoder == "libvpx-vp9" else {})
    return _hardware_options(encoder, quality)


def _hardware_options(encoder: str, quality: int) -> dict[str, str]:
    """Constant quality, as each kind of hardware calls it."""
    kind = encoder.rpartition("_")[2]
    if kind == "nvenc":
        return {"rc": "vbr", "cq": str(max(1, quality)), "b": "0"}
    if kind == "qsv":
        return {"global_quality": str(max(1, quality))}
    if kind == "vaapi":
        return {"rc_mode": "CQP", "qp": str(max(1, quality))}
    return {"q": str(100 - quality)}  # VideoToolbox counts upwards
