"""The edge of the process: every failure ends here, as a message and an exit code."""

from __future__ import annotations

import logging
from collections.abc import Callable

from video_censor_personal.cli.console import Console, OutputLost
from video_censor_personal.errors import VideoCensorError

__all__ = ["guarded"]

log = logging.getLogger(__name__)


class Interrupted(Exception):
    """How an interruption is told."""


class Unexpected(Exception):
    """How a failure is told that nobody thought of."""


def guarded(console: Console, command: Callable[[], int], *, interrupted: str) -> int:
    """The exit code of `command`; what it raises is told on `console`.

    `interrupted` says what Ctrl-C left behind.
    """
    try:
        return command()
    except KeyboardInterrupt:
        return _tell(console, Interrupted(interrupted), 130)
    except OutputLost:
        raise  # there is no way to tell it here
    except VideoCensorError as error:
        log.debug("the command failed", exc_info=True)
        return _tell(console, error, error.exit_code)
    except Exception as error:
        log.debug("the command failed", exc_info=True)
        hint = f"unexpected {type(error).__name__}: {error} (run again with -v to see where)"
        return _tell(console, Unexpected(hint), 1)
    finally:
        console.close()


def _tell(console: Console, error: Exception, exit_code: int) -> int:
    console.close()
    console.error(error, exit_code)
    return exit_code
