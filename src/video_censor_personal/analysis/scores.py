"""Kept scores: the record of an analysis as a file, so that the video need not be analysed again.

Gzipped JSON. All times are whole numbers of ticks, `ticks_per_s` of them a second, which keeps them
exact; a look is one flat row: its time, the time of the first frame that nobody looked at before
it, 1 for a regular look plus 2 for the start of a shot, and then for each sighting the number of
the thing that was seen, its score and the four sides of its box (none: -1 four times).
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from video_censor_personal.analysis.clock import Clock
from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.analysis.making import Making
from video_censor_personal.analysis.scores_reading import FORMAT, VERSION, read_fields
from video_censor_personal.analysis.tracks import Look
from video_censor_personal.errors import ReportError
from video_censor_personal.findings import Detection
from video_censor_personal.outputs import temporary_file

__all__ = ["SUFFIX", "Scores", "read_scores", "write_scores"]

SUFFIX = ".scores.json.gz"

_MOST_BYTES = 1 << 29
"""Unpacked; that of two hours is some megabytes. A file that unpacks to more is none of ours."""

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scores:
    """The record of an analysis, of which video it is, and what it was made with.

    Attributes:
        modified_ns: when the video was last changed, in ns since 1970, if that is known and it
            stayed as it was during the analysis. Its `fingerprint` only tells of parts of it.
        earlier: further records of the same video in the same file, the newest first (`archive`).
    """

    source: Path
    size_bytes: int | None
    fingerprint: str | None
    made_at: datetime
    making: Making
    evidence: Evidence
    modified_ns: int | None = None
    earlier: tuple[Scores, ...] = ()


def write_scores(scores: Scores, path: Path) -> None:
    """Write `scores` to `path`; the file appears complete or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    text = json.dumps(_fields(scores), separators=(",", ":"), allow_nan=False)
    with temporary_file(path, force=True) as part:
        part.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))


def read_scores(path: Path) -> Scores:
    """The scores in the file `path`.

    Raises:
        ReportError: it cannot be read, is damaged, or is something else.
    """
    try:
        with gzip.open(path) as file:
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise ReportError(f"there are no scores {path}; check the path") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ReportError(
            f"the scores {path} are damaged ({error}); a run on the video makes new ones"
        ) from error
    except OSError as error:
        raise ReportError(f"cannot read the scores {path}: {error.strerror or error}") from error
    if len(text) > _MOST_BYTES:
        raise ReportError(f"{path} unpacks to more than any scores; check the path")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} holds no scores: {error}") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ReportError(f"{path} holds no scores of an analysis; check the path")
    if fields.get("version") != VERSION:
        raise ReportError(
            f"the scores {path} are of version {fields.get('version')!r}, and this program knows "
            f"{VERSION}; update it, or have a run on the video make new ones"
        )
    try:
        known = read_fields(fields)
        earlier = tuple(Scores(**record) for record in known.pop("earlier"))
        return Scores(**known, earlier=earlier)
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(
            f"the scores {path} are damaged ({error!r}); a run on the video makes new ones"
        ) from error


def _fields(scores: Scores) -> Fields:
    return {
        "format": FORMAT,
        "version": VERSION,
        "source": str(scores.source),
        "size_bytes": scores.size_bytes,
        "fingerprint": scores.fingerprint,
        "modified_ns": scores.modified_ns,
        **_record(scores),
        "earlier": [_record(each) for each in scores.earlier],
    }


def _record(scores: Scores) -> Fields:
    evidence = scores.evidence
    clock = Clock(evidence)
    return {
        "made_at": scores.made_at.astimezone(UTC).isoformat(),
        "making": asdict(scores.making),
        "ticks_per_s": clock.rate,
        "duration": None if evidence.duration is None else clock.ticks(evidence.duration),
        "end": clock.ticks(evidence.end),
        "sensitivities": dict(evidence.sensitivities),
        "modalities": sorted(evidence.modalities),
        "gaps": {
            modality: [
                [*clock.span(gap.span), gap.reason, gap.category, gap.passing] for gap in gaps
            ]
            for modality, gaps in evidence.gaps.items()
        },
        "witnesses": [_witness(witness, clock) for witness in evidence.witnesses],
    }


def _witness(witness: Witness, clock: Clock) -> Fields:
    things: dict[tuple[str, str, str], int] = {}
    search = witness.search
    return {
        "name": search.detector,
        "modality": search.modality,
        "categories": sorted(search.categories),
        "notes": dict(search.notes),
        "passed_over": list(search.passed_over),
        "languages": sorted(search.languages),
        "model": witness.model,
        "scales": {
            key: [scale.strict, scale.default, scale.lenient]
            for key, scale in witness.scales.items()
        },
        "looks": [_look(look, clock, things) for look in witness.looks],
        "things": [list(thing) for thing in things],
        "heard": [_heard(detection, clock) for detection in witness.heard],
        "again": witness.again,
        "kind": witness.kind,
    }


def _look(look: Look, clock: Clock, things: dict[tuple[str, str, str], int]) -> Sequence[float]:
    row: list[float] = [
        clock.ticks(look.time),
        clock.ticks(look.since),
        look.regular + 2 * look.starts_shot,
    ]
    for seen in look.sightings:
        thing = things.setdefault((seen.category, seen.label, seen.reasoning), len(things))
        box = seen.box
        sides = (-1, -1, -1, -1) if box is None else (box.x, box.y, box.width, box.height)
        row += [thing, seen.score, *sides]
    return row


def _heard(detection: Detection, clock: Clock) -> Fields:
    return {
        "category": detection.category,
        "label": detection.label,
        "span": clock.span(detection.span),
        "score": detection.score,
        "reasoning": detection.reasoning,
        "evidence": detection.evidence,
        "replacement": detection.replacement,
    }
