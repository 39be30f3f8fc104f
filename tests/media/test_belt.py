"""Things made in one thread and used in another: in order, bounded, and never left running."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from video_censor_personal.media.belt import Belt


def drain(belt: Belt[int], most: int = 3) -> list[int]:
    taken = []
    while things := belt.take(most):
        assert len(things) <= most
        taken += things
    return taken


def belt_of(
    make: Callable[[Callable[[], bool]], Iterator[int]], capacity: int = 4, cost: int = 1
) -> Belt[int]:
    return Belt(make, cost=lambda _: cost, capacity=capacity)


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "belt"]


def test_everything_comes_out_once_and_in_order() -> None:
    with belt_of(lambda _: iter(range(100))) as belt:
        assert drain(belt) == list(range(100))
        assert belt.take(1) == []
    assert running() == []


def test_one_thing_that_costs_more_than_the_belt_holds_still_passes() -> None:
    with belt_of(lambda _: iter(range(5)), capacity=1, cost=10) as belt:
        assert drain(belt) == list(range(5))


def test_the_maker_runs_ahead_by_no_more_than_the_belt_holds() -> None:
    made = 0
    blocked = threading.Event()

    def make(_: Callable[[], bool]) -> Iterator[int]:
        nonlocal made
        for number in range(100):
            made = number + 1
            if number == 5:
                blocked.set()
            yield number

    with belt_of(make, capacity=4) as belt:
        assert belt.take(1) == [0]
        # The taken one still counts: 1 in hand, 3 on the belt, 1 made that has no place yet.
        assert not blocked.wait(0.2)
        assert made == 5
        assert drain(belt) == list(range(1, 100))


def test_leaving_early_closes_the_maker_in_its_own_thread() -> None:
    closed_in: list[str] = []

    def make(stopped: Callable[[], bool]) -> Iterator[int]:
        try:
            while not stopped():
                yield 1
        finally:
            closed_in.append(threading.current_thread().name)

    with belt_of(make) as belt:
        belt.take(2)
    assert closed_in == ["belt"]
    assert running() == []


def test_a_maker_that_yields_nothing_hears_that_it_shall_stop() -> None:
    begun = threading.Event()

    def make(stopped: Callable[[], bool]) -> Iterator[int]:
        yield 1
        begun.set()
        while not stopped():
            pass
        yield 2

    with belt_of(make) as belt:
        belt.take(1)
        assert begun.wait(30)
    assert running() == []


def test_an_error_of_the_maker_is_raised_where_things_are_taken() -> None:
    def make(_: Callable[[], bool]) -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with belt_of(make) as belt, pytest.raises(OSError, match="gone"):
        drain(belt)
    assert running() == []


def test_a_belt_nobody_takes_from_starts_no_thread() -> None:
    with belt_of(lambda _: iter([1])):
        assert running() == []
