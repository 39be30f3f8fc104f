"""The main job: `video-censor --video IN --output OUT`."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from video_censor_personal import __version__
from video_censor_personal.cli.console import Console, configure_logging
from video_censor_personal.cli.edge import guarded
from video_censor_personal.cli.options import add_device, add_profile

if TYPE_CHECKING:
    from video_censor_personal.config import Config

__all__ = ["parser", "run"]

_PROVE_EDITS, _PROVE_WHOLE = "edits", "whole"

_DESCRIPTION = """\
Find nudity, profanity and whatever else you name in a video, show what was found and why,
and write a censored copy. Everything happens on this machine; the source file is never changed.
"""

_EPILOG = """\
examples:
  video-censor movie.mp4 -o movie.clean.mp4
      Analyse the film and write the censored copy. The report lies beside it as
      movie.clean.json, and movie.clean.html shows it in a browser.

  video-censor movie.mp4 -o movie.json
  video-censor movie.mp4 --input-segments movie.json -o movie.clean.mp4
      Only analyse; look at the report, set "allow": true for what may stay or change times;
      then make the copy from it, without analysing again.

  video-censor --profile family --download-models movie.mp4 -o movie.clean.mp4
      Censor for children, with settings that come along; first fetch the models they ask for.
      (Your own settings: --config my.yaml. Both: what my.yaml says wins.)

other commands (video-censor COMMAND --help):
  models    list, download, verify and remove model files
  serve     download and manage models over HTTP, with a page to look at
  profile   list and show named settings; judge by them what was analysed once
  doctor    say what this machine can run, how fast, and what is missing
  demo      make a sample movie, censor it, and say where to look

configuration:
  --config FILE, else ./video-censor.yaml, else ./config.yaml, else the built-in defaults: nudity
  and sexual themes are blurred, profanity is muted. A --profile lies below that file: options on
  this command line win over the file, the file over the profile, the profile over the defaults.

exit codes:
  0    done
  1    an error stopped the job, or --prove found something left in the copy
  2    wrong usage or configuration
  3    finished, but part of the video could not be analysed
  4    a model is missing or damaged and could not be had
  130  interrupted
