"""A model in a process of its own, so that its work stops nothing else and cannot take it down.

Libraries that keep Python's global lock, eat memory or crash do so in a child. Requests and answers
are pickles over the child's standard input and output; it ends when its input ends, so it outlives
nobody. No answer is waited for without end: a child that hangs is killed.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable
from threading import Event, Timer
from typing import IO, Any

from video_censor_personal.errors import DetectorError

__all__ = ["ModelProcess"]

_MAX_STARTS = 4


class ModelProcess:
    """What `make(*arguments)` returns, in a child process, started when it is first asked.

    A child that dies, or that gives no answer in time, is started again, a few times; each
    question it left unanswered raises `DetectorError`.

    Args:
        name: what messages call it, such as "the speech model".
        make: a class or function of a module that the child can import.
    """

    def __init__(self, name: str, make: Callable[..., object], *arguments: object) -> None:
        self._name, self._recipe = name, (make, arguments)
        self._child: subprocess.Popen[bytes] | None = None
        self._stop: weakref.finalize[..., Any] | None = None
        self._starts = 0
        self._abandoned = Event()

    @property
    def pid(self) -> int | None:
        """The child's, while there is one."""
        return None if self._child is None else self._child.pid

    def ask(self, question: str, *arguments: object, limit_s: float) -> Any:
        """What the method `question` returns.

        Raises:
            DetectorError: it raised something, the child died, or there was no answer within
                `limit_s`.
        """
        child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        late = Event()
        watch = Timer(limit_s, _kill, (child, late))
        watch.daemon = True
        watch.start()
        try:
            pickle.dump((question, arguments), child.stdin)
            child.stdin.flush()
            error, answer = pickle.load(child.stdout)  # our own child wrote it
        except (OSError, ValueError, EOFError, pickle.UnpicklingError) as failure:
            raise self._died(child, limit_s if late.is_set() else None) from failure
        except BaseException:  # interrupted half-way: the next answer would be to this question
            self.close()
            raise
        finally:
            watch.cancel()
        if error:
            raise DetectorError(f"{self._name} failed: {error}")
        return answer

    def close(self) -> None:
        """End the child; it is started again when it is asked again."""
        if self._stop is not None:
            self._stop()
        self._child = self._stop = None

    def abandon(self) -> None:
        """End the child for good, from any thread: whoever waits for an answer gets none."""
        self._abandoned.set()
        self.close()

    def _died(self, child: subprocess.Popen[bytes], limit_s: float | None) -> DetectorError:
        self.close()
        if limit_s is not None:
            return DetectorError(f"{self._name} gave no answer within {limit_s:.0f} s")
        return DetectorError(f"{self._name} stopped with exit code {child.returncode}")

    def _start(self) -> subprocess.Popen[bytes]:
        self._starts += 1
        if self._starts > _MAX_STARTS:
            raise DetectorError(f"{self._name} stopped too often")
        if self._abandoned.is_set():
            raise DetectorError(f"{self._name} is not used any more")
        # What a library may tell or fetch over the network is nothing that listening needs.
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "HF_HUB_OFFLINE": "1",
            "ORT_DISABLE_TELEMETRY": "1",
        }
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            # Ctrl-C is the parent's to answer; the child goes when its input ends.
            start_new_session=os.name == "posix",
        )
        self._child = child
        self._stop = weakref.finalize(self, _end, child)
        assert child.stdin is not None
        pickle.dump(self._recipe, child.stdin)
        if self._abandoned.is_set():  # in the meantime, by a thread that saw no child yet
            self.close()
        return child


def _kill(child: subprocess.Popen[bytes], late: Event) -> None:
    late.set()
    child.kill()


def _end(child: subprocess.Popen[bytes]) -> None:
    """Stop the child at once and wait until it is gone."""
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what it had not read yet is of no interest
                continue
    child.wait()


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer questions until there are no more: the child's whole life."""
    make, arguments = pickle.load(questions)  # our parent wrote it
    model = None
    while True:
        try:
            question, parts = pickle.load(questions)
        except EOFError:
            return
        answer: tuple[str | None, Any]
        try:
            model = model or make(*arguments)
            answer = None, getattr(model, question)(*parts)
        except Exception as failure:  # noqa: BLE001 - the edge of a process: the parent decides
            answer = f"{type(failure).__name__}: {failure}", None
            model = None  # a model that failed half-way is of no more use
        pickle.dump(answer, answers)
        answers.flush()


def _own_output() -> IO[bytes]:
    """Standard output for answers alone: what a library prints goes where errors go."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, _own_output())
