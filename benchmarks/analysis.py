"""How fast and how exactly a film is watched, against the usual way of doing it.

    python benchmarks/analysis.py --seconds 120 --rounds 3

The usual way decodes every frame with OpenCV, hands one a second to the `nudenet` package, and lets
a hit last until the next sample; `pyav` is the same with PyAV's decoder on all cores, and converts
only the frames it hands over. Ours is `analysis.watch` as the program runs it. All look at the same
films, made here by code, at the same rate, each in a process of its own; the rounds are
interleaved, so that a busy machine is equally unkind to all. Reported are medians.

The edge error is the distance from where a face really appears or goes to where it was said to.
`--shares` also says where our time goes, and how far it is from what decoding or looking alone
takes on these cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Spans = list[tuple[float, float]]
FOUND_FROM = 0.4  # the score from which the usual ways take a hit for one


@dataclass(frozen=True)
class Run:
    """What one process cost, and how well it did. `extra` is what it measured inside."""

    film: str
    way: str
    wall_s: float
    cpu_s: float
    peak_mib: float
    missed: int
    false: int
    errors_s: list[float]
    extra: dict[str, float]


# -- the ways to watch a film: path and rate in, spans and inner figures out


def watch_ours(strategy: str, path: Path, rate_s: float) -> tuple[Spans, dict[str, float]]:
    from video_censor_personal.analysis.coverage import Search
    from video_censor_personal.analysis.evidence import Evidence, Witness
    from video_censor_personal.analysis.judgement import judge
    from video_censor_personal.analysis.watch import watch
    from video_censor_personal.config import FrameSampling
    from video_censor_personal.detectors.base import scales_of
    from video_censor_personal.media.probe import probe

    info = probe(path)
    sampling = FrameSampling(strategy, rate_s)  # type: ignore[arg-type]
    eyes = Timed()
    watched = watch(our_frames(info, sampling), [eyes], sampling, duration=info.duration)
    witness = Witness(
        Search(eyes.name, "video", eyes.categories), scales_of(eyes), looks=watched.looks[0]
    )
    found = judge(Evidence((witness,), end=watched.end), {"faces": 0.5}, padding=0)
    extra = {"resize_s": eyes.resize_s, "look_s": eyes.look_s, "looks": float(eyes.looks)}
    return [(float(d.span.start), float(d.span.end)) for d in found], extra


def our_frames(info: Any, sampling: Any) -> Iterator[Any]:
    """The frames that the program decodes for a sampling."""
    from video_censor_personal.analysis.schedule import selection
    from video_censor_personal.media.frames import decode_frames

    cores = os.cpu_count() or 1
    chosen = selection(sampling, sparing=True)
    return decode_frames(info, threads=cores, selection=chosen, smooth=False)


class Timed:
    """The program's own detector of faces, with a clock for scaling and one for looking."""

    def __init__(self) -> None:
        from video_censor_personal.detectors.base import CategorySettings, DetectorSettings
        from video_censor_personal.detectors.nudenet import plugin

        settings = DetectorSettings("eyes", {"faces": CategorySettings("faces", "Faces")})
        self._eyes = plugin.build(settings)
        self.name, self.categories = self._eyes.name, self._eyes.categories
        self.scales = self._eyes.scales
        self.resize_s = self.look_s = 0.0
        self.looks = 0

    def look(self, frames: Sequence[Any]) -> list[Any]:
        begun = time.thread_time()
        for frame in frames:
            frame.rgb(320)  # kept by the frame: the detector need not scale again
        scaled = time.thread_time()
        seen = self._eyes.look(frames)
        self.resize_s += scaled - begun
        self.look_s += time.thread_time() - scaled
        self.looks += len(frames)
        return seen


def decode_ours(path: Path, rate_s: float) -> tuple[Spans, dict[str, float]]:
    """What the decoding alone takes."""
    from video_censor_personal.config import FrameSampling
    from video_censor_personal.media.probe import probe

    frames = sum(1 for _ in our_frames(probe(path), FrameSampling("uniform", rate_s)))
    return [], {"frames": float(frames)}


def load_ours(path: Path, rate_s: float) -> tuple[Spans, dict[str, float]]:
    """What it takes to begin: imports and the model."""
    from video_censor_personal.media.probe import probe

    probe(path)
    Timed()
    return [], {}


