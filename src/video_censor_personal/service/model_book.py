"""What the ledger remembers of models: which files were asked for, when used, whether pinned."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from video_censor_personal.hub.files import HubFile
from video_censor_personal.service.ledger import Ledger, Transaction

__all__ = ["BookEntry", "ModelBook"]


@dataclass(frozen=True, slots=True)
class BookEntry:
    """One commit of a repository.

    `files` is None if nobody asked for it here; then the cache's own listing says what it has.
    """

    repository: str
    commit: str
    revision: str
    files: tuple[HubFile, ...] | None
    is_pinned: bool
    used_s: float


class ModelBook:
    """The table `model`. From any thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def find(self, repository: str, commit: str) -> BookEntry | None:
        rows = self._ledger.read(
            "SELECT * FROM model WHERE repository = ? AND commit_id = ?", repository, commit
        )
        return _entry(rows[0]) if rows else None

    def rest(self, repository: str, commit: str) -> tuple[str, ...]:
        """The paths of a commit that are not among its `files`, as far as is known."""
        rows = self._ledger.read(
            "SELECT paths FROM model_rest WHERE repository = ? AND commit_id = ?",
            repository,
            commit,
        )
        return tuple(json.loads(rows[0]["paths"])) if rows else ()

    def latest(self, repository: str, revision: str) -> BookEntry | None:
        """The commit that was last asked for under a branch or tag."""
        rows = self._ledger.read(
            "SELECT * FROM model WHERE repository = ? AND (revision = ? OR commit_id = ?) "
            "ORDER BY used_s DESC LIMIT 1",
            repository,
            revision,
            revision,
        )
        return _entry(rows[0]) if rows else None

    def all(self) -> list[BookEntry]:
        return [_entry(row) for row in self._ledger.read("SELECT * FROM model")]

    def note(
        self,
        transaction: Transaction,
        repository: str,
        commit: str,
        revision: str,
        files: Sequence[HubFile],
        tree: Sequence[HubFile],
        now_s: float,
    ) -> None:
        """Remember that these files of `tree` are wanted, beside those that were wanted before."""
        (row,) = transaction.execute(
            "SELECT max(files) AS files FROM model WHERE repository = ? AND commit_id = ?",
            repository,
            commit,
        )
        before = _read_files(row["files"]) or ()
        merged = {file.path: file for file in (*before, *files)}
        transaction.execute(
            "INSERT INTO model(repository, commit_id, revision, files, used_s) "
            "VALUES(?, ?, ?, ?, ?) ON CONFLICT(repository, commit_id) DO UPDATE SET "
            "revision = excluded.revision, files = excluded.files, used_s = excluded.used_s",
            repository,
            commit,
            revision,
            _write_files(merged.values()),
            now_s,
        )
        transaction.execute(
            "INSERT OR REPLACE INTO model_rest VALUES(?, ?, ?)",
            repository,
            commit,
            json.dumps([file.path for file in tree if file.path not in merged]),
        )

    def touch(self, repository: str, commit: str, now_s: float) -> None:
        """Somebody uses the model; written soon."""
        self._ledger.post(
            lambda transaction: transaction.execute(
                "INSERT INTO model(repository, commit_id, revision, used_s) VALUES(?, ?, ?, ?) "
                "ON CONFLICT(repository, commit_id) DO UPDATE SET "
                "used_s = max(used_s, excluded.used_s)",
                repository,
                commit,
                commit,
                now_s,
            )
        )

    def pin(self, repository: str, commit: str, *, pinned: bool, now_s: float) -> None:
        """Keep a model whatever the quota says, or let it go again."""
        self._ledger.write(
            lambda transaction: transaction.execute(
                "INSERT INTO model(repository, commit_id, revision, pinned, used_s) "
                "VALUES(?, ?, ?, ?, ?) ON CONFLICT(repository, commit_id) DO UPDATE SET "
                "pinned = excluded.pinned",
                repository,
                commit,
                commit,
                int(pinned),
                now_s,
            )
        )

    def forget(self, repository: str, commit: str | None) -> None:
        """A model was deleted; None: every commit of it."""

        def change(transaction: Transaction) -> None:
            for table in ("model", "model_rest"):
                transaction.execute(
                    f"DELETE FROM {table} WHERE repository = ? AND (? IS NULL OR commit_id = ?)",
                    repository,
                    commit,
                    commit,
                )

        self._ledger.write(change)


def _entry(row: sqlite3.Row) -> BookEntry:
    return BookEntry(
        row["repository"],
        row["commit_id"],
        row["revision"],
        _read_files(row["files"]),
        bool(row["pinned"]),
        row["used_s"],
    )


def _write_files(files: Iterable[HubFile]) -> str:
    return json.dumps([[f.path, f.size_bytes, f.git_sha1, f.sha256, f.xet_hash] for f in files])


def _read_files(text: str | None) -> tuple[HubFile, ...] | None:
    return None if text is None else tuple(HubFile(*values) for values in json.loads(text))
