"""Numbers for Prometheus, in its text format 0.0.4."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from video_censor_personal.service.counts import Counts

__all__ = ["Metrics", "render"]

_PREFIX = "video_censor_"
_DURATION_BOUNDS_S = (1, 10, 60, 300, 1800, 7200, 43200, 86400)
Sample = tuple[str, str, str, float]  # name without prefix, type, labels, value


class Metrics:
    """What this process counted since it started. From any thread."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._bytes = 0
        self._retries = 0
        self._started = 0
        self._evicted = 0
        self._ended: dict[str, int] = {}
        self._durations = [0] * (len(_DURATION_BOUNDS_S) + 1)
        self._duration_sum = 0.0
        self._deliveries: dict[str, int] = {}

    def started(self) -> None:
        """A run began."""
        with self._mutex:
            self._started += 1

    def ended(self, state: str, seconds: float, counts: Counts) -> None:
        """A run ended; `state` is that of its job."""
        with self._mutex:
            self._ended[state] = self._ended.get(state, 0) + 1
            self._bytes += counts.fetched_bytes
            self._retries += counts.retries
            self._duration_sum += seconds
            index = sum(seconds > bound for bound in _DURATION_BOUNDS_S)
            self._durations[index] += 1

    def evicted(self, count: int) -> None:
        """Models were deleted to make room."""
        with self._mutex:
            self._evicted += count

    def delivered(self, result: str) -> None:
        """A webhook was tried: `ok`, `failed` (tried again later) or `given_up`."""
        with self._mutex:
            self._deliveries[result] = self._deliveries.get(result, 0) + 1

    def samples(self, running: Iterable[Counts]) -> list[Sample]:
        """The counters, with what the runs of this moment have counted so far."""
        now = list(running)
        with self._mutex:
            fetched = self._bytes + sum(counts.fetched_bytes for counts in now)
            retries = self._retries + sum(counts.retries for counts in now)
            samples: list[Sample] = [
                ("download_bytes_total", "counter", "", fetched),
                ("download_retries_total", "counter", "", retries),
                ("download_runs_total", "counter", "", self._started),
                ("models_evicted_total", "counter", "", self._evicted),
            ]
            for state, count in sorted(self._ended.items()):
                samples.append(("download_runs_ended_total", "counter", f'state="{state}"', count))
            for result, count in sorted(self._deliveries.items()):
                labels = f'result="{result}"'
                samples.append(("webhook_deliveries_total", "counter", labels, count))
            total = 0
            name = "download_duration_seconds"
            for bound, count in zip((*_DURATION_BOUNDS_S, "+Inf"), self._durations, strict=True):
                total += count
                samples.append((f"{name}_bucket", "histogram", f'le="{bound}"', total))
            samples.append((f"{name}_sum", "histogram", "", self._duration_sum))
            samples.append((f"{name}_count", "histogram", "", total))
        return samples


def render(samples: Iterable[Sample], gauges: Mapping[str, float]) -> str:
    """The page that Prometheus reads. `gauges` are named with their labels, if any."""
    lines: list[str] = []
    typed: set[str] = set()

    def add(name: str, kind: str, labels: str, value: float) -> None:
        family = name
        if kind == "histogram":
            family = name.rsplit("_", 1)[0]
        if family not in typed:
            typed.add(family)
            lines.append(f"# TYPE {_PREFIX}{family} {kind}")
        number = repr(float(value)) if value % 1 else str(int(value))
        lines.append(
            f"{_PREFIX}{name}{{{labels}}} {number}" if labels else f"{_PREFIX}{name} {number}"
        )

    for sample in samples:
        add(*sample)
    for name, value in gauges.items():
        base, _, labels = name.partition("{")
        add(base, "gauge", labels.rstrip("}"), value)
    return "\n".join(lines) + "\n"
