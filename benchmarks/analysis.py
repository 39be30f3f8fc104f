"""How fast and how exactly a video is watched, against the usual way of doing it.

    python benchmarks/analysis.py --seconds 120 --rounds 3

The usual way decodes every frame with OpenCV, hands every n-th one to the `nudenet` package, and
lets a hit last until the next sample. Ours is `analysis.watch` with the `nudenet` detector. Both
look at the same movie, made here by code, at the same sampling rate, each in a process of its own;
the rounds are interleaved, so that a busy machine is equally unkind to all. Reported are medians.
The boundary error is the distance from where a face really appears or goes to where it was said to.
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
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

FPS = 24
WIDTH, HEIGHT = 1280, 720
SHOTS_S = (3.4, 2.2, 5.7, 1.3, 4.1, 2.9)
"""Lengths of the shots, over and over; a face is in every second one."""

Spans = list[tuple[float, float]]


@dataclass(frozen=True)
class Run:
    """What one process cost, and how well it did."""

    way: str
    wall_s: float
    cpu_s: float
    peak_mib: float
    missed: int
    false: int
    errors_s: list[float]


# -- the movie


def shots(seconds: float) -> list[tuple[int, int, bool]]:
    """First frame, frame after the last, and whether a face is in it, of every shot."""
    found, start, number = [], 0, 0
    while start < round(seconds * FPS):
        length = round(SHOTS_S[number % len(SHOTS_S)] * FPS)
        end = min(start + length, round(seconds * FPS))
        found.append((start, end, number % 2 == 1))
        start, number = end, number + 1
    return found


def make_movie(path: Path, seconds: float) -> None:
    """H.264 with one slice a picture: camera moves over still scenes, and grain."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_type = "FRAME"
        grain = np.random.default_rng(0).integers(0, 12, (HEIGHT + 64, WIDTH, 3), dtype=np.uint8)
        for number, (start, end, face) in enumerate(shots(seconds)):
            scene = make_scene(number, face)
            for index in range(start, end):
                left, top = 2 * (index - start), (index - start) // 2
                picture = scene[top : top + HEIGHT, left : left + WIDTH]
                noise = grain[index * 7 % 64 :][:HEIGHT]
                frame = av.VideoFrame.from_ndarray(picture + noise, format="rgb24")
                frame.pts = index
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def make_scene(number: int, face: bool) -> np.ndarray:
    """`(800, 1640, 3) uint8 RGB`, larger than the picture, so that a camera can move over it."""
    import av

    def scaled(picture: np.ndarray, width: int, height: int) -> np.ndarray:
        source = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        return source.reformat(width=width, height=height).to_ndarray()

    blotches = np.random.default_rng(number).integers(60, 160, (5, 9, 3), dtype=np.uint8)
    scene = scaled(blotches, 1640, 800)
    if face:
        portrait = files("video_censor_personal.sample") / "data" / "portrait.jpg"
        with portrait.open("rb") as file, av.open(file) as container:
            person = next(container.decode(video=0)).to_ndarray(format="rgb24")
        left = 500 + number * 37 % 200
        scene[80:740, left : left + 564] = scaled(person, 564, 660)
    return scene


# -- the ways to watch it


def watch_ours(path: Path, rate_s: float, strategy: str) -> Spans:
    from video_censor_personal.analysis.watch import watch
    from video_censor_personal.config import FrameSampling
    from video_censor_personal.detectors.base import CategorySettings, DetectorSettings
    from video_censor_personal.detectors.nudenet import plugin
    from video_censor_personal.media.frames import decode_frames
    from video_censor_personal.media.probe import probe

    settings = DetectorSettings("eyes", {"faces": CategorySettings("faces", "Faces")})
    info = probe(path)
    watched = watch(
        decode_frames(info),
        [plugin.build(settings)],
        FrameSampling(strategy, rate_s),  # type: ignore[arg-type]
        duration=info.duration,
    )
    return [(float(d.span.start), float(d.span.end)) for d in watched.detections]


