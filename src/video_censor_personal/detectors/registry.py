"""Which detectors are installed: those of this package and anyone else's, found the same way.

Every installed distribution may name plug-ins in the entry-point group
`video_censor_personal.detectors` (see `detectors.base`). One that cannot be loaded takes nothing
else down with it: it becomes a `PluginFailure`, which is logged and named whenever a detector type
is not found.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from video_censor_personal.config.document import nearest
from video_censor_personal.detectors.base import ENTRY_POINT_GROUP, DetectorPlugin
from video_censor_personal.errors import ConfigError

__all__ = ["Discovery", "PluginFailure", "discover", "find"]

_log = logging.getLogger(__name__)

_OWN_PACKAGE = "video_censor_personal."
_REQUIRED = ("type", "modality", "categories", "notes", "check", "needs", "available", "build")
_SEPARATORS = re.compile(r"[\s_\-]+")


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """A plug-in that is installed and cannot be used; `name` is that of its entry point."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What is installed: usable plug-ins by their type, and those that failed to load."""

    plugins: Mapping[str, DetectorPlugin]
    failures: tuple[PluginFailure, ...] = ()


def discover() -> Discovery:
    """Load every installed plug-in; those that fail are logged as warnings, too.

    Of two with one type the first wins, this package's own before any other; the second is a
    failure.
    """
    found: dict[str, DetectorPlugin] = {}
    failures: list[PluginFailure] = []
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=_precedence):
        plugin = _load(entry)
        if isinstance(plugin, PluginFailure):
            failures.append(plugin)
        elif plugin.type in found:
            failures.append(
                PluginFailure(entry.name, f"another plug-in has the type {plugin.type!r} already")
            )
        else:
            found[plugin.type] = plugin
    for failure in failures:
        _log.warning("detector plug-in %r cannot be used: %s", failure.name, failure.reason)
    return Discovery(found, tuple(failures))


def find(type_name: str, discovery: Discovery) -> DetectorPlugin:
    """The plug-in of a type, written in any case and with `-`, `_` or a space alike.

    Raises:
        ConfigError: there is none; the message lists the types there are and what failed to load.
    """
    wanted = _plain(type_name)
    for name, plugin in discovery.plugins.items():
        if _plain(name) == wanted:
            return plugin
    guess = nearest(type_name, discovery.plugins)
    message = (
        f"unknown detector type: {type_name!r}"
        + (f"; did you mean {guess!r}?" if guess else "")
        + f" (available types: {', '.join(sorted(discovery.plugins)) or 'none'})"
    )
    for failure in discovery.failures:
        message += f"; plug-in {failure.name!r} could not be loaded: {failure.reason}"
    raise ConfigError(message, key="type")


def _load(entry: EntryPoint) -> DetectorPlugin | PluginFailure:
    try:
        plugin = entry.load()
    except Exception as error:  # noqa: BLE001 - a plug-in's import runs anyone's code
        return PluginFailure(entry.name, f"{type(error).__name__}: {error}")
    missing = [name for name in _REQUIRED if not hasattr(plugin, name)]
    if missing:
        return PluginFailure(
            entry.name, f"{entry.value} is no detector plug-in: it lacks {', '.join(missing)}"
        )
    found: DetectorPlugin = plugin
    return found


def _precedence(entry: EntryPoint) -> tuple[bool, str, str]:
    return not entry.value.startswith(_OWN_PACKAGE), entry.name, entry.value


def _plain(type_name: str) -> str:
    return _SEPARATORS.sub("", type_name.strip().casefold())
