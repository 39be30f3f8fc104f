"""Reading a report: ours, one that a person edited, or one of another tool."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from video_censor_personal import categories
from video_censor_personal.config.document import nearest
from video_censor_personal.config.values import AudioMode, VideoMode
from video_censor_personal.errors import ReportError
from video_censor_personal.findings import (
    Box,
    Coverage,
    CoverageStatus,
    Detection,
    Gap,
    Modality,
    Report,
    Segment,
    TrackPoint,
)
from video_censor_personal.reports.fields import Fields
from video_censor_personal.timeline import Span, format_timecode

__all__ = ["SCHEMA_VERSION", "read_report"]

SCHEMA_VERSION = 1
_CERTAIN = 1.0  # where a report gives no confidence: a person wrote it, or it was left out


def read_report(path: Path) -> Report:
    """The report in the JSON file `path`.

    Of a time that is given twice, the seconds count; a contradiction is logged. A segment without
    `allow` is not allowed. Detections without times of their own last as long as their segment.

    Raises:
        ReportError: it cannot be read, or says something that cannot be acted on.
    """
    root = Fields(_load(path), str(path))
    version = root.whole("schema_version") or SCHEMA_VERSION
    if version > SCHEMA_VERSION:
        raise root.wrong("schema_version", f"is {version}, a newer kind; update video-censor")
    if "segments" not in root:
        raise root.wrong("segments", "is missing, so this is no report; check the path")
    metadata = root.object("metadata")
    segments = tuple(_segment(fields) for fields in root.objects("segments", "segment"))
    coverage = tuple(_coverage(fields) for fields in root.objects("coverage", "coverage"))
    return Report(
        source=_source(metadata),
        duration=metadata.time("duration"),
        processed_at=_processed_at(metadata, path),
        config=metadata.text("config") or "",
        segments=segments,
        coverage=coverage,
        size_bytes=metadata.whole("size_bytes"),
        fingerprint=metadata.text("fingerprint"),
        labels=_labels(root, segments),
        all_allowed=metadata.boolean("all_allowed") or False,
        profile=metadata.text("profile") or "",
    )


def _load(path: Path) -> Any:
    try:
        return json.loads(
            path.read_text(encoding="utf-8-sig"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_twins,
        )
    except FileNotFoundError as error:
        raise ReportError(f"there is no report {path}; check the path") from error
    except OSError as error:
        raise ReportError(f"cannot read the report {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ReportError(f"{path} is no report: it is not text in UTF-8") from error
    except json.JSONDecodeError as error:
        raise ReportError(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}. Mend the JSON there, "
            "or analyse the video again"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} is no report: {error}") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, which is no number in JSON")


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twin = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"one object holds the field {twin!r} twice; delete one of them")
    return fields


def _source(metadata: Fields) -> Path:
    file, path = metadata.text("file") or "", Path(metadata.text("path") or "")
    return path if path.name == Path(file).name else Path(file)


def _processed_at(metadata: Fields, path: Path) -> datetime:
    """A report that does not say is as old as its file."""
    text = metadata.text("processed_at")
    if text is None:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise metadata.wrong("processed_at", f"is {text!r}; write 2026-01-31T12:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _labels(root: Fields, segments: tuple[Segment, ...]) -> dict[str, str]:
    known = root.object("categories")
    labels = {key: known.needed(key, known.text(key)) for key in known}
    for segment in segments:
        for label in segment.labels:
            labels.setdefault(categories.key(label), categories.label(label))
    return labels


def _segment(fields: Fields) -> Segment:
    span = _span(fields, None)
    detections = tuple(
        _detection(found, span) for found in fields.objects("detections", "detection")
    )
    labels = tuple(_label(fields, "labels", label) for label in fields.texts("labels"))
    if not detections:
        for label in labels:
            _refuse_misspelt(fields, label)
    if not labels and not detections:
        raise fields.wrong("labels", 'is missing; write what it shows, such as ["Nudity"]')
    return Segment(
        span=span,
        labels=labels or tuple(dict.fromkeys(categories.label(d.category) for d in detections)),
        detections=detections,
        description=fields.text("description") or "",
        confidence=_confidence(fields),
        allow=fields.boolean("allow") or False,
        video_action=fields.choice("video_action", get_args(VideoMode)),
        audio_action=fields.choice("audio_action", get_args(AudioMode)),
        found=fields.boolean("found") is not False,
    )


def _span(fields: Fields, default: Span | None) -> Span:
    start, end = fields.time("start_time"), fields.time("end_time")
    if start is None and end is None and default is not None:
        return default
    if start is None or end is None:
        missing = "start_time" if start is None else "end_time"
        raise fields.wrong(missing, f"is missing; write {missing}_seconds or {missing}")
    if end <= start:
        raise fields.wrong(
            "end_time",
            f"({format_timecode(end)}) does not lie after the start ({format_timecode(start)}); "
            "correct one of them, or delete the whole entry",
        )
    return Span(start, end)


def _label(fields: Fields, name: str, label: str) -> str:
    try:
        categories.key(label)
    except ValueError as error:
        raise fields.wrong(name, f"holds an unusable name: {error}") from None
    return label


def _refuse_misspelt(fields: Fields, label: str) -> None:
    """The label alone says what is done: "Profanty" would be hidden, and still be heard."""
    key = categories.key(label)
    guess = nearest(key, categories.BUILT_IN, cutoff=0.85)
    if guess and guess != key:
        raise fields.wrong("labels", f"holds {label!r}; write {categories.label(guess)!r}")


def _detection(fields: Fields, default: Span) -> Detection:
    label = _label(fields, "label", fields.needed("label", fields.text("label")))
    category = categories.key(_label(fields, "category", fields.text("category") or label))
    usual: Modality = "audio" if category == categories.PROFANITY else "video"
    return Detection(
        category=category,
        label=fields.text("match") or label,
        span=_span(fields, default),
        confidence=_confidence(fields),
        reasoning=fields.text("reasoning") or "",
        detector=fields.text("detector") or "",
        modality=fields.choice("modality", get_args(Modality)) or usual,
        track=tuple(_point(point) for point in fields.objects("boxes", "box")),
        evidence=fields.text("evidence") or "",
        replacement=fields.text("replacement") or "",
        score=fields.number("score"),
        model=fields.text("model") or "",
    )


def _confidence(fields: Fields) -> float:
    given = fields.share("confidence")
    return _CERTAIN if given is None else given


def _point(fields: Fields) -> TrackPoint:
    time = fields.time("time")
    if time is None:
        raise fields.wrong("time_seconds", "is missing; write the time at which the box is there")
    sides = [fields.needed(name, fields.share(name)) for name in ("x", "y", "width", "height")]
    return TrackPoint(time, Box(*sides), _confidence(fields))


def _coverage(fields: Fields) -> Coverage:
    return Coverage(
        category=fields.needed("category", fields.text("category")),
        status=fields.needed("status", fields.choice("status", get_args(CoverageStatus))),
        detectors=fields.texts("detectors"),
        gaps=tuple(
            Gap(_span(gap, None), gap.text("reason") or "", gap.text("category"))
            for gap in fields.objects("gaps", "gap")
        ),
        notes=fields.texts("notes"),
    )
