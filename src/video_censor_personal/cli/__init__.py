"""The command line: the main job in `censor`, and one module a sub-command."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from types import FrameType

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "demo": "video_censor_personal.cli.demo",
    "doctor": "video_censor_personal.cli.doctor",
    "models": "video_censor_personal.cli.models",
    "profile": "video_censor_personal.cli.profile",
    "serve": "video_censor_personal.cli.serve",
}
"""The module of each sub-command."""


def main(argv: list[str] | None = None) -> int:
    """Run `video-censor` with `argv` (default: the process's own); its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    command = COMMANDS.get(arguments[0]) if arguments else None
    name = command or "video_censor_personal.cli.censor"
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        # Imported here, so that each command loads only what it needs.
        code = importlib.import_module(name).run(arguments[1:] if command else arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        _close_output()
        if error.errno != errno.EPIPE:  # else whoever read it has gone
            sys.stderr.write(f"video-censor: the result cannot be written: {error.strerror}\n")
        return 1
    return int(code)


def _close_output() -> None:
    """Nothing more is written, not even by Python on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt(_: int, __: FrameType | None) -> None:
    """End on SIGTERM as on Ctrl-C: temporary files are removed on the way out."""
    raise KeyboardInterrupt
