"""What a checkup finds: values that are shown to people and handed to programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Finding", "Section", "Status"]

Status = Literal["ok", "note", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        status: `ok`: it works. `note`: it is not there, and nothing that was asked for needs it.
            `missing`: it is needed. `failed`: it could not be found out, or does not work.
        text: what was found, for people.
        remedy: what to do about it, with the command; empty where there is nothing to do.
        facts: the same as numbers, for programs.
    """

    name: str
    status: Status
    text: str
    remedy: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_bad(self) -> bool:
        """Whether a run would not come to a good end because of it."""
        return self.status in ("missing", "failed")


@dataclass(frozen=True, slots=True)
class Section:
    """What was found of one part of the machine."""

    title: str
    findings: tuple[Finding, ...]
