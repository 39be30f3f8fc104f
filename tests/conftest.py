"""What every test relies on."""

import os
import signal
import sys
from collections.abc import Iterator

import pytest

# A shell that starts its commands in the background has them ignore Ctrl-C, and so would every
# program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _usual_priority() -> Iterator[None]:
    """No test may make this process a real-time one, as SVT-AV1 does where it runs as root: the
    programs that later tests start would leave nothing of the machine to anybody else."""
    yield
    if sys.platform == "linux":
        assert os.sched_getscheduler(0) == os.SCHED_OTHER