def watch_usually(path: Path, rate_s: float) -> Spans:
    import cv2
    from nudenet import NudeDetector

    detector = NudeDetector()
    video = cv2.VideoCapture(str(path))
    fps = video.get(cv2.CAP_PROP_FPS)
    every, number, spans = max(1, int(fps * rate_s)), 0, []
    while True:
        ok, picture = video.read()
        if not ok:
            return spans
        if number % every == 0:
            found = detector.detect(picture)
            if any(hit["class"].startswith("FACE") and hit["score"] >= 0.4 for hit in found):
                spans.append((number / fps, (number + every) / fps))
        number += 1


WAYS = {
    "usual": watch_usually,
    "ours": lambda path, rate_s: watch_ours(path, rate_s, "uniform"),
    "ours, by shots": lambda path, rate_s: watch_ours(path, rate_s, "scene_based"),
}


# -- measuring


def measure(way: str, movie: Path, rate_s: float, truth: Spans) -> Run:
    """Run one way in a process of its own."""
    command = [sys.executable, __file__, "--child", way, "--movie", str(movie)]
    begun = time.perf_counter()
    child = subprocess.Popen([*command, "--rate", str(rate_s)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout as output:
        answer = output.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{way!r} failed with exit code {child.returncode}")
    spans = [(start, end) for start, end in json.loads(answer)]
    missed, false, errors_s = compare(spans, truth)
    cpu_s = usage.ru_utime + usage.ru_stime
    return Run(way, wall_s, cpu_s, usage.ru_maxrss / 1024, missed, false, errors_s)


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
    """Medians a way, and their ratio to the usual way (more is better)."""
    table = {}
    for way in WAYS:
        mine = [run for run in runs if run.way == way]
        errors_ms = [1000 * error for error in mine[0].errors_s]
        table[way] = {
            "wall_s": statistics.median(run.wall_s for run in mine),
            "cpu_s": statistics.median(run.cpu_s for run in mine),
            "peak_mib": statistics.median(run.peak_mib for run in mine),
            "missed": mine[0].missed,
            "false_alarms": mine[0].false,
            "edge_error_mean_ms": statistics.fmean(errors_ms) if errors_ms else 0.0,
            "edge_error_max_ms": max(errors_ms, default=0.0),
        }
    usual = table["usual"]
    for row in table.values():
        row["times_real_time"] = seconds / row["wall_s"]
        row["wall_ratio"] = usual["wall_s"] / row["wall_s"]
        row["cpu_ratio"] = usual["cpu_s"] / row["cpu_s"]
    return table


def show(table: dict[str, dict[str, float]]) -> None:
    heads = ["wall s", "× real", "ratio", "CPU s", "ratio", "MiB", "missed", "false", "edge ms"]
    print(f"{'':16}" + "".join(f"{head:>9}" for head in heads))
    for way, row in table.items():
        edges = f"{row['edge_error_mean_ms']:.0f}/{row['edge_error_max_ms']:.0f}"
        print(
            f"{way:16}{row['wall_s']:9.1f}{row['times_real_time']:9.1f}{row['wall_ratio']:9.2f}"
            f"{row['cpu_s']:9.1f}{row['cpu_ratio']:9.2f}{row['peak_mib']:9.0f}"
            f"{row['missed']:9.0f}{row['false_alarms']:9.0f}{edges:>9}"
        )
    print("edge ms: mean/max. ratio: the usual way's figure divided by this one.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120, help="length of the movie")
    parser.add_argument("--rate", type=float, default=0.5, help="seconds between two looks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--movie", type=Path, help="keep the movie here and use it again")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if given.child:
        print(json.dumps(WAYS[given.child](given.movie, given.rate)))
        return
    truth = [(start / FPS, end / FPS) for start, end, face in shots(given.seconds) if face]
    with tempfile.TemporaryDirectory() as folder:
        movie = given.movie or Path(folder) / "movie.mp4"
        if not movie.exists():
            print("making the movie ...", file=sys.stderr)
            make_movie(movie, given.seconds)
        runs = []
        for number in range(given.rounds):
            for way in WAYS:
                print(f"round {number + 1} of {given.rounds}: {way}", file=sys.stderr)
                runs.append(measure(way, movie, given.rate, truth))
    table = summary(runs, given.seconds)
    if given.json:
        print(json.dumps({"table": table, "runs": [asdict(run) for run in runs]}, indent=2))
    else:
        show(table)


if __name__ == "__main__":
    main()