def watch_with_opencv(path: Path, rate_s: float) -> tuple[Spans, dict[str, float]]:
    import cv2

    video = cv2.VideoCapture(str(path))
    fps = video.get(cv2.CAP_PROP_FPS)

    def pictures() -> Iterator[Any]:
        while True:
            ok, picture = video.read()
            if not ok:
                return
            yield picture

    return look_now_and_then(pictures(), fps, rate_s, lambda picture: picture), {}


def watch_with_pyav(path: Path, rate_s: float) -> tuple[Spans, dict[str, float]]:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        fps = float(stream.average_rate)
        frames = container.decode(stream)
        return look_now_and_then(frames, fps, rate_s, lambda f: f.to_ndarray(format="bgr24")), {}


def look_now_and_then(
    frames: Iterator[Any], fps: float, rate_s: float, to_bgr: Callable[[Any], Any]
) -> Spans:
    from nudenet import NudeDetector

    detector = NudeDetector()
    every, spans = max(1, round(fps * rate_s)), []
    for number, frame in enumerate(frames):
        if number % every == 0:
            found = detector.detect(to_bgr(frame))
            if any(h["class"].startswith("FACE") and h["score"] >= FOUND_FROM for h in found):
                spans.append((number / fps, (number + every) / fps))
    return spans


USUAL = "opencv"
CHILDREN: dict[str, Callable[[Path, float], tuple[Spans, dict[str, float]]]] = {
    USUAL: watch_with_opencv,
    "pyav": watch_with_pyav,
    "ours": lambda path, rate_s: watch_ours("uniform", path, rate_s),
    "ours, key frames": lambda path, rate_s: watch_ours("keyframes", path, rate_s),
    "ours, by shots": lambda path, rate_s: watch_ours("scene_based", path, rate_s),
    "decode": decode_ours,
    "load": load_ours,
}
WAYS = {
    "h264": [USUAL, "pyav", "ours", "ours, by shots"],
    "h264-keys": [USUAL, "ours", "ours, key frames"],
    "hevc-10": [USUAL, "pyav", "ours"],
}


# -- measuring


def measure(given: argparse.Namespace, film: str, way: str, path: Path, truth: Spans) -> Run:
    """Run one way in a process of its own."""
    python = given.opencv_python if way == USUAL else sys.executable
    command = [python, __file__, "--child", way, "--film", str(path), "--rate", str(given.rate)]
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout as output:
        answer = output.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{way!r} failed with exit code {child.returncode}")
    spans, extra, peak_mib = json.loads(answer)
    missed, false, errors_s = compare(spans, truth)
    cpu_s = usage.ru_utime + usage.ru_stime
    return Run(film, way, wall_s, cpu_s, peak_mib, missed, false, errors_s, extra)


