"""`video-censor demo`: make the sample movie, censor it, say where to look."""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path

from video_censor_personal.cli.console import Console, configure_logging
from video_censor_personal.cli.edge import guarded

__all__ = ["run"]

_DESCRIPTION = """\
Make a 40 s movie by code (a stroll past landscapes and a portrait, with some mild swearing), censor
it, and say where to look. It shows every step on a video of which is known what is in it: faces are
blurred and profanity is muted.
"""


def run(argv: list[str]) -> int:
    """Parse `argv` and do it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="video-censor demo",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--output",
        "-o",
        metavar="FOLDER",
        type=Path,
        default=Path("video-censor-demo"),
        help="where everything is written (default: %(default)s); made if it is not there, and "
        "files of an earlier demo in it are replaced",
    )
    parser.add_argument("--json", action="store_true", help="JSON objects, one a line")
    parser.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    arguments = parser.parse_args(argv)
    configure_logging("warning")
    console = Console(as_json=arguments.json, quiet=arguments.quiet)
    return guarded(
        console,
        lambda: _demo(arguments.output, console),
        interrupted="interrupted; nothing half-written was left",
    )


def _demo(folder: Path, console: Console) -> int:
    from video_censor_personal.config import load_config
    from video_censor_personal.errors import OutputError
    from video_censor_personal.job import Request, plan_job, run_job
    from video_censor_personal.sample.movie import make_sample

    try:
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "demo.yaml"
        source = resources.files("video_censor_personal.sample") / "demo.yaml"
        settings.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be used: {error.strerror}", path=folder) from error
    movie = folder / "sample.mp4"
    make_sample(movie, listener=console.progress)
    request = Request(
        video=movie,
        config=load_config(settings),
        output=folder / "sample.clean.mp4",
        force=True,
    )
    outcome = run_job(plan_job(request), listener=console.progress, warn=console.warn)
    console.close()
    console.result(outcome.facts(), f"{outcome.describe()}\n\n{_where_to_look(folder)}")
    return outcome.exit_code


def _where_to_look(folder: Path) -> str:
    return (
        f"Look at {folder / 'sample.mp4'}, then at {folder / 'sample.clean.mp4'}:\n"
        "the faces are blurred and the swear words are silent. The page\n"
        f"{folder / 'sample.clean.html'} shows what was found and why.\n\n"
        "For a video of your own:\n"
        "    video-censor my-video.mp4 -o my-video.clean.mp4"
    )
