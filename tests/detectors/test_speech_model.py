"""The child process that holds the speech model: same answers, and no trace when it is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from spoken import sentence, sound

from video_censor_personal.detectors.speech.alignment import Placed, Script
from video_censor_personal.detectors.speech.model_process import ModelProcess
from video_censor_personal.detectors.speech.speech_model import SpeechModel, SpeechProcess
from video_censor_personal.errors import DetectorError

NAME = "words_hell_slt.wav"
SCRIPT = Script(tuple(sentence(NAME).split()), range(9), range(2, 3))
QUIET = np.zeros(1600, np.int16)
MINUTE = np.tile(sound("speech_rms.wav"), 6)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def child_pid(speech: SpeechProcess) -> int:
    assert speech.process.pid is not None
    return speech.process.pid


def test_the_child_answers_as_the_model_itself_does():
    speech, model = SpeechProcess(), SpeechModel()
    answer = speech.place(sound(NAME), SCRIPT)
    assert isinstance(answer, Placed)
    assert answer == model.place(sound(NAME), SCRIPT)
    assert speech.recognise(sound(NAME)[:32_000]) == model.recognise(sound(NAME)[:32_000])
    pid = child_pid(speech)
    speech.close()
    assert not is_running(pid)


def test_a_child_that_dies_fails_its_question_and_is_started_again_a_few_times():
    speech = SpeechProcess()
    for _ in range(4):
        assert speech.recognise(QUIET) == []
        os.kill(child_pid(speech), signal.SIGKILL)
        with pytest.raises(DetectorError, match="the speech model stopped with exit code -9"):
            speech.recognise(QUIET)
    with pytest.raises(DetectorError, match="too often"):
        speech.recognise(QUIET)


def test_a_question_it_cannot_answer_leaves_it_in_working_order():
    speech = SpeechProcess()
    with pytest.raises(DetectorError, match="the speech model failed: "):
        speech.recognise("no samples")
    assert speech.recognise(QUIET) == []
    speech.close()
    assert speech.recognise(QUIET) == []
    speech.close()


def test_it_goes_when_nobody_holds_it_any_more():
    speech = SpeechProcess()
    speech.recognise(QUIET)
    pid = child_pid(speech)
    del speech
    assert not is_running(pid)


class _Idler:
    """A model that is stuck."""

    def wait(self) -> None:
        threading.Event().wait()


def test_a_child_that_hangs_is_killed_and_its_question_fails():
    process = ModelProcess("the model", _Idler)
    with pytest.raises(DetectorError, match="the model gave no answer within 1 s"):
        process.ask("wait", limit_s=1)
    assert process.pid is None


def test_whoever_waits_for_an_abandoned_child_gets_no_answer_and_no_other_child():
    process = ModelProcess("the model", SpeechModel)
    process.ask("recognise", QUIET, limit_s=60)
    waiting = ThreadPoolExecutor(1).submit(process.ask, "recognise", MINUTE, limit_s=60)
    process.abandon()
    assert isinstance(waiting.exception(timeout=30), DetectorError)
    with pytest.raises(DetectorError, match="not used any more"):
        process.ask("recognise", QUIET, limit_s=60)


@pytest.mark.skipif(os.name != "posix", reason="sends a signal as a terminal does")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_or_death_of_the_parent_leaves_no_child(stop):
    script = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from spoken import CONTINUOUS, sound
from video_censor_personal.detectors.speech.model_process import ModelProcess
from video_censor_personal.detectors.speech.speech_model import SpeechProcess
speech = SpeechProcess()
speech.recognise(sound(CONTINUOUS)[:1600])
print(speech.process.pid, flush=True)
while True:
    speech.recognise(sound(CONTINUOUS))
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.killpg(parent.pid, stop)
    try:
        _, complaint = parent.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(parent.pid, signal.SIGKILL)
        raise
    if stop == signal.SIGINT:
        assert complaint.decode().strip().endswith("KeyboardInterrupt")
        assert complaint.count(b"Traceback") == 1
    fd = os.pidfd_open(pid) if is_running(pid) else None
    if fd is not None:  # it ends by itself when its input does
        import select

        assert select.select([fd], [], [], 30)[0]
        os.close(fd)
