"""Places in the queue: numbers that jobs are sorted by, and the room between them."""

from __future__ import annotations

from video_censor_personal.service.jobs import Job
from video_censor_personal.service.ledger import Transaction

__all__ = ["number_anew", "place_before"]


def place_before(transaction: Transaction, other: Job) -> float | None:
    """A place between `other` and the job that waits before it; None if no number lies between.

    Every job that is put there halves the room: after some 52 it is used up.
    """
    (row,) = transaction.execute(
        "SELECT max(position) AS previous FROM job WHERE priority = ? AND position < ? "
        "AND state IN ('queued', 'paused')",
        other.priority,
        other.position,
    )
    previous = row["previous"] if row["previous"] is not None else other.position - 2
    place = float((previous + other.position) / 2)
    return place if previous < place < other.position else None


def number_anew(transaction: Transaction) -> list[Job]:
    """Give all jobs the places 1, 2, 3 and so on, in the order they have; those that wait."""
    rows = transaction.execute("SELECT id FROM job ORDER BY position, id")
    transaction.execute_many(
        "UPDATE job SET position = ?, rev = rev + 1 WHERE id = ?",
        [(place, row["id"]) for place, row in enumerate(rows, 1)],
    )
    waiting = transaction.execute("SELECT * FROM job WHERE state IN ('queued', 'paused')")
    return [Job.from_row(row) for row in waiting]
