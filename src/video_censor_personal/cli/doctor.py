"""`video-censor doctor`: what this machine can run, how fast, and what is missing."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from video_censor_personal.cli.console import Console, configure_logging
from video_censor_personal.cli.edge import guarded
from video_censor_personal.cli.options import add_device, add_profile

if TYPE_CHECKING:
    from video_censor_personal.doctor import Finding, Section

__all__ = ["run"]

_DESCRIPTION = """\
Look at this machine: libraries, codecs, devices, room for models, and every detector: whether it
can run, what it lacks and the command that gets it, and its speed, measured here and now in a few
seconds ("20 × real time": an hour of film in three minutes).
"""

_EPILOG = """\
exit codes:
  0    a run with this configuration can look for everything it asks for
  1    it cannot, or something that every run needs is broken
  2    wrong usage or configuration
"""

_MARKS = {"ok": "ok  ", "note": "-   ", "missing": "MISS", "failed": "FAIL"}


def run(argv: list[str]) -> int:
    """Parse `argv` and do it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="video-censor doctor",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings in YAML")
    add_profile(parser)
    add_device(parser)
    parser.add_argument("--quick", action="store_true", help="measure nothing")
    parser.add_argument("--json", action="store_true", help="JSON objects, one a line")
    parser.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    parser.add_argument("-v", "--verbose", action="store_true", help="log to standard error")
    arguments = parser.parse_args(argv)
    configure_logging("debug" if arguments.verbose else "error")
    console = Console(as_json=arguments.json, quiet=arguments.quiet)
    return guarded(
        console, lambda: _run(arguments, console), interrupted="interrupted; nothing was left"
    )


def _run(arguments: argparse.Namespace, console: Console) -> int:
    from video_censor_personal.cli.settings import find_config
    from video_censor_personal.doctor import examine

    config = find_config(arguments.config, arguments.profile)
    if arguments.device:
        config.processing.device = arguments.device
    sections = examine(config, measure=not arguments.quick, listener=console.progress)
    console.close()
    bad = [finding for section in sections for finding in section.findings if finding.is_bad]
    exit_code = 1 if bad else 0
    facts = {
        "ok": not bad,
        "exit_code": exit_code,
        "sections": [asdict(section) for section in sections],
    }
    console.result(facts, "\n".join([*_page(sections), "", _verdict(bad)]))
    return exit_code


def _page(sections: Iterable[Section]) -> Iterable[str]:
    for section in sections:
        yield f"\n{section.title}" if section.title else ""
        for finding in section.findings:
            remedy = f"\n         {finding.remedy}" if finding.remedy else ""
            yield f"  {_MARKS[finding.status]} {finding.name}: {finding.text}{remedy}"


def _verdict(bad: list[Finding]) -> str:
    if not bad:
        return "Everything that this configuration asks for can be looked for."
    names = dict.fromkeys(finding.name for finding in bad)
    return f"{len(names)} things stand in the way: {', '.join(names)}"
