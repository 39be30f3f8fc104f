"""One part of the machine after the other; what goes wrong in a part is what is found of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from video_censor_personal.config import Config
from video_censor_personal.doctor.abilities import look_at_detectors, look_at_wishes
from video_censor_personal.doctor.findings import Finding, Section
from video_censor_personal.doctor.machine import look_at_devices, look_at_machine
from video_censor_personal.doctor.servers import Servers
from video_censor_personal.doctor.software import look_at_codecs, look_at_software
from video_censor_personal.doctor.speed import measure_machine
from video_censor_personal.errors import VideoCensorError
from video_censor_personal.progress import Listener, Progress, ignore

__all__ = ["examine"]

log = logging.getLogger(__name__)

_STAGE = "looking"


def examine(config: Config, *, measure: bool = True, listener: Listener = ignore) -> list[Section]:
    """Look at this machine, and at what `config` needs of it.

    `measure`: also how fast it decodes, reads, writes and detects; some seconds. Nothing that is
    written for that stays.
    """
    servers = Servers()
    parts: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("Software", look_at_software),
        ("FFmpeg", look_at_codecs),
        ("Machine", lambda: look_at_machine(config)),
        ("Computes on", look_at_devices),
        ("Detectors", lambda: look_at_detectors(config, servers, measure=measure)),
        ("This configuration", lambda: look_at_wishes(config, servers)),
    ]
    if measure:
        parts.insert(4, ("Speed", lambda: measure_machine(config)))
    sections = []
    for number, (title, look) in enumerate(parts):
        listener(Progress(_STAGE, number, len(parts), "parts"))
        sections.append(Section(title, tuple(_found(title, look))))
    listener(Progress(_STAGE, len(parts), len(parts), "parts", finished=True))
    return sections


def _found(title: str, look: Callable[[], Iterable[Finding]]) -> Iterable[Finding]:
    """What a part finds, up to where it fails."""
    try:
        yield from look()
    except Exception as error:
        log.debug("%s failed", title, exc_info=True)
        expected = isinstance(error, VideoCensorError)
        yield Finding(title, "failed", str(error) if expected else repr(error))
