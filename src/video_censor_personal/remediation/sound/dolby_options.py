"""A track of AC-3 or E-AC-3 that is encoded whole: as loud, and mixed down as its source.

Only what encoders have options for is kept. They have none for compression (`compr`, `dynrng`).
"""

from __future__ import annotations

from video_censor_personal.remediation.bitstreams.dolby_frames import DolbyFrame

__all__ = ["loudness_options"]

# Factors by which channels are mixed down, by code (ATSC A/52:2018, tables 5.9, 5.10, D2.4 ff.).
_CENTRE_LEVELS = (0.707, 0.595, 0.5)
_SURROUND_LEVELS = (0.707, 0.5, 0.0)
_EXTENDED_LEVELS = (1.414, 1.189, 1.0, 0.841, 0.707, 0.595, 0.5, 0.0)
_LOUDEST = 31  # dB below full scale; a code of 0 means the same
_VOICE_OVER, _KARAOKE = 7, 8  # FFmpeg's numbers; the header has 7 for both


def loudness_options(packet: bytes) -> dict[str, str]:
    """The options of FFmpeg's encoders for a track with such packets."""
    frame = DolbyFrame.read(packet)
    options = {"dialnorm": str(-(frame.value("dialnorm") or _LOUDEST))}
    options["audio_service_type"] = str(_service(frame))
    surround = frame.value("dsurmod")
    if surround is not None:
        options["dsur_mode"] = str(surround >> 2 if frame.enhanced else surround)
    return options | (_enhanced_levels(frame) if frame.enhanced else _plain_levels(frame))


def _service(frame: DolbyFrame) -> int:
    service = (frame.value("bsmod") or 0) >> (2 if frame.enhanced else 0)
    return _KARAOKE if service == _VOICE_OVER and frame.value("acmod") != 1 else service


def _plain_levels(frame: DolbyFrame) -> dict[str, str]:
    options = {}
    for name, option, levels in (
        ("cmixlev", "center_mixlev", _CENTRE_LEVELS),
        ("surmixlev", "surround_mixlev", _SURROUND_LEVELS),
    ):
        code = frame.value(name)
        if code is not None and code < len(levels):
            options[option] = str(levels[code])
    extended = frame.value("xbsi1") or 0
    if not extended:
        return options
    ltrt_centre, ltrt_surround, loro_centre, loro_surround = _threes(extended, 4)
    return options | _levels(
        extended >> 12 & 3, (ltrt_centre, loro_centre), (ltrt_surround, loro_surround)
    )


def _enhanced_levels(frame: DolbyFrame) -> dict[str, str]:
    mode, centre, surround = (frame.value(n) for n in ("dmixmod", "cmixlev", "surmixlev"))
    if mode is None:
        return {}
    return _levels(
        mode,
        () if centre is None else _threes(centre, 2),
        () if surround is None else _threes(surround, 2),
    )


def _levels(mode: int, centre: tuple[int, ...], surround: tuple[int, ...]) -> dict[str, str]:
    """`centre` and `surround` are codes for a mix with surround coded in (Lt/Rt), and without."""
    options = {"dmix_mode": str(mode)}
    for name, codes in (("cmixlev", centre), ("surmixlev", surround)):
        for mix, code in zip(("ltrt", "loro"), codes, strict=False):
            options[f"{mix}_{name}"] = str(_EXTENDED_LEVELS[code])
    return options


def _threes(value: int, count: int) -> tuple[int, ...]:
    """The last `count` times three bits of `value`."""
    return tuple(value >> 3 * place & 7 for place in reversed(range(count)))
