"""What a person or a program sees of a running job.

Progress and warnings go to standard error, results to standard output. With `--json` both become
JSON objects, one a line, on standard output.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from video_censor_personal.progress import Progress
from video_censor_personal.sizes import describe_size

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Console", "OutputLost", "TRACE"]

TRACE = 5
_PLAIN_INTERVAL_S = 5.0
_JSON_INTERVAL_S = 0.25


class OutputLost(OSError):
    """Standard output takes no more: its reader has gone, or its disk is full."""


class Console:
    """Renders progress, warnings, results and errors; one at a time a process."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet
        self._bars: dict[str, tqdm[Any]] = {}
        self._said: dict[str, float] = {}
        self._begun: dict[str, tuple[float, float]] = {}
        self._drawing = threading.Lock()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A file name, or a dash, that the terminal's encoding lacks must not end the job.
                stream.reconfigure(errors="backslashreplace")

    def progress(self, progress: Progress) -> None:
        """A `progress.Listener`: bars on a terminal, now and then a line elsewhere.

        Several threads may call it.
        """
        with self._drawing:
            self._show(progress)

    def _show(self, progress: Progress) -> None:
        if self.as_json:
            if self._is_due(progress, _JSON_INTERVAL_S):
                self._emit(
                    "progress",
                    stage=progress.stage,
                    done=round(progress.done, 3),
                    total=None if progress.total is None else round(progress.total, 3),
                    unit=progress.unit,
                    finished=progress.finished,
                )
        elif self.quiet:
            return
        elif sys.stderr.isatty():
            self._draw(progress)
        elif self._is_due(progress, _PLAIN_INTERVAL_S):
            print(f"{_plain(progress)}{self._pace(progress)}", file=sys.stderr, flush=True)

    def warn(self, message: str) -> None:
        """Something the person must know although the job goes on."""
        if self.as_json:
            self._emit("warning", message=message)
        else:
            self._line(f"warning: {message}", sys.stderr)

    def note(self, message: str) -> None:
        """Something good to know."""
        if self.as_json:
            self._emit("note", message=message)
        elif not self.quiet:
            self._line(message, sys.stderr)

    def result(self, facts: Mapping[str, Any], text: str) -> None:
        """What the job came to: `facts` for programs, `text` for people."""
        if self.as_json:
            self._emit("result", **facts)
        elif not self.quiet:
            self._line(text, sys.stdout)

    def error(self, error: BaseException, exit_code: int) -> None:
        message = str(error) or type(error).__name__
        if self.as_json:
            self._emit("error", message=message, type=type(error).__name__, exit_code=exit_code)
        else:
            self._line(f"video-censor: {message}", sys.stderr)

    def close(self) -> None:
        """Leave the terminal as it was."""
        for bar in self._bars.values():
            bar.close()
        self._bars.clear()

    def _draw(self, progress: Progress) -> None:
        from tqdm import tqdm  # loaded on use: most commands draw nothing

        is_bytes = progress.unit == "B"
        pace = self._pace(progress)
        bar = self._bars.get(progress.stage)
        if bar is None:
            bar = self._bars[progress.stage] = tqdm(
                desc=progress.stage,
                total=progress.total,
                # What an earlier run had fetched says nothing of today's speed.
                initial=progress.done if is_bytes else 0,
                unit=progress.unit,
                unit_scale=is_bytes,
                file=sys.stderr,
                leave=not is_bytes,
                dynamic_ncols=True,
                bar_format=None if is_bytes else _SECONDS_BAR,
            )
        bar.total = progress.total
        bar.update(progress.done - bar.n)
        if progress.finished and is_bytes:
            # Hundreds of files may come one after another: a finished one becomes a line.
            self._bars.pop(progress.stage).close()
            tqdm.write(f"{_plain(progress)}{pace}", file=sys.stderr)
        elif progress.finished:
            bar.refresh()

    def _pace(self, progress: Progress) -> str:
        """`, 84.0 MB/s, 12 s left` or `, 84.0 MB/s`: of what was done since the first report."""
        if progress.unit != "B":
            return ""
        now = time.monotonic()
        begun, before = self._begun.setdefault(progress.stage, (now, progress.done))
        if progress.finished:
            del self._begun[progress.stage]
        if now <= begun or progress.done <= before:
            return ""
        rate = (progress.done - before) / (now - begun)
        left = 0.0 if progress.finished else ((progress.total or 0.0) - progress.done) / rate
        return f", {describe_size(rate)}/s" + (f", {left:.0f} s left" if left > 0 else "")

    def _is_due(self, progress: Progress, interval_s: float) -> bool:
        now = time.monotonic()
        if not progress.finished and now - self._said.get(progress.stage, 0.0) < interval_s:
            return False
        self._said[progress.stage] = now
        return True

    def _line(self, text: str, file: TextIO) -> None:
        if self._bars:
            next(iter(self._bars.values())).write(text, file=file)
        else:
            _print(text, file)

    def _emit(self, event: str, **facts: Any) -> None:
        # ASCII holds any file name, even one that is not UTF-8, in whatever encoding is written.
        _print(json.dumps({"event": event, **facts}), sys.stdout)


def _print(text: str, file: TextIO) -> None:
    try:
        print(text, file=file, flush=True)
    except OSError as error:
        if file is sys.stdout:
            raise OutputLost(error.errno, error.strerror) from error
        raise


_SECONDS_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s [{elapsed}<{remaining}]"


def _plain(progress: Progress) -> str:
    done, total = _amount(progress, progress.done), progress.total
    if progress.finished:
        return f"{progress.stage}: done" + (f", {done}" if progress.unit == "B" else "")
    if not total:
        return f"{progress.stage}: {done}"
    percent = int(100 * min(1.0, progress.done / total))  # 100 is said when all is there
    return f"{progress.stage}: {percent}% ({done} of {_amount(progress, total)})"


def _amount(progress: Progress, count: float) -> str:
    return describe_size(count) if progress.unit == "B" else f"{count:.0f} {progress.unit}"


def configure_logging(level: str) -> None:
    """Send the log to standard error from `level` on: warning, info, debug or trace."""
    logging.addLevelName(TRACE, "TRACE")
    number = TRACE if level == "trace" else getattr(logging, level.upper())
    # Who says it matters only to those who follow the program's steps.
    detailed = number < logging.WARNING
    logging.basicConfig(
        level=number,
        stream=sys.stderr,
        format="%(levelname)s %(name)s: %(message)s" if detailed else "warning: %(message)s",
        force=True,
    )
