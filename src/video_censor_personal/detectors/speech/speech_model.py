"""The embedded speech model in a process of its own, so that listening does not stop looking.

pocketsphinx keeps Python's global lock while it works: in this process it would stop everything
else for a third of the time.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.detectors.speech.alignment import Aligner, Placed, Script, Unplaced
from video_censor_personal.detectors.speech.heard_words import HeardWord
from video_censor_personal.detectors.speech.model_process import ModelProcess
from video_censor_personal.detectors.speech.recognition import Recogniser
from video_censor_personal.media.base import SAMPLE_RATE_HZ

__all__ = ["SpeechModel", "SpeechProcess", "SpeechSource"]

_PATIENCE_S = 60.0
_PATIENCE_A_SECOND = 10.0
"""Longer than this nobody waits for an answer. Measured: 0.3 s to load, 0.16 s a second of sound;
the rest is for slow and busy machines."""


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

    def abandon(self) -> None:
        """Give back what it holds for good, from any thread, whoever waits for an answer."""
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

    def abandon(self) -> None:
        self.close()


class SpeechProcess:
    """The model in a child process; see `ModelProcess`."""

    def __init__(self) -> None:
        self.process = ModelProcess("the speech model", SpeechModel)

    def place(self, samples: NDArray[np.int16], script: Script) -> Placed | Unplaced:
        answer: Placed | Unplaced = self.process.ask(
            "place", samples, script, limit_s=_limit_s(samples)
        )
        return answer

    def recognise(self, samples: NDArray[np.int16]) -> list[HeardWord]:
        answer: list[HeardWord] = self.process.ask("recognise", samples, limit_s=_limit_s(samples))
        return answer

    def close(self) -> None:
        self.process.close()

    def abandon(self) -> None:
        self.process.abandon()


def _limit_s(samples: NDArray[np.int16]) -> float:
    return _PATIENCE_S + _PATIENCE_A_SECOND * len(samples) / SAMPLE_RATE_HZ
