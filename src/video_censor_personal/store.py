"""What is on disk: names, locks, records of verified files, atomic publication."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Leftover", "Store"]


@dataclass(frozen=True, slots=True)
class Leftover:
    """An unfinished file that nobody is working on."""

    path: Path
    size_bytes: int
    modified_s: float


class Store:
    """A folder of verified files. Creating this object touches no disk.

    `root/.transfer` (or `private`, on the same file system) holds partial files, locks and records.
    """

    def __init__(self, root: Path | str, *, private: Path | str | None = None) -> None:
        self.root = Path(root)
        self.private = Path(private) if private else self.root / ".transfer"

    def path(self, target: str) -> Path:
        """Where `target` lies under the root; it need not exist.

        Raises:
            ConfigError: the name would leave the root, or no file can have it on some platform.
        """
        raise NotImplementedError

    def remove(self, target: str) -> int:
        """Delete a file, its record and its partial; the bytes freed. Waits for no one.

        Raises:
            ModelDownloadError: another process is fetching it right now.
        """
        raise NotImplementedError

    def recorded(self) -> dict[str, int]:
        """target -> size of every file that was verified and still looks the same."""
        raise NotImplementedError

    def leftovers(self) -> list[Leftover]:
        """Unfinished files of earlier runs that no living process works on."""
        raise NotImplementedError
