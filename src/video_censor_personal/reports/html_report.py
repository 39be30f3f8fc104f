"""One self-contained page that shows a report to a person and lets them edit it."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from video_censor_personal.config import Output
from video_censor_personal.findings import Report
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.outputs import write_text
from video_censor_personal.reports.json_report import to_dict
from video_censor_personal.reports.page import facts, lanes, segments
from video_censor_personal.reports.page.markup import Markup, tag
from video_censor_personal.reports.thumbnails import make_thumbnails

__all__ = ["write_html"]


def write_html(
    report: Report, info: MediaInfo, path: Path, *, plan_lines: Sequence[str] = ()
) -> None:
    """Write the page to `path`.

    It loads nothing from anywhere, runs no script but its own, and holds at most 200 small
    pictures, blurred until they are chosen. `plan_lines` say what the copy does.

    Raises:
        OutputError: it cannot be written.
    """
    style, script = _asset("page.css"), _asset("page.js")
    page = tag(
        "html",
        _head(info, style, script),
        tag(
            "body",
            facts.head_section(report, info),
            facts.warning_section(report),
            tag(
                "main",
                lanes.timeline_section(report),
                facts.coverage_section(report),
                facts.plan_section(plan_lines),
                segments.list_section(report, make_thumbnails(report, info)),
            ),
            _save_bar(info, path) if report.segments else Markup(""),
            _data(report),
            tag("script", script),
        ),
        lang="en",
    )
    write_text(f"<!doctype html>\n{page}\n", path)


def _asset(name: str) -> Markup:
    """A file that comes with the package, to stand inside the page as it is."""
    return Markup(resources.files(facts.__package__).joinpath(name).read_text(encoding="utf-8"))


def _head(info: MediaInfo, style: str, script: str) -> Markup:
    policy = (
        f"default-src 'none'; img-src data:; style-src {_allowed(style)}; "
        f"script-src {_allowed(script)}; base-uri 'none'; form-action 'none'"
    )
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{info.path.name}: report"),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(style)),
    )


def _allowed(inline: str) -> str:
    digest = hashlib.sha256(inline.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _data(report: Report) -> Markup:
    """The report for the script, in a form that cannot end its element."""
    text = json.dumps(to_dict(report, Output()), ensure_ascii=False, allow_nan=False)
    return tag("script", Markup(text.replace("<", "\\u003c")), type="application/json", id="report")


def _save_bar(info: MediaInfo, path: Path) -> Markup:
    edited = f"{path.stem}.edited.json"
    copy = f"{info.path.stem}.clean{info.path.suffix}"
    command = shlex.join(
        ["video-censor", "--video", str(info.path), "--input-segments", edited, "--output", copy]
    )
    return tag(
        "footer",
        tag(
            "div",
            tag("p", id="state", role="status"),
            tag(
                "button",
                "Save edited report",
                type="button",
                id="save",
                class_="main",
                data_file=edited,
            ),
            tag(
                "div",
                tag(
                    "p",
                    "Then make the copy, in the folder where the file was saved:",
                    class_="quiet",
                ),
                tag("code", command, id="command"),
                tag("button", "Copy the command", type="button", id="copy"),
                id="next",
                hidden=True,
            ),
        ),
        class_="save scripted",
    )
