"""The models of a configuration as rows: for people a table, for programs a dictionary."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video_censor_personal.config import ModelSource
from video_censor_personal.model_manager import describe_model_size
from video_censor_personal.sizes import describe_size
from video_censor_personal.transfer import FileState, PlannedFile
from video_censor_personal.transfer.address import parse_url

__all__ = ["ModelRow", "columns", "draw", "rows"]

_WORDS = {
    FileState.VERIFIED: "ready",
    FileState.DAMAGED: "damaged",
    FileState.PARTIAL: "part there",
    FileState.MISSING: "missing",
    FileState.UNREADABLE: "unreadable",
}


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model, what the disk has of it, and the names of the detectors that take it."""

    source: ModelSource
    found: PlannedFile
    used_by: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        return self.found.state is FileState.VERIFIED

    @property
    def size_bytes(self) -> int | None:
        """The declared size, else what is known of it here, else None."""
        known = self.source.size_bytes or self.found.source.size_bytes
        return known or (self.found.have_bytes if self.ready else None)

    @property
    def size(self) -> str:
        """The same for people, who are also told what the catalogue says."""
        if self.size_bytes is not None:
            return describe_size(self.size_bytes)
        return describe_model_size(self.source)

    @property
    def host(self) -> str:
        """The server that it comes from."""
        return parse_url(self.found.source.urls[0]).netloc

    @property
    def state(self) -> str:
        """The state in a word or two."""
        if self.found.state is FileState.PARTIAL and self.size_bytes:
            return f"{self.found.have_bytes / self.size_bytes:.0%} there"
        return _WORDS[self.found.state]

    def facts(self) -> dict[str, Any]:
        return {
            "name": self.source.name,
            "state": self.found.state.value,
            "path": str(self.found.path),
            "size_bytes": self.size_bytes,
            "missing_bytes": self.found.missing_bytes,
            "host": self.host,
            "optional": self.source.optional,
            "used_by": list(self.used_by),
            "algorithm": self.source.algorithm,
            "checksum": self.source.checksum,
            "reason": self.found.reason,
        }


def rows(
    sources: Iterable[ModelSource],
    found: Iterable[PlannedFile],
    users: Mapping[str, Sequence[str]],
) -> list[ModelRow]:
    """One row a source; `found` in the same order, `users` by model name."""
    return [
        ModelRow(source, file, tuple(users.get(source.name, ())))
        for source, file in zip(sources, found, strict=True)
    ]


def draw(table: Sequence[ModelRow], cache_dir: Path, free_bytes: int) -> str:
    """The table, why models are damaged or cannot be read, and where everything lies."""
    cells = [("MODEL", "SIZE", "STATE", "FROM", "USED BY", "")]
    cells += [
        (
            row.source.name,
            row.size,
            row.state,
            row.host,
            ", ".join(row.used_by) or "-",
            "optional" if row.source.optional else "",
        )
        for row in table
    ]
    lines = columns(cells, right={1})
    reasons = [f"{row.source.name}: {row.found.reason}" for row in table if row.found.reason]
    place = f"in {cache_dir} ({describe_size(free_bytes)} free)"
    return "\n".join([*lines, *reasons, "", place])


def columns(cells: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Lines of a table whose columns are as wide as they must be; `right` ones end together."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
