"""Which names a model file may have: those that mean the same file on every platform.

A name comes from a configuration or from a server. Neither may reach a file outside the folder of
models, on POSIX or on Windows, and a folder copied from one to the other keeps its meaning.
"""

from __future__ import annotations

import re
import unicodedata

from video_censor_personal.errors import ConfigError

__all__ = ["PRIVATE_FOLDER", "check_name", "collision_key"]

PRIVATE_FOLDER = ".transfer"
"""In a folder of models, what belongs to the downloader itself."""

# 255 bytes is what ext4, APFS and NTFS allow; the rest is for the suffixes of partial files.
_LONGEST_PART = 200
_LONGEST_NAME = 1000
# Control characters, what Windows forbids, and the separators that are not "/".
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: also with any extension.
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.I)


def check_name(name: str) -> tuple[str, ...]:
    """The parts of a name such as `"llava-7b"` or `"whisper/model.bin"`.

    Raises:
        ConfigError: the name would leave its folder, or some platform cannot have such a file.
    """
    fault = _fault(name)
    if fault:
        raise ConfigError(
            f"{name!r} cannot name a model file: {fault}. "
            "Use letters, digits, '-', '_', '.' and '/' between folders.",
            key="name",
        )
    return tuple(name.split("/"))


def collision_key(name: str) -> str:
    """Equal for two names that are one file where case or Unicode form does not count."""
    return unicodedata.normalize("NFC", name).casefold()


def _fault(name: str) -> str:
    if not name:
        return "it is empty"
    try:
        if len(name.encode()) > _LONGEST_NAME:
            return f"it is longer than {_LONGEST_NAME} bytes"
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if found := _FORBIDDEN.search(name):
        return f"it contains {found.group()!r}"
    return next(filter(None, map(_part_fault, name.split("/"))), "")


def _part_fault(part: str) -> str:
    if part in ("", ".", ".."):
        return f"it has {part!r} between its slashes"
    if part[-1] in ". ":
        return f"{part!r} ends in a dot or a space"
    if _DEVICES.fullmatch(part):
        return f"{part!r} is a device on Windows"
    if len(part.encode()) > _LONGEST_PART:
        return f"{part[:20]!r}… is longer than {_LONGEST_PART} bytes"
    return ""
