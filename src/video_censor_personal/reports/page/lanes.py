"""The timeline of the page: one lane a category, with its scores over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise

from video_censor_personal import categories
from video_censor_personal.findings import Detection, Gap, Report
from video_censor_personal.reports.page.markup import Markup, tag
from video_censor_personal.timeline import Span, format_timecode

__all__ = ["hue", "length_shown", "timeline_section"]

# One bin is about two pixels of a wide window: what is shorter is drawn that wide.
_BINS = 600
_TICKS_AT_MOST = 9
_TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_HUES = ("nudity", "profanity", "violence", "sexual_themes", "faces")
_SPARE_HUES = 4


def hue(category: str) -> str:
    """The CSS class that gives `category` its colour, the same on every page."""
    if category in _HUES:
        return f"hue-{category}"
    return f"hue-{sum(category.encode()) % _SPARE_HUES}"


def length_shown(report: Report) -> Fraction:
    """The length of the timeline: the video's, or what the report speaks of where that is more."""
    ends = [segment.span.end for segment in report.segments]
    ends += [gap.span.end for part in report.coverage for gap in part.gaps]
    return max([report.duration or Fraction(0), *ends, Fraction(1)])


def timeline_section(report: Report) -> Markup:
    """All lanes above one axis; a picture for the eye, whose content the list below repeats."""
    length = length_shown(report)
    found: dict[str, list[tuple[int, Detection]]] = {}
    for number, segment in enumerate(report.segments, 1):
        for detection in segment.detections:
            found.setdefault(detection.category, []).append((number, detection))
    for part in report.coverage:
        if part.status != "not_requested":
            found.setdefault(part.category, [])
    gaps = {part.category: part.gaps for part in report.coverage}
    unknown = {part.category for part in report.coverage if part.status == "unknown"}
    lanes = [
        _lane(report, key, detections, gaps.get(key, ()), key in unknown, length)
        for key, detections in found.items()
    ]
    return tag(
        "section",
        tag("h2", "Timeline"),
        tag(
            "p",
            "The higher a bar, the surer the detector. Hatched time was not looked at. "
            "Choose a bar to see what it stands for.",
            class_="quiet",
        ),
        tag("div", _HATCH, *lanes, _axis(length), class_="lanes", aria_hidden="true"),
    )


# Shared by all lanes: a pattern cannot be given in a style sheet.
_HATCH = tag(
    "svg",
    tag(
        "pattern",
        tag("path", d="M0 8 L8 0 M-2 2 L2 -2 M6 10 L10 6", class_="hatch-line"),
        id="hatch",
        width=8,
        height=8,
        patternUnits="userSpaceOnUse",
    ),
    width=0,
    height=0,
    class_="patterns",
)


def _lane(
    report: Report,
    category: str,
    detections: Sequence[tuple[int, Detection]],
    gaps: Sequence[Gap],
    unknown: bool,
    length: Fraction,
) -> Markup:
    label = report.labels.get(category) or categories.label(category)
    unseen = [Span(Fraction(0), length)] if unknown else [gap.span for gap in gaps]
    return tag(
        "div",
        tag("span", label, class_="lane-name"),
        tag(
            "svg",
            *[_bar(span, length, "100%", class_="gap", fill="url(#hatch)") for span in unseen],
            *_scores(detections, length),
            *[_link(number, detection, length) for number, detection in detections],
            class_="lane-plot",
        ),
        class_=f"lane {hue(category)}",
    )


def _scores(detections: Sequence[tuple[int, Detection]], length: Fraction) -> Iterator[Markup]:
    """The highest score of every bin; neighbours of one height become one bar."""
    bins = [0.0] * _BINS
    for _, detection in detections:
        for span, score in _scored_spans(detection):
            first = min(_BINS - 1, int(span.start / length * _BINS))
            last = max(first + 1, -int(-(span.end / length * _BINS) // 1))
            for index in range(first, min(last, _BINS)):
                bins[index] = max(bins[index], round(score, 2))
    position = 0
    for score, group in groupby(bins):
        width = len(list(group))
        if score:
            span = Span(length * position / _BINS, length * (position + width) / _BINS)
            yield _bar(span, length, f"{score:.0%}", class_="score")
        position += width


def _scored_spans(detection: Detection) -> Iterator[tuple[Span, float]]:
    points = [point for point in detection.track if detection.span.contains(point.time)]
    if not points:
        yield detection.span, detection.confidence
        return
    times = [detection.span.start, *(point.time for point in points[1:]), detection.span.end]
    for (start, end), point in zip(pairwise(times), points, strict=True):
        yield Span(start, end), point.score


def _bar(span: Span, length: Fraction, height: str, **attributes: str) -> Markup:
    share = float(height.rstrip("%"))
    return tag(
        "rect",
        x=_percent(span.start / length),
        width=_percent(span.duration / length),
        y=f"{100 - share:g}%",
        height=height,
        **attributes,
    )


def _link(number: int, detection: Detection, length: Fraction) -> Markup:
    title = f"{detection.label}, {detection.span}, {detection.confidence:.0%}"
    smallest = length * 4 / _BINS  # wide enough to be hit
    middle = detection.span.start + detection.span.duration / 2
    start = min(detection.span.start, max(Fraction(0), middle - smallest / 2))
    target = Span(start, max(detection.span.end, start + smallest))
    return tag(
        "a",
        tag("title", title),
        _bar(target, length, "100%", class_="target"),
        href=f"#segment-{number}",
        tabindex=-1,
        data_segment=number,
    )


def _axis(length: Fraction) -> Markup:
    step = next((s for s in _TICK_STEPS_S if length / s <= _TICKS_AT_MOST), _TICK_STEPS_S[-1])
    ticks = []
    for index in range(int(length / step) + 1):
        x = _percent(index * step / length)
        text = format_timecode(index * step)[:-4].removeprefix("00:")
        ticks.append(tag("line", x1=x, x2=x, y1=0, y2=5))
        late = index * step > length * Fraction(95, 100)
        anchor = "end" if late else "middle" if index else "start"
        ticks.append(tag("text", text, x=x, y=18, text_anchor=anchor))
    return tag("div", tag("span"), tag("svg", *ticks, class_="axis"), class_="lane")


def _percent(share: Fraction) -> str:
    return f"{float(share) * 100:.3f}%"
