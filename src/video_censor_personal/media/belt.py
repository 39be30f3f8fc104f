"""A bounded belt that carries things from the thread that makes them to the one that uses them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

__all__ = ["Belt"]

T = TypeVar("T")

_SIGNAL_INTERVAL_S = 0.1
"""Windows delivers Ctrl-C to a waiting thread only between waits, so none is longer than this."""


class Belt(Generic[T]):
    """Runs `make(stopped)` in another thread and hands over what it yields, in order.

    `stopped()` tells it that nobody wants any more; it need not ask before each thing it yields.
    At most `capacity` (in the unit of `cost`) is on the belt or in the hands of whoever took it
    last, or one thing where a single one costs more. The thread starts with the first `take`, or
    with `start`.
    Leaving the `with` block stops it before its next thing and closes the generator there,
    whatever the reason for leaving.
    """

    def __init__(
        self,
        make: Callable[[Callable[[], bool]], Iterator[T]],
        *,
        cost: Callable[[T], int],
        capacity: int,
    ) -> None:
        self._make, self._cost, self._capacity = make, cost, capacity
        self._things: deque[tuple[T, int]] = deque()
        self._out = self._taken = 0  # costs: of all that is out there, of what was taken last
        self._stopped = self._ended = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._produce, name="belt", daemon=True)

    def __enter__(self) -> Belt[T]:
        # Not the place to start the thread: an interrupt in here would skip `__exit__`.
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    def start(self) -> None:
        """Begin to make things before the first is taken."""
        if self._thread.ident is None:
            self._thread.start()

    def take(self, most: int) -> list[T]:
        """The next things, at least one and at most `most`; empty once there are no more. The ones
        taken before are taken to be done with.

        Raises whatever the making thread raised.
        """
        self.start()
        with self._changed:
            self._out, self._taken = self._out - self._taken, 0
            self._changed.notify_all()
            while not self._things and not self._ended:
                self._changed.wait(_SIGNAL_INTERVAL_S)
            if self._error is not None:
                raise self._error
            taken = [self._things.popleft() for _ in range(min(most, len(self._things)))]
            self._taken = sum(cost for _, cost in taken)
        return [thing for thing, _ in taken]

    def _produce(self) -> None:
        try:
            things = self._make(lambda: self._stopped)
            try:
                for thing in things:
                    if not self._put(thing, self._cost(thing)):
                        return
            finally:
                close = getattr(things, "close", None)
                if close is not None:
                    close()
        except BaseException as error:  # noqa: BLE001 - raised again by `take`
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, thing: T, cost: int) -> bool:
        with self._changed:
            while self._out and self._out + cost > self._capacity and not self._stopped:
                self._changed.wait()
            if self._stopped:
                return False
            self._things.append((thing, cost))
            self._out += cost
            self._changed.notify_all()
            return True
