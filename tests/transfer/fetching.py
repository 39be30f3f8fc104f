"""What the tests of the engine share: how it is asked, and how little it waits."""

from __future__ import annotations

from collections.abc import Callable

from video_censor_personal.transfer import Outcome, RetryPolicy

Fetch = Callable[..., Outcome]

IMPATIENT = RetryPolicy(waits_s=(0.01, 0.02, 0.03))
