"""The speech model in a process of its own, so that listening does not stop looking.

pocketsphinx keeps Python's global lock while it works: in this process it would stop everything
else for a third of the time. As a child it also cannot take the analysis down with it. Requests
and answers are pickles over the child's standard input and output; it ends when its input ends,
so it outlives nobody.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import weakref
from functools import cached_property
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.detectors.alignment import Aligner, Placed, Script, Unplaced
from video_censor_personal.detectors.recognition import HeardWord, Recogniser
from video_censor_personal.errors import DetectorError

__all__ = ["SpeechModel", "SpeechProcess", "SpeechSource"]

_MAX_STARTS = 4


class SpeechSource(Protocol):
    """What can place known words in sound and recognise unknown ones."""

    def place(self, samples: NDArray[np.int16], script: Script) -> Placed | Unplaced:
        """See `Aligner.place`."""
        ...

    def recognise(self, samples: NDArray[np.int16]) -> list[HeardWord]:
        """See `Recogniser.recognise`."""
        ...

    def close(self) -> None:
        """Give back what it holds; it may be used again."""
        ...


class SpeechModel:
    """The model in this process; each half is loaded when it is first asked."""

    @cached_property
    def _aligner(self) -> Aligner:
        return Aligner()

    @cached_property
    def _recogniser(self) -> Recogniser:
        return Recogniser()

    def place(self, samples: NDArray[np.int16], script: Script) -> Placed | Unplaced:
        return self._aligner.place(samples, script)

    def recognise(self, samples: NDArray[np.int16]) -> list[HeardWord]:
        return self._recogniser.recognise(samples)

    def close(self) -> None:
        self.__dict__.clear()


class SpeechProcess:
    """The model in a child process, started when it is first asked.

    A child that dies is started again, a few times; each question it left unanswered raises
    `DetectorError`.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._stop: weakref.finalize[..., Any] | None = None
        self._starts = 0

    def place(self, samples: NDArray[np.int16], script: Script) -> Placed | Unplaced:
        answer: Placed | Unplaced = self._ask("place", samples, script)
        return answer

    def recognise(self, samples: NDArray[np.int16]) -> list[HeardWord]:
        answer: list[HeardWord] = self._ask("recognise", samples)
        return answer

    def close(self) -> None:
        if self._stop is not None:
            self._stop()
        self._child = self._stop = None

    def _ask(self, question: str, *arguments: object) -> Any:
        child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            pickle.dump((question, arguments), child.stdin)
            child.stdin.flush()
            error, answer = pickle.load(child.stdout)  # our own child wrote it
        except (OSError, EOFError, pickle.UnpicklingError) as failure:
            self.close()
            raise DetectorError(
                f"the speech model stopped with exit code {child.returncode}"
            ) from failure
        except BaseException:  # interrupted half-way: the next answer would be to this question
            self.close()
            raise
        if error:
            raise DetectorError(f"the speech model failed: {error}")
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        self._starts += 1
        if self._starts > _MAX_STARTS:
            raise DetectorError("the speech model stopped too often")
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
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
        return child


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
    model = SpeechModel()
    while True:
        try:
            question, arguments = pickle.load(questions)  # our parent wrote it
        except EOFError:
            return
        answer: tuple[str | None, Any]
        try:
            answer = None, getattr(model, question)(*arguments)
        except Exception as failure:  # noqa: BLE001 - the edge of a process: the parent decides
            answer = f"{type(failure).__name__}: {failure}", None
            model.close()  # a decoder that failed half-way is of no more use
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
