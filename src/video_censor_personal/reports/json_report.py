"""Reports as JSON files, the only hand-over between an analysis and a copy.

The fields of contract section 5 keep their names and meaning; all others are additional. Times
are written twice, as a timecode for people and exactly as seconds.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC
from fractions import Fraction
from pathlib import Path
from typing import Any

from video_censor_personal import categories
from video_censor_personal.config import Output
from video_censor_personal.findings import Coverage, Detection, Gap, Report, Segment
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.outputs import write_text
from video_censor_personal.reports.likeness import Likeness, check_belongs, check_times, fingerprint
from video_censor_personal.reports.reading import SCHEMA_VERSION, read_report
from video_censor_personal.timeline import Span, format_timecode, union

__all__ = [
    "Likeness",
    "check_belongs",
    "check_times",
    "fingerprint",
    "read_report",
    "to_dict",
    "write_json",
]

Fields = dict[str, Any]

_LONE = re.compile("[\ud800-\udfff]")
"""What stands for a byte of a file's name that is no UTF-8: in a file of UTF-8 it must be escaped,
or the report could not be read again."""

_CLOSE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ROOMY = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def to_dict(report: Report, output: Output, info: MediaInfo | None = None) -> Fields:
    """The report as JSON knows it.

    `output.include_confidence` false leaves out every `confidence` and `score`.
    `output.include_frames` gives every segment a `frame`, a `data:` address of a small picture of
    its strongest moment, blurred beyond recognition; that takes `info`, the video itself.
    """
    frames: Mapping[int, str] = {}
    if output.include_frames and info is not None:
        # Deferred: thumbnails need PyAV, which reading and writing reports does not.
        from video_censor_personal.reports.thumbnails import blurred_frames

        frames = blurred_frames(report, info)
    labels = _labels(report)
    segments = [_segment(segment, labels) for segment in report.segments]
    for index, frame in frames.items():
        segments[index]["frame"] = frame
    fields: Fields = {
        "schema_version": SCHEMA_VERSION,
        "metadata": _metadata(report),
        "segments": segments,
        "coverage": [_coverage(part, labels) for part in report.coverage],
        "categories": labels,
        "summary": _summary(report, labels),
    }
    return fields if output.include_confidence else _without_confidence(fields)


def write_json(
    report: Report, path: Path, output: Output, *, info: MediaInfo | None = None
) -> None:
    """Write to `path` what `to_dict` gives; the file appears complete or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    fields = to_dict(report, output, info)
    text = _indented(fields) if output.pretty_print else _CLOSE.encode(fields)
    write_text(_LONE.sub(lambda lone: f"\\u{ord(lone.group()):04x}", text) + "\n", path)


def _indented(value: Any, margin: str = "") -> str:
    """JSON with a line for every value; of `boxes`, which are many, for each box."""
    inner = margin + "  "
    if isinstance(value, dict) and value:
        lines = [
            f"{_ROOMY.encode(key)}: {(_rows if key == 'boxes' else _indented)(item, inner)}"
            for key, item in value.items()
        ]
        return f"{{\n{inner}" + f",\n{inner}".join(lines) + f"\n{margin}}}"
    if isinstance(value, list) and value:
        lines = [_indented(item, inner) for item in value]
        return f"[\n{inner}" + f",\n{inner}".join(lines) + f"\n{margin}]"
    return _ROOMY.encode(value)


def _rows(boxes: list[Fields], margin: str) -> str:
    rows = f",\n{margin}  ".join(_ROOMY.encode(box) for box in boxes)
    return f"[\n{margin}  {rows}\n{margin}]"


def _labels(report: Report) -> dict[str, str]:
    """Key -> label of every category the report speaks of."""
    labels = dict(report.labels)
    for segment in report.segments:
        for label in segment.labels:
            labels.setdefault(categories.key(label), label)
        for detection in segment.detections:
            labels.setdefault(detection.category, categories.label(detection.category))
    return labels