"""


def parser() -> argparse.ArgumentParser:
    """The options of the main job, as in `--help`."""
    made = argparse.ArgumentParser(
        prog="video-censor",
        usage="video-censor [VIDEO] [-o OUT] [--config FILE] [options]\n"
        "       video-censor COMMAND [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    _add_files(made)
    _add_steps(made)
    _add_copy(made)
    _add_talk(made)
    return made


def _add_files(made: argparse.ArgumentParser) -> None:
    files = made.add_argument_group("files")
    files.add_argument("positional", nargs="?", metavar="VIDEO", help="the video to analyse")
    files.add_argument("--video", "--input", "-i", metavar="PATH", help="the same, as an option")
    files.add_argument(
        "--output",
        "-o",
        metavar="PATH",
        type=Path,
        help="a video suffix (.mp4, .mkv, ...): the censored copy, its report beside it; "
        ".json: only the report (default: VIDEO's name with .json, in the current folder)",
    )
    files.add_argument(
        "--output-video",
        metavar="PATH",
        type=Path,
        help="the censored copy, where --output names the report",
    )
    files.add_argument("--config", metavar="FILE", type=Path, help="settings in YAML")
    add_profile(files)
    files.add_argument(
        "--force", "-y", action="store_true", help="overwrite outputs that exist already"
    )


def _add_steps(made: argparse.ArgumentParser) -> None:
    steps = made.add_argument_group("what is done")
    steps.add_argument(
        "--download-models",
        action="store_true",
        help="first verify every model the configuration needs and fetch what is missing",
    )
    steps.add_argument(
        "--input-segments",
        metavar="REPORT",
        type=Path,
        help="make the copy from this report (edited or not), without analysing",
    )
    steps.add_argument(
        "--reanalyse",
        action="store_true",
        help="look and listen again even if the kept scores say all that would be found, and start "
        "afresh: what was decided in a report that is replaced does not count",
    )
    steps.add_argument(
        "--allow-all-segments",
        action="store_true",
        help="mark everything that is found as allowed; nothing is censored",
    )
    add_device(steps)
    steps.add_argument(
        "--edit", action="store_true", help="open the report's page when the analysis ends"
    )
    steps.add_argument(
        "--dry-run", action="store_true", help="say what would be done; change nothing"
    )


def _add_copy(made: argparse.ArgumentParser) -> None:
    copy = made.add_argument_group("how the copy is made")
    copy.add_argument(
        "--speech-channels",
        choices=("all", "center"),
        help="center: of surround tracks only the centre channel is muted",
    )
    copy.add_argument(
        "--clean-track",
        action="store_true",
        help="leave the sound as it is and add the changed one as a new default track, CLEAN",
    )
    copy.add_argument(
        "--prove",
        nargs="?",
        const=_PROVE_EDITS,
        metavar=_PROVE_WHOLE,
        help="analyse the finished copy again around what was changed, or the whole of it; "
        "anything left ends with exit code 1",
    )


def _add_talk(made: argparse.ArgumentParser) -> None:
    talk = made.add_argument_group("what is said")
    talk.add_argument(
        "--json", action="store_true", help="progress and result as JSON, one object a line"
    )
    talk.add_argument(
        "--log-level", choices=("info", "debug", "trace"), help="write a log to standard error"
    )
    talk.add_argument("-v", "--verbose", action="store_true", help="the same as --log-level debug")
    talk.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    talk.add_argument("--version", action="version", version=f"video-censor {__version__}")
    talk.add_argument("-h", "--help", action="help", help="show this page and exit")


def run(argv: list[str]) -> int:
    """Parse `argv`, do the job, tell how it went; the exit code."""
    if argv and _is_meant_as_command(argv[0]):
        return guarded(
            Console(as_json="--json" in argv), lambda: _refuse_command(argv[0]), interrupted=""
        )
    arguments = parser().parse_args(argv)
    level = arguments.log_level or ("debug" if arguments.verbose else "warning")
    configure_logging(level)
    console = Console(as_json=arguments.json, quiet=arguments.quiet)
    return guarded(
        console,
        lambda: _run(arguments, console),
        interrupted="interrupted; nothing half-written was left",
    )


def _is_meant_as_command(word: str) -> bool:
    """Whether `word`, which is no command, is none of what a video can be either: an option, a
    path, or a name with a suffix."""
    path = Path(word)
    return not (word.startswith("-") or path.suffix or word != path.name or path.exists())


def _refuse_command(word: str) -> int:
    from video_censor_personal.cli import COMMANDS
    from video_censor_personal.config.document import nearest
    from video_censor_personal.errors import UsageError

    guess = nearest(word, COMMANDS)
    raise UsageError(
        f"{word!r} is no command, and no video of that name is here"
        + (f"; did you mean {guess!r}?" if guess else "")
        + f" (commands: {', '.join(sorted(COMMANDS))}; a video: video-censor movie.mp4 -o "
        "movie.clean.mp4; more: video-censor --help)"
    )


def _run(arguments: argparse.Namespace, console: Console) -> int:
    # Loaded late: `--help` and wrong usage must answer at once.
    from video_censor_personal.job import Request, plan_job, run_job

    video = _video(arguments)
    request = Request(
        video=Path(video),
        config=_config(arguments),
        output=arguments.output,
        output_video=arguments.output_video,
        segments=arguments.input_segments,
        download_models=arguments.download_models,
        allow_all=arguments.allow_all_segments,
        page=arguments.edit,
        force=arguments.force,
        prove=arguments.prove is not None,
        prove_whole=arguments.prove == _PROVE_WHOLE,
        reanalyse=arguments.reanalyse,
    )
    plan = plan_job(request)
    if arguments.dry_run:
        for caution in plan.cautions():
            console.warn(caution)
        console.result(plan.facts(), plan.describe())
        return 0
    outcome = run_job(plan, listener=console.progress, warn=console.warn)
    console.close()
    console.result(outcome.facts(), outcome.describe())
    if arguments.edit and outcome.page:
        _open(outcome.page, console)
    return outcome.exit_code


def _video(arguments: argparse.Namespace) -> str:
    """The video that is named; `--prove movie.mp4` names one too."""
    from video_censor_personal.errors import UsageError

    if arguments.prove not in (None, _PROVE_EDITS, _PROVE_WHOLE):
        if arguments.positional:
            raise UsageError(f"--prove {arguments.prove}: write --prove, or --prove whole")
        # `--prove movie.mp4`: what follows is the video.
        arguments.positional, arguments.prove = arguments.prove, _PROVE_EDITS
    if arguments.video and arguments.positional:
        raise UsageError(
            f"two videos are named, {arguments.video!r} and {arguments.positional!r}; name one"
        )
    video = arguments.video or arguments.positional
    if not video:
        raise UsageError("which video? Try: video-censor movie.mp4 -o movie.clean.mp4 (or --help)")
    return str(video)


def _config(arguments: argparse.Namespace) -> Config:
    from video_censor_personal.cli.settings import find_config

    config = find_config(arguments.config, arguments.profile)
    if arguments.speech_channels:
        config.remediation.audio.speech_channels = arguments.speech_channels
    if arguments.clean_track:
        config.remediation.audio.clean_track = True
    if arguments.device:
        config.processing.device = arguments.device
    return config


def _open(page: Path, console: Console) -> None:
    if not webbrowser.open(page.resolve().as_uri()):
        console.note(f"no browser could be opened; look at {page.resolve()}")
