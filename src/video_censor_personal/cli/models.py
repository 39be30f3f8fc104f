"""`video-censor models`: look at model files, fetch, verify and remove them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from tqdm.contrib.logging import logging_redirect_tqdm

from video_censor_personal.cli.console import Console, configure_logging
from video_censor_personal.cli.edge import guarded
from video_censor_personal.cli.options import add_profile

__all__ = ["parser", "run"]

_DESCRIPTION = """\
Look after the model files that a configuration names under models.sources, and those of the
catalogue that its detectors take. A model appears under its name only when its checksum was right;
a download that was interrupted goes on where it stopped.
"""

_EPILOG = """\
examples:
  video-censor models list --config my.yaml
      Which models my.yaml names, how big they are, which are here and who needs them.

  video-censor models download --config my.yaml --dry-run
  video-censor models download --config my.yaml
      What would be fetched and whether there is room; then fetch it, many files at once.

  video-censor models download --profile family
  video-censor models download clip-b32
      The models of a profile, or any of the catalogue (video-censor models catalog).

  video-censor models verify --deep llava-7b
      Read the file to the end and compare its checksum, whatever was known before.

  llava=$(video-censor models path llava-7b)
      The path for a script; exit code 4 if the model is not there.

configuration:
  --config FILE, else ./video-censor.yaml, else ./config.yaml, else the built-in defaults, which
  need no downloads.

exit codes:
  0    done, and every model asked for is there
  1    an error stopped the command
  2    wrong usage or configuration
  4    a model is missing or damaged and could not be had
  130  interrupted; what arrived is kept
"""


def parser() -> argparse.ArgumentParser:
    """The commands and options of `video-censor models`, as in `--help`."""
    made = argparse.ArgumentParser(
        prog="video-censor models",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = made.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands"
    )
    shared = _shared_options()

    def add(name: str, summary: str, details: str = "") -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}. {details}".strip(),
            parents=[shared],
            allow_abbrev=False,
        )

    add("list", "show every model: size, state, where it comes from, who uses it")
    _add_care(add)
    _add_removals(add)
    _add_registry(add)
    path = add("path", "print where a model lies", "Exit code 4 if it is not there, or damaged.")
    path.add_argument("name", metavar="NAME", help="the model")
    return made


def _add_care(add: Callable[..., argparse.ArgumentParser]) -> None:
    """What tells whether the models are there and right, and sees to it."""
    _add_names(
        add(
            "status",
            "say whether the models are here, and what to do if not",
            "Exit code 4 if one that is not optional is missing or damaged.",
        ),
    )
    download = add(
        "download",
        "fetch what is missing or damaged",
        "Models that are here and intact are left alone. A model that is named on the command "
        "line counts as required, even if the configuration calls it optional.",
    )
    _add_names(download)
    _add_dry_run(download, "say what would be fetched and how much room it needs; fetch nothing")
    verify = add(
        "verify",
        "compare the models with their checksums",
        "A file that was verified before and has not changed since is taken as right, unless "
        "--deep. Exit code 4 if one that is not optional is missing or damaged.",
    )
    _add_names(verify)
    verify.add_argument(
        "--deep", action="store_true", help="read every file to the end, several at once"
    )


def _add_removals(add: Callable[..., argparse.ArgumentParser]) -> None:
    prune = add(
        "prune",
        "remove unfinished downloads, and models that the configuration does not name",
        "Only files that this program downloaded or verified are removed; it says which, and asks "
        "first. Without a configuration file, only unfinished downloads are removed.",
    )
    _add_dry_run(prune, "say what would be removed; remove nothing")
    prune.add_argument("-y", "--yes", action="store_true", help="do not ask")
    remove = add("rm", "remove models, with what is left of their unfinished downloads")
    remove.add_argument("names", nargs="+", metavar="NAME", help="the models")
    _add_dry_run(remove, "say what would be removed; remove nothing")


def _add_registry(add: Callable[..., argparse.ArgumentParser]) -> None:
    lock = add(
        "lock",
        "pin the exact files of models that a registry knows, in models.lock",
        "What is pinned already stays as it is; downloads follow the pins without asking anyone.",
    )
    _add_names(lock)
    lock.add_argument(
        "--update", action="store_true", help="move the pins to what the registry has now"
    )
    add("catalog", "show the models this project knows and where they come from")


def _shared_options() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", metavar="FILE", type=Path, help="settings in YAML")
    add_profile(shared)
    shared.add_argument(
        "--cache-dir",
        metavar="DIR",
        type=Path,
        help="where models lie, instead of models.cache_dir",
    )
    shared.add_argument(
        "--json", action="store_true", help="progress and result as JSON, one object a line"
    )
    shared.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")
    shared.add_argument("-v", "--verbose", action="store_true", help="log to standard error")
    return shared


def _add_names(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "names", nargs="*", metavar="NAME", help="these models only (default: all)"
    )


def _add_dry_run(command: argparse.ArgumentParser, help_: str) -> None:
    command.add_argument("--dry-run", action="store_true", help=help_)


def run(argv: list[str]) -> int:
    """Parse `argv` (what follows `models`), do it, tell how it went; the exit code."""
    arguments = parser().parse_args(argv)
    level = "debug" if arguments.verbose else "error" if arguments.quiet else "warning"
    configure_logging(level)
    console = Console(as_json=arguments.json, quiet=arguments.quiet)
    with logging_redirect_tqdm():  # a line of the log must not cut a bar in two
        return guarded(
            console,
            lambda: _run(arguments, console),
            interrupted="interrupted; what arrived is kept, the same command goes on from there",
        )


def _run(arguments: argparse.Namespace, console: Console) -> int:
    # Loaded late: `--help` and wrong usage must answer at once.
    from video_censor_personal.cli.model_commands import ModelCommands
    from video_censor_personal.cli.model_registry import ModelRegistry
    from video_censor_personal.cli.model_removal import ModelRemoval
    from video_censor_personal.cli.named_models import named_models
    from video_censor_personal.cli.settings import find_config
    from video_censor_personal.model_manager import ModelManager

    config = find_config(arguments.config, arguments.profile)
    manager = ModelManager(config, cache_dir=arguments.cache_dir)
    models = named_models(config, manager)
    commands = ModelCommands(models, console, manager)
    removal = ModelRemoval(models, console, manager)
    registry = ModelRegistry(models, console, manager)
    names: list[str] | None = getattr(arguments, "names", None) or None
    handlers: dict[str, Callable[[], int]] = {
        "list": commands.list_all,
        "status": lambda: commands.status(names),
        "download": lambda: commands.download(names, dry_run=arguments.dry_run),
        "verify": lambda: commands.verify(names, deep=arguments.deep),
        "prune": lambda: removal.prune(dry_run=arguments.dry_run, ask=not arguments.yes),
        "rm": lambda: removal.remove(arguments.names, dry_run=arguments.dry_run),
        "lock": lambda: registry.lock(names, update=arguments.update),
        "catalog": registry.catalog,
        "path": lambda: commands.path(arguments.name),
    }
    return handlers[arguments.command]()
