"""The top of the page: which video this is, what was not looked at, what will be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from video_censor_personal import categories
from video_censor_personal.findings import Coverage, Gap, Report
from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.reports.page.markup import Markup, tag
from video_censor_personal.timeline import Span, format_timecode, union

__all__ = ["coverage_section", "head_section", "plan_section", "warning_section"]

_GAPS_SHOWN = 20
_STATUS = {
    "analysed": ("Looked at", "from beginning to end"),
    "partial": ("Partly looked at", "all but the times below"),
    "unknown": ("Not looked at", "asked for, but nothing here could look for it"),
    "not_requested": ("Not asked for", "so nothing is known about it"),
}


def head_section(report: Report, info: MediaInfo) -> Markup:
    """The file's name, its facts, and the figures of the report."""
    flagged = union(segment.span for segment in report.segments)
    seconds = sum((span.duration for span in flagged), Fraction(0))
    count = len(report.segments)
    return tag(
        "header",
        tag("p", "Report of video-censor", class_="eyebrow"),
        tag("h1", info.path.name),
        tag("p", " · ".join(_facts(report, info)), class_="facts"),
        tag(
            "dl",
            _figure(str(count), "segment found" if count == 1 else "segments found"),
            _figure(_short(seconds), f"flagged{_share(seconds, report.duration)}"),
            *[_figure(str(number), label) for label, number in _counts(report).items()],
            class_="figures",
        ),
    )


def _facts(report: Report, info: MediaInfo) -> Iterable[str]:
    yield "length unknown" if info.duration is None else format_timecode(info.duration)
    if info.video is not None:
        yield _picture(info.video)
    if info.audio is not None:
        sound = info.audio
        yield " ".join(part for part in (sound.codec, sound.channel_layout, sound.language) if part)
    yield f"{info.size_bytes / 1e6:.1f} MB"
    yield f"analysed {report.processed_at:%Y-%m-%d %H:%M} {report.processed_at.tzname() or ''}"
    if report.config:
        yield f"configuration: {report.config}"
    if report.profile:
        yield f"profile: {report.profile}"


def _picture(video: StreamInfo) -> str:
    rate = f", {float(video.frame_rate):.4g} fps" if video.frame_rate else ""
    return f"{video.width}×{video.height} {video.codec}{rate}"


def _figure(number: str, what: str) -> Markup:
    return tag("div", tag("dt", what), tag("dd", number))


def _short(seconds: Fraction) -> str:
    return f"{float(seconds):.1f} s" if seconds < 100 else format_timecode(seconds)[:-4]


def _share(seconds: Fraction, duration: Fraction | None) -> str:
    return f", {float(seconds / duration):.1%}" if duration else ""


def _counts(report: Report) -> dict[str, int]:
    counts: dict[str, int] = {}
    for segment in report.segments:
        for label in segment.labels:
            counts[label] = counts.get(label, 0) + 1
    return counts


def warning_section(report: Report) -> Markup:
    """What a person must not overlook: that something asked for was not looked at."""
    unseen = [part for part in report.coverage if part.status in ("unknown", "partial")]
    if not unseen:
        return Markup("")
    return tag(
        "section",
        tag("h2", "This is not the whole story"),
        tag("p", "Here the video may hold what you asked to have found, and nobody looked:"),
        tag(
            "ul",
            *[
                tag("li", tag("strong", _label(part, report)), ": ", _missing(part))
                for part in unseen
            ],
        ),
        class_="warning",
        aria_label="Warning",
    )


def _missing(part: Coverage) -> str:
    if part.status == "unknown":
        return " ".join(["was not looked for at all.", *part.notes])
    seconds = sum((s.duration for s in union(gap.span for gap in part.gaps)), Fraction(0))
    return f"{_short(seconds)} could not be looked at; the times are below."


def coverage_section(report: Report) -> Markup:
    """Every category in plain words."""
    if not report.coverage:
        return Markup("")
    return tag(
        "section",
        tag("h2", "What was looked for"),
        tag("ul", *[_coverage(part, report) for part in report.coverage], class_="coverage"),
    )


def _coverage(part: Coverage, report: Report) -> Markup:
    verdict, meaning = _STATUS[part.status]
    by = f", by {' and '.join(part.detectors)}" if part.detectors else ""
    return tag(
        "li",
        tag("span", verdict, class_=f"verdict {part.status}"),
        tag(
            "div",
            tag("strong", _label(part, report)),
            tag("span", f" {meaning}{by}", class_="quiet"),
            *[tag("p", note, class_="quiet") for note in part.notes],
            _gaps(part.gaps),
        ),
    )


def _gaps(gaps: Sequence[Gap]) -> Markup:
    if not gaps:
        return Markup("")
    shown = [
        tag("li", tag("span", _times(gap.span), class_="time"), f" {gap.reason}")
        for gap in gaps[:_GAPS_SHOWN]
    ]
    if len(gaps) > _GAPS_SHOWN:
        shown.append(tag("li", f"and {len(gaps) - _GAPS_SHOWN} more, listed in the JSON report"))
    return tag("ul", *shown, class_="gaps")


def _times(span: Span) -> str:
    return f"{format_timecode(span.start)} – {format_timecode(span.end)}"


def _label(part: Coverage, report: Report) -> str:
    return report.labels.get(part.category) or categories.label(part.category)


def plan_section(plan_lines: Sequence[str]) -> Markup:
    """What the copy does, as its plan says it."""
    if not plan_lines:
        return Markup("")
    return tag(
        "details",
        tag("summary", "What the censored copy does"),
        tag("ul", *[tag("li", line) for line in plan_lines]),
        class_="plan",
    )
