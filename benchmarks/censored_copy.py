"""What a censored copy costs, against FFmpeg's own ways of doing it.

    python benchmarks/censored_copy.py --seconds 150 --rounds 3

The film is made here by FFmpeg: 1080p, key frames 2 to 10 s apart, a 5.1 and a stereo track,
subtitles. Every way runs in a process of its own; the rounds are interleaved, so that a busy
machine is equally unkind to all. Reported are medians of wall and CPU time, peak memory, and
ratios to the way that each task names first. Needs the `ffmpeg` program.

`--smartcut` compares the cuts with the package of that name, which encodes at x264's `medium` and
is therefore set beside ours at the same preset as well. It is best installed by itself:

    python -m venv /tmp/peer && /tmp/peer/bin/pip install smartcut
    python benchmarks/censored_copy.py --tasks cut --smartcut /tmp/peer/bin/smartcut
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from video_censor_personal.config import AudioRemediation, Remediation, VideoRemediation
from video_censor_personal.findings import Box, Detection, Report, Segment, TrackPoint
from video_censor_personal.media.probe import probe
from video_censor_personal.remediation.plan import make_plan
from video_censor_personal.remediation.writer import write_copy
from video_censor_personal.timeline import Span

GROUPS_S = (2.0, 5.0, 10.0, 3.5)
"""Lengths of the groups of pictures, over and over."""

Spans = list[tuple[float, float]]


@dataclass(frozen=True)
class Run:
    way: str
    wall_s: float
    cpu_s: float
    peak_mib: float


# -- the film


def make_film(path: Path, seconds: float, codec: str) -> None:
    """One round of `GROUPS_S`, as often as it takes."""
    starts = [sum(GROUPS_S[:number]) for number in range(len(GROUPS_S))]
    length = sum(GROUPS_S)
    picture = f"testsrc2=s=1920x1080:r=24:d={length},noise=alls=2:allf=t"
    speech = f"sine=f=220:b=2:d={length}"
    subtitles = path.with_suffix(".srt")
    subtitles.write_text("1\n00:00:01,000 --> 00:00:02,000\nWhat the hell\n\n")
    video = ["-c:v", codec, "-pix_fmt", "yuv420p", "-preset", "veryfast", "-crf", "20"]
    video += ["-g", "1000", "-force_key_frames", ",".join(map(str, starts))]
    if codec == "libx265":
        video[3], video[5] = "yuv420p10le", "superfast"
        video += ["-x265-params", "log-level=none", "-tag:v", "hvc1"]
    else:
        video += ["-x264-params", "scenecut=0"]
    command = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", speech, "-i", str(subtitles)]
    command += ["-map", "0:v", "-map", "1:a", "-map", "1:a", "-map", "2:s", *video]
    command += ["-c:a", "aac", "-ac:a:0", "6", "-b:a:0", "384k", "-ac:a:1", "2", "-b:a:1", "128k"]
    once = path.with_name(f"once-{path.name}")
    run_ffmpeg([*command, "-c:s", "srt", str(once)])
    rounds = ["-stream_loop", str(int(seconds / length)), "-i", str(once), "-t", str(seconds)]
    run_ffmpeg([*rounds, "-map", "0", "-c", "copy", str(path)])
    once.unlink()


def run_ffmpeg(arguments: Sequence[str]) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments], check=True)


# -- our way


def copy_ours(task: str, film: Path, out: Path, spans: Spans, preset: str) -> None:
    """In a process of its own."""
    detections = [_detection(task, Span.of(*span)) for span in spans]
    segments = tuple(Segment(d.span, (d.category,), (d,)) for d in detections)
    info = probe(film)
    report = Report(film, info.duration, datetime.now(UTC), "", segments)
    pictures = VideoRemediation(mode="cut" if task == "cut" else "blur", preset=preset)  # type: ignore[arg-type]
    actions = Remediation(AudioRemediation(mode="bleep"), pictures)
    plan = make_plan(report, actions, info, output=out)
    write_copy(info, plan, out, remediation=actions, force=True)


def _detection(task: str, span: Span) -> Detection:
    box = TrackPoint(span.start, Box(0.3, 0.2, 0.2, 0.3), 0.9)
    heard = task == "mute"
    category = "profanity" if heard else "nudity"
    modality = "audio" if heard else "video"
    track = () if heard else (box,)
    return Detection(category, "hell", span, 0.9, "", "benchmark", modality, track)  # type: ignore[arg-type]


# -- the others' ways


def ways(
    task: str, film: Path, out: Path, spans: Spans, codec: str, smartcut: Path | None
) -> dict[str, list[str]]:
    """Command lines by way; ours is the first."""
    ours = [sys.executable, __file__, "--child", task, str(film), str(out), json.dumps(spans)]
    default = VideoRemediation().preset
    during = "+".join(f"between(t,{start},{end})" for start, end in spans)
    ffmpeg = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(film), "-map", "0"]
    preset = "veryfast" if codec == "libx264" else "superfast"
    encoder = ["-c:v", codec, "-preset", preset, "-crf", "18"]
    if codec == "libx265":
        encoder += ["-x265-params", "log-level=none"]
    found = {"ours": [*ours, default]}
    if task == "mute":
        muted = [*ffmpeg, "-c", "copy", "-c:a", "aac", "-b:a:0", "384k", "-b:a:1", "128k"]
        found["ffmpeg -c:v copy -af"] = [*muted, "-af", f"volume=0:enable='{during}'", str(out)]
        found["ffmpeg -c copy"] = [*ffmpeg, "-c", "copy", str(out)]
    elif task == "blur":
        shape = "crop=384:324:576:216,avgblur=40"
        graph = f"[0:v]split[a][b];[b]{shape}[c];[a][c]overlay=576:216:enable='{during}'[v]"
        mapped = ["-map", "[v]", "-map", "0:a", "-map", "0:s"]
        full = [*ffmpeg[:-2], "-filter_complex", graph, *mapped, "-c", "copy"]
        found["ffmpeg, all of it"] = [*full, *encoder, str(out)]
        found["ffmpeg -c copy"] = [*ffmpeg, "-c", "copy", str(out)]
    else:
        kept = [*ffmpeg[:-2], "-map", "0:v", "-map", "0:a:0", "-vf"]
        kept += [f"select='not({during})',setpts=N/FRAME_RATE/TB"]
        kept += ["-af", f"aselect='not({during})',asetpts=N/SR/TB", "-c:a", "aac", "-b:a", "384k"]
        found["ffmpeg select"] = [*kept, *encoder, str(out)]
        if smartcut:
            times = ",".join(f"{start},{end}" for start, end in spans)
            found["smartcut"] = [str(smartcut), str(film), str(out), "--cut", times]
            found["ours, medium"] = [*ours, "medium"]
    return found


# -- measuring


def measure(way: str, command: Sequence[str]) -> Run:
    begun = time.perf_counter()
    child = subprocess.Popen(command)
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{way!r} failed with exit code {child.returncode}")
    return Run(way, wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def identical(film: Path, out: Path) -> str:
    """How many packets of the copy's first picture and first sound are the source's own."""
    import av

    said = []
    for kind in ("video", "audio"):
        held = []
        for path in (film, out):
            with av.open(str(path)) as container:
                stream = container.streams.get(**{kind: 0})[0]
                held.append([hash(bytes(p)) for p in container.demux(stream) if p.size])
        own = set(held[0])
        said.append(f"{sum(p in own for p in held[1])} of {len(held[1])} {kind} packets")
    return ", ".join(said) + " are the source's own"


def edits(task: str, seconds: float) -> Spans:
    """A bleep every 20 s; three seconds that are blurred, or three cuts of as many seconds."""
    if task == "mute":
        return [(at + 0.31, at + 0.71) for at in range(5, int(seconds), 20)]
    length = 1 if task == "blur" else 3
    return [(seconds * share, seconds * share + length) for share in (0.13, 0.46, 0.81)]


def benchmark(task: str, film: Path, seconds: float, given: argparse.Namespace) -> None:
    out, codec, rounds = film.with_name("out.mkv"), given.codec, given.rounds
    commands = ways(task, film, out, edits(task, seconds), codec, given.smartcut)
    runs: dict[str, list[Run]] = {way: [] for way in commands}
    same = ""
    for _ in range(rounds):
        for way, command in commands.items():
            runs[way].append(measure(way, command))
            if way == "ours" and task != "cut":
                same = identical(film, out)
    print(f"\n{task}, {codec}, {seconds:.0f} s of film, {film.stat().st_size / 1e6:.0f} MB")
    print(f"{'':24}{'wall s':>9}{'CPU s':>9}{'MiB':>7}{'CPU, of ours':>14}")
    ours = statistics.median(run.cpu_s for run in runs["ours"])
    for way, mine in runs.items():
        wall, cpu = (statistics.median(getattr(r, f) for r in mine) for f in ("wall_s", "cpu_s"))
        peak = statistics.median(run.peak_mib for run in mine)
        print(f"{way:24}{wall:9.2f}{cpu:9.2f}{peak:7.0f}{cpu / ours:13.1f}x", flush=True)
    if same:
        print(same)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=150, help="length of the film")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--codec", choices=("libx264", "libx265"), default="libx264")
    parser.add_argument("--tasks", nargs="+", default=["mute", "blur", "cut"])
    parser.add_argument("--film", type=Path, help="keep the film here and use it again")
    parser.add_argument("--smartcut", type=Path, help="its program, a peer in cutting")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if given.child:
        task, film, out, spans, preset = given.child
        copy_ours(task, Path(film), Path(out), json.loads(spans), preset)
        return
    if shutil.which("ffmpeg") is None:
        raise SystemExit("this needs the ffmpeg program")
    with tempfile.TemporaryDirectory() as folder:
        film = given.film or Path(folder) / "film.mkv"
        if not film.exists():
            print("making the film ...", file=sys.stderr)
            make_film(film, given.seconds, given.codec)
        length = probe(film).duration or Fraction(0)
        for task in given.tasks:
            benchmark(task, film, float(length), given)


if __name__ == "__main__":
    main()
