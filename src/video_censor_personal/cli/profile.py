"""`video-censor profile`: named settings, and what was analysed once judged by them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from video_censor_personal.cli.console import Console, configure_logging
from video_censor_personal.cli.edge import guarded
from video_censor_personal.cli.options import add_profile

if TYPE_CHECKING:
    from video_censor_personal.config import Config

__all__ = ["run"]

_DESCRIPTION = """\
A profile is a named set of settings in one YAML file: what to look for, how, and what to do about
it. It lies under the configuration (built-in defaults < profile < configuration file < options).
Some come along; yours lie in the folder that `list` names, or anywhere as a file.
"""

_APPLY = """\
Make another report from the scores that an analysis kept (movie.clean.scores.json.gz, beside its
report): other sensitivities, fewer categories, other times to merge. Nothing is analysed. What you
allowed in the old report stays allowed where the same things are found; what could not be carried
over is said. What the scores do not tell is reported as unknown, with the reason (exit code 3).
For the copy: video-censor movie.mp4 --input-segments NEW.json -o copy.mp4
"""


def run(argv: list[str]) -> int:
    """Parse `argv` and do it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="video-censor profile",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands"
    )
    _add_talk(commands.add_parser("list", help="the profiles there are, and what they want"))
    show = commands.add_parser("show", help="what a profile says, and whether it can work here")
    show.add_argument("name", metavar="NAME", help="its name, or a YAML file")
    _add_talk(show)
    _add_apply(commands)
    arguments = parser.parse_args(argv)
    configure_logging("error" if arguments.quiet else "warning")
    console = Console(as_json=arguments.json, quiet=arguments.quiet)
    return guarded(
        console,
        lambda: _HANDLERS[arguments.command](arguments, console),
        interrupted="interrupted; nothing half-written was left",
    )


def _add_apply(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    apply = commands.add_parser(
        "apply",
        help="make another report from kept scores",
        description=_APPLY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    apply.add_argument(
        "source",
        metavar="SCORES_OR_REPORT",
        type=Path,
        help="the scores, or a report beside which they lie",
    )
    apply.add_argument("--config", metavar="FILE", type=Path, help="the other settings, in YAML")
    add_profile(apply)
    apply.add_argument(
        "--output", "-o", metavar="NEW.json", type=Path, required=True, help="the other report"
    )
    apply.add_argument(
        "--force", "-y", action="store_true", help="overwrite it if it is there already"
    )
    _add_talk(apply)


def _add_talk(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="JSON objects, one a line")
    command.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")


def _list(_: argparse.Namespace, console: Console) -> int:
    from video_censor_personal.cli.profile_page import list_page

    for problem in (page := list_page()).problems:
        console.warn(problem)
    console.result(page.facts, page.text)
    return 2 if page.problems else 0


def _show(arguments: argparse.Namespace, console: Console) -> int:
    from video_censor_personal.cli.profile_page import show_page

    page = show_page(arguments.name)
    console.result(page.facts, page.text)
    return 0


def _apply(arguments: argparse.Namespace, console: Console) -> int:
    from video_censor_personal.rejudging import apply_scores

    done = apply_scores(
        arguments.source, _config(arguments), arguments.output, force=arguments.force
    )
    console.close()
    console.result(done.facts(), done.describe())
    return done.exit_code


def _config(arguments: argparse.Namespace) -> Config:
    from video_censor_personal.cli.settings import find_config

    return find_config(arguments.config, arguments.profile)


_HANDLERS: dict[str, Callable[[argparse.Namespace, Console], int]] = {
    "list": _list,
    "show": _show,
    "apply": _apply,
}