def peak_memory_mib() -> float:
    """The most memory this process ever had resident. `ru_maxrss` would count its parent."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def compare(spans: Spans, truth: Spans) -> tuple[int, int, list[float]]:
    """Faces missed, false alarms, and by how many seconds each edge is off."""
    missed, errors_s = 0, []
    for start, end in truth:
        hits = [span for span in spans if span[0] < end and span[1] > start]
        # A hit that reaches over from the shot before belongs to that one too.
        if not any(min(hit[1], end) - max(hit[0], start) > 0.5 * (end - start) for hit in hits):
            hits = [h for h in hits if h[0] >= start - 1 and h[1] <= end + 1]
        if not hits:
            missed += 1
            continue
        errors_s += [abs(min(h[0] for h in hits) - start), abs(max(h[1] for h in hits) - end)]
    false = sum(all(s[1] <= start or s[0] >= end for start, end in truth) for s in spans)
    return missed, false, errors_s


def summary(runs: list[Run], seconds: float) -> dict[str, dict[str, float]]:
    """Medians of each way, and their ratio to the usual way (more is better)."""
    table: dict[str, dict[str, float]] = {}
    for way in dict.fromkeys(run.way for run in runs):
        mine = [run for run in runs if run.way == way]
        errors_ms = [1000 * error for error in mine[0].errors_s]
        table[way] = {
            "wall_s": statistics.median(run.wall_s for run in mine),
            "cpu_s": statistics.median(run.cpu_s for run in mine),
            "peak_mib": max(run.peak_mib for run in mine),
            "missed": mine[0].missed,
            "false_alarms": mine[0].false,
            "edge_error_mean_ms": statistics.fmean(errors_ms) if errors_ms else 0.0,
            "edge_error_max_ms": max(errors_ms, default=0.0),
        }
    usual = table[USUAL]
    for row in table.values():
        row["times_real_time"] = seconds / row["wall_s"]
        row["wall_ratio"] = usual["wall_s"] / row["wall_s"]
        row["cpu_ratio"] = usual["cpu_s"] / row["cpu_s"]
    return table


def shares(runs: list[Run]) -> dict[str, float]:
    """Where the time of "ours" goes, as shares of its processor time, and its distance from the
    limit: the longer of decoding on all cores and looking on one, with nothing else in the way."""

    def middle(way: str, figure: Callable[[Run], float]) -> float:
        return statistics.median(figure(run) for run in runs if run.way == way)

    # What it takes to begin does not grow with the film. Decoding alone begins without a model.
    load_s = middle("load", lambda run: run.cpu_s)
    total_s = middle("ours", lambda run: run.cpu_s)
    decode_s = middle("decode", lambda run: run.cpu_s)
    resize_s = middle("ours", lambda run: run.extra["resize_s"])
    look_s = middle("ours", lambda run: run.extra["look_s"])
    rest_s = total_s - decode_s - resize_s - look_s
    limit_s = max(decode_s / (os.cpu_count() or 1), look_s)
    return {
        "decode": decode_s / total_s,
        "resize": resize_s / total_s,
        "look": look_s / total_s,
        "rest": rest_s / total_s,
        "load_s": load_s,
        "wall_per_limit": middle("ours", lambda run: run.wall_s) / limit_s,
        "cpu_per_decode_and_look": total_s / (decode_s + look_s),
    }


def show(film: str, table: dict[str, dict[str, float]]) -> None:
    heads = ["wall s", "× real", "ratio", "CPU s", "ratio", "MiB", "missed", "false", "edge ms"]
    print(f"{film:18}" + "".join(f"{head:>9}" for head in heads))
    for way, row in table.items():
        edges = f"{row['edge_error_mean_ms']:.0f}/{row['edge_error_max_ms']:.0f}"
        print(
            f"{way:18}{row['wall_s']:9.1f}{row['times_real_time']:9.1f}{row['wall_ratio']:9.2f}"
            f"{row['cpu_s']:9.1f}{row['cpu_ratio']:9.2f}{row['peak_mib']:9.0f}"
            f"{row['missed']:9.0f}{row['false_alarms']:9.0f}{edges:>9}"
        )
    print("edge ms: mean/max. ratio: the usual way's figure divided by this one.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120, help="length of each film")
    parser.add_argument("--rate", type=float, default=1, help="seconds between two looks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--films", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--folder", type=Path, help="keep the films here and use them again")
    parser.add_argument("--shares", action="store_true", help="say where our time goes")
    parser.add_argument(
        "--opencv-python",
        default=sys.executable,
        help="a Python that has opencv-python-headless and nudenet, if this one has not",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    parser.add_argument("--film", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if given.child:
        spans, extra = CHILDREN[given.child](given.film, given.rate)
        print(json.dumps([spans, extra, peak_memory_mib()]))
        return
    # Else a checkout, unlike what is installed, would be compiled in every process measured.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        for film in given.films:
            compare_ways(given, film, given.folder or Path(folder))


def compare_ways(given: argparse.Namespace, film: str, folder: Path) -> None:
    """Make the film, measure every way of watching it, and print."""
    from films import CODINGS, FPS, make_film, shots

    path = folder / f"{film}-{given.seconds:g}{CODINGS[film].suffix}"
    if not path.exists():
        print(f"making {path.name} ...", file=sys.stderr)
        make_film(path, CODINGS[film], given.seconds)
    faces = [shot.face for shot in shots(given.seconds) if shot.face]
    truth = [(face.start / FPS, face.stop / FPS) for face in faces]
    ways = [*WAYS[film], *(["decode", "load"] if given.shares else [])]
    runs = []
    for number in range(given.rounds):
        for way in ways:
            print(f"{film}, round {number + 1} of {given.rounds}: {way}", file=sys.stderr)
            runs.append(measure(given, film, way, path, truth))
    table = summary([run for run in runs if run.way in WAYS[film]], given.seconds)
    parts = shares(runs) if given.shares else {}
    if given.json:
        figures = {"film": film, "table": table, "shares": parts}
        print(json.dumps({**figures, "runs": [asdict(run) for run in runs]}))
        return
    show(film, table)
    print(*(f"{name} {value:.2f}" for name, value in parts.items()), sep=", ")


if __name__ == "__main__":
    main()
