"""A rate is kept by whoever asks how long to wait, seen with a clock of our own."""

from __future__ import annotations

from video_censor_personal.transfer.throttle import Throttle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_holds_over_time_whatever_the_reads() -> None:
    clock = Clock()
    throttle = Throttle(1_000_000, clock)
    sent = 0
    for read in [1000, 50_000, 4096, 123, 30_000] * 100:
        wanted = throttle.most(read)
        assert wanted <= 50_000
        sent += wanted
        clock.now += throttle.spend(wanted)
    assert abs(sent / clock.now - 1_000_000) < 70_000


def test_time_that_was_not_used_is_not_saved_up() -> None:
    clock = Clock()
    throttle = Throttle(1_000_000, clock)
    clock.now = 100.0
    assert throttle.spend(1_000_000) > 0.9


def test_without_a_rate_nobody_waits() -> None:
    throttle = Throttle(None)
    assert throttle.most(1 << 30) == 1 << 30
    assert throttle.spend(1 << 30) == 0