def _metadata(report: Report) -> Fields:
    duration = report.duration
    fields = {
        "file": report.source.name,
        "path": str(report.source),
        "duration": None if duration is None else format_timecode(duration),
        "duration_seconds": None if duration is None else float(duration),
        "size_bytes": report.size_bytes,
        "fingerprint": report.fingerprint,
        "processed_at": report.processed_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "config": report.config,
    }
    if report.profile:
        fields["profile"] = report.profile
    return {**fields, "all_allowed": True} if report.all_allowed else fields


def _times(span: Span) -> Fields:
    return {
        "start_time": format_timecode(span.start),
        "start_time_seconds": float(span.start),
        "end_time": format_timecode(span.end),
        "end_time_seconds": float(span.end),
        "duration_seconds": round(float(span.duration), 6),
    }


def _rounded(share: float) -> float:
    """Four digits: a ten-thousandth of a picture's width is a fifth of a pixel in 1080p."""
    return round(share, 4)


def _segment(segment: Segment, labels: Mapping[str, str]) -> Fields:
    fields = {
        **_times(segment.span),
        "labels": list(segment.labels),
        "description": segment.description,
        "confidence": _rounded(segment.confidence),
        "allow": segment.allow,
    }
    if segment.video_action is not None:
        fields["video_action"] = segment.video_action
    if segment.audio_action is not None:
        fields["audio_action"] = segment.audio_action
    if not segment.found:
        fields["found"] = False
    fields["detections"] = [_detection(detection, labels) for detection in segment.detections]
    return fields


def _detection(detection: Detection, labels: Mapping[str, str]) -> Fields:
    """`label` is the category's, as the contract has it; the detector's own word is `match`."""
    fields = {
        "label": labels.get(detection.category, detection.category),
        "confidence": _rounded(detection.confidence),
        "reasoning": detection.reasoning,
        "category": detection.category,
        "match": detection.label,
        **_times(detection.span),
        "modality": detection.modality,
        "detector": detection.detector,
    }
    if detection.score is not None:
        fields["score"] = _rounded(detection.score)
    if detection.model:
        fields["model"] = detection.model
    if detection.evidence:
        fields["evidence"] = detection.evidence
    if detection.replacement:
        fields["replacement"] = detection.replacement
    if detection.track:
        fields["boxes"] = [
            {
                "time_seconds": float(point.time),
                "confidence": _rounded(point.score),
                "x": _rounded(point.box.x),
                "y": _rounded(point.box.y),
                "width": _rounded(point.box.width),
                "height": _rounded(point.box.height),
            }
            for point in detection.track
        ]
    return fields


def _coverage(part: Coverage, labels: Mapping[str, str]) -> Fields:
    return {
        "category": part.category,
        "label": labels.get(part.category, categories.label(part.category)),
        "status": part.status,
        "detectors": list(part.detectors),
        "gaps": [_gap(gap) for gap in part.gaps],
        "notes": list(part.notes),
    }


def _gap(gap: Gap) -> Fields:
    return {**_times(gap.span), "reason": gap.reason, "category": gap.category}


def _summary(report: Report, labels: Mapping[str, str]) -> Fields:
    counts = Counter(
        labels.get(detection.category, detection.category)
        for segment in report.segments
        for detection in segment.detections
    )
    flagged = union(segment.span for segment in report.segments)
    seconds = sum((span.duration for span in flagged), Fraction(0))
    return {
        "total_segments_detected": len(report.segments),
        "total_flagged_duration": round(float(seconds), 6),
        "detection_counts": dict(counts),
    }


def _without_confidence(fields: Any) -> Any:
    if isinstance(fields, dict):
        return {
            key: _without_confidence(value)
            for key, value in fields.items()
            if key not in ("confidence", "score")
        }
    if isinstance(fields, list):
        return [_without_confidence(item) for item in fields]
    return fields
