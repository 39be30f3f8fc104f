"""The list of the page: every segment, why it was flagged, and whether it may stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from video_censor_personal import categories
from video_censor_personal.findings import Box, Detection, Report, Segment
from video_censor_personal.reports.page.lanes import hue
from video_censor_personal.reports.page.markup import Markup, join, tag
from video_censor_personal.timeline import Span, format_timecode

__all__ = ["Picture", "list_section"]

_DETECTIONS_SHOWN = 40
_EVIDENCE = {
    "aligned": "timed to the word",
    "cue": "the whole subtitle",
    "recognised": "recognised in the sound",
    "reheard": "heard again and timed to the word",
}


class Picture(Protocol):
    """A picture of a segment, as `reports.thumbnails` makes it."""

    @property
    def address(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def boxes(self) -> tuple[Box, ...]: ...


def list_section(report: Report, pictures: Mapping[int, Picture]) -> Markup:
    """All segments in order of time, with filters above; `pictures` by number, from 0 on."""
    if not report.segments:
        return tag("section", tag("h2", "Segments"), tag("p", "Nothing was found."))
    labels = list(dict.fromkeys(label for s in report.segments for label in s.labels))
    return tag(
        "section",
        tag("h2", "Segments", id="segments-title"),
        _filters(labels),
        tag(
            "ol",
            *[
                _card(number, segment, pictures.get(number - 1))
                for number, segment in enumerate(report.segments, 1)
            ],
            id="segments",
            aria_labelledby="segments-title",
        ),
    )


def _filters(labels: Sequence[str]) -> Markup:
    chips = [
        tag(
            "button",
            label,
            type="button",
            class_=f"chip {_hue_of(label)}",
            aria_pressed="true",
            data_filter=label,
        )
        for label in labels
    ]
    return tag(
        "div",
        tag("div", *chips, role="group", aria_label="Categories that are shown"),
        tag(
            "button", "Hide what is allowed", type="button", class_="plain", id="hide-allowed",
            aria_pressed="false",
        ),
        tag("p", id="shown", role="status", class_="quiet"),
        tag(
            "p",
            tag("kbd", "j"), " next, ", tag("kbd", "k"), " previous, ",
            tag("kbd", "a"), " allow or censor, ", tag("kbd", "Enter"), " show the picture",
            class_="quiet keys",
        ),
        class_="filters scripted",
    )  # fmt: skip


def _hue_of(label: str) -> str:
    return hue(categories.key(label))


def _card(number: int, segment: Segment, picture: Picture | None) -> Markup:
    return tag(
        "li",
        _thumbnail(segment, picture),
        tag(
            "div",
            tag(
                "h3",
                tag("span", _times(segment.span), class_="time"),
                tag("span", f" {float(segment.span.duration):.2f} s", class_="quiet"),
                id=f"title-{number}",
            ),
            tag(
                "p",
                *[tag("span", label, class_=f"chip {_hue_of(label)}") for label in segment.labels],
                _confidence(segment.confidence),
                class_="labels",
            ),
            tag("p", segment.description) if segment.description else Markup(""),
            _reasons(segment),
            _own_actions(segment),
            _not_found(segment),
            class_="what",
        ),
        _switch(number, segment),
        class_="segment allowed" if segment.allow else "segment",
        id=f"segment-{number}",
        tabindex=-1,
        aria_labelledby=f"title-{number}",
        data_segment=number,
        data_labels="\n".join(segment.labels),
    )


def _thumbnail(segment: Segment, picture: Picture | None) -> Markup:
    if picture is None:
        return tag("div", "no picture", class_="thumbnail none")
    boxes = [
        tag(
            "rect",
            x=round(box.x * 1000),
            y=round(box.y * 1000),
            width=round(box.width * 1000),
            height=round(box.height * 1000),
        )
        for box in picture.boxes
    ]
    return tag(
        "button",
        tag("img", src=picture.address, alt="", width=picture.width, height=picture.height),
        tag("svg", *boxes, viewBox="0 0 1000 1000", preserveAspectRatio="none", aria_hidden="true"),
        tag("span", "Show", class_="veil", aria_hidden="true"),
        type="button",
        class_="thumbnail",
        aria_pressed="false",
        aria_label=f"Show the picture at {format_timecode(segment.span.start)} unblurred",
    )


def _confidence(share: float) -> Markup:
    return tag("span", f"{share:.0%} sure", class_="quiet")


def _times(span: Span) -> str:
    return f"{format_timecode(span.start)} – {format_timecode(span.end)}"


def _reasons(segment: Segment) -> Markup:
    items = [_reason(found, segment) for found in segment.detections[:_DETECTIONS_SHOWN]]
    rest = len(segment.detections) - len(items)
    if rest > 0:
        items.append(tag("li", f"and {rest} more, listed in the JSON report"))
    return tag("ul", *items, class_="reasons") if items else Markup("")


def _reason(detection: Detection, segment: Segment) -> Markup:
    when = Markup("")
    if detection.span != segment.span:  # else it would say the same as the title
        when = join(" ", tag("span", _times(detection.span), class_="time"))
    evidence = _EVIDENCE.get(detection.evidence, detection.evidence)
    how = [detection.detector, f"{detection.confidence:.0%} sure", evidence]
    return tag(
        "li",
        tag("b", detection.label, class_=hue(detection.category)),
        when,
        tag("span", f" {detection.reasoning}") if detection.reasoning else Markup(""),
        tag(
            "span",
            f" ({', '.join(part for part in how if part)})",
            class_="quiet",
            title=_origin(detection),
        ),
    )


def _origin(detection: Detection) -> str | None:
    """Which model said it, and what its own score was."""
    score = "" if detection.score is None else f"score {detection.score:.2f}"
    return ", ".join(part for part in (detection.model, score) if part) or None


def _own_actions(segment: Segment) -> Markup:
    actions = [action for action in (segment.video_action, segment.audio_action) if action]
    if not actions:
        return Markup("")
    return tag("p", f"Its own action: {', '.join(actions)}", class_="quiet")


def _not_found(segment: Segment) -> Markup:
    if segment.found:
        return Markup("")
    return tag(
        "p",
        "Not found by the latest analysis: made by hand, or decided about before",
        class_="quiet",
    )


def _switch(number: int, segment: Segment) -> Markup:
    return tag(
        "label",
        tag(
            "input",
            type="checkbox",
            checked=segment.allow,
            data_allow=number,
            aria_label=f"Allow segment {number}, {_times(segment.span)}",
        ),
        tag("span", class_="knob", aria_hidden="true"),
        tag("span", "Allowed", class_="on"),
        tag("span", "Censored", class_="off"),
        class_="switch scripted",
    )
