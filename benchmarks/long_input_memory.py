"""How much memory a long video takes to read: it must not grow with the length.

    python benchmarks/long_input_memory.py --hours 2 --size 640x360

A clip of some seconds, made here by code, is repeated without coding it again until it is as long
as asked for (MP4 and Matroska, H.264 + AAC 5.1 + subtitles). Then each part of the media layer
reads all of it in a process of its own: every frame (one a second also converted to RGB, as a
detector wants it), all sound, all subtitles; last comes the whole analysis with its detectors.
Peak memory is what the kernel says of that process and of its children at their end (`VmHWM`;
`ru_maxrss` would count its parent).
The same is done for a tenth of the length; the table shows both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

LIMIT_MB = 400
PARTS = ("probe", "frames", "sound", "subtitles", "frames+sound", "analysis")
CLIP_S = 10


def make_clip(path: Path, width: int, height: int) -> None:
    """Ten seconds of moving picture and noise."""
    random = np.random.default_rng(1)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=24, options={"preset": "ultrafast", "bf": "2"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.thread_type = "FRAME"
        audio = out.add_stream("aac", rate=48_000)
        audio.layout, audio.bit_rate = "5.1", 128_000
        ground = random.integers(0, 255, (height, 2 * width, 3), np.uint8) // 4 + 64
        for number in range(CLIP_S * 24):
            picture = np.ascontiguousarray(ground[:, number : number + width])
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        noise = random.normal(0, 0.05, (6, CLIP_S * 48_000)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="5.1")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        out.mux(audio.encode(frame))
        out.mux([*video.encode(None), *audio.encode(None)])


def repeat(clip: Path, path: Path, seconds: int) -> None:
    """`clip` again and again, with a subtitle every two seconds."""
    with av.open(str(clip)) as source:
        streams: list[Any] = list(source.streams)
        packets = [(p, p.pts, p.dts) for p in source.demux() if p.size]
        with av.open(str(path), "w") as out:
            targets = [out.add_stream_from_template(s) for s in streams]
            subtitle = out.add_mux_stream("mov_text" if path.suffix == ".mp4" else "subrip")
            subtitle.time_base = Fraction(1, 1000)
            last: dict[int, int] = {}
            for start in range(0, seconds, CLIP_S):
                for second in range(start, start + CLIP_S, 2):
                    out.mux(_cue(subtitle, second, path.suffix == ".mp4"))
                for packet, pts, dts in packets:
                    index = packet.stream_index
                    shift = round(start / streams[index].time_base)
                    if dts + shift <= last.get(index, dts + shift - 1):
                        continue  # sound is a packet longer than the clip
                    last[index] = dts + shift
                    copy = av.Packet(bytes(packet))
                    copy.pts, copy.dts, copy.duration = pts + shift, dts + shift, packet.duration
                    copy.is_keyframe, copy.time_base = packet.is_keyframe, packet.time_base
                    copy.stream = targets[index]
                    out.mux(copy)


def _cue(stream: Any, second: int, mov_text: bool) -> Any:
    text = f"What they say at second {second}".encode()
    packet = av.Packet(len(text).to_bytes(2, "big") + text if mov_text else text)
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = second * 1000
    packet.duration = 1500
    return packet


def read(part: str, path: Path) -> int:
    """Do one part; what it counted."""
    from video_censor_personal.media.probe import probe

    info = probe(path)
    count = 0
    if part == "analysis":
        return _analyse(path)
    if part.startswith("frames"):
        count += _read_frames(info)
    if part.endswith("sound"):
        from video_censor_personal.media.audio import decode_audio

        count += sum(len(block.samples) for block in decode_audio(info))
    if part == "subtitles":
        from video_censor_personal.media.subtitles import read_cues

        count += len(read_cues(info))
    return count


def _analyse(path: Path) -> int:
    from video_censor_personal.config import default_config
    from video_censor_personal.pipeline import AnalysisPipeline

    pipeline = AnalysisPipeline(default_config(), video=path, warn=lambda _: None)
    pipeline.verify_models()
    return len(pipeline.report().segments)


def _read_frames(info: Any) -> int:
    from video_censor_personal.media.frames import decode_frames

    count, due = 0, Fraction(0)
    for frame in decode_frames(info):
        if frame.time >= due:
            frame.rgb(320)
            due += 1
        count += 1
    return count


def peak_memory_kb(process: str = "self") -> int:
    """The most memory a process ever had resident (Linux only); 0 if it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)


def watch_children(peaks: dict[str, int], stop: threading.Event) -> None:
    """Keep the peak of every child process in `peaks` until `stop`."""
    while not stop.wait(0.5):
        for task in Path("/proc/self/task").iterdir():
            try:
                children = (task / "children").read_text().split()
            except OSError:  # the thread has ended
                continue
            for child in children:
                peaks[child] = max(peaks.get(child, 0), peak_memory_kb(child))


def measure(part: str, path: Path) -> dict[str, float]:
    """Wall seconds, CPU seconds and peak MB of a process that does `part`."""
    began = time.perf_counter()
    command = [sys.executable, __file__, "--read", part, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    peak_kb = int(process.stdout.read() or 0)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"reading {part} of {path} failed")
    return {
        "wall_s": time.perf_counter() - began,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": peak_kb / 1024,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--kinds", nargs="+", default=["mp4", "mkv"])
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--read", nargs=2, metavar=("PART", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        peaks: dict[str, int] = {}
        stop = threading.Event()
        watcher = threading.Thread(target=watch_children, args=(peaks, stop))
        watcher.start()
        read(options.read[0], Path(options.read[1]))
        stop.set()
        watcher.join()
        print(peak_memory_kb() + sum(peaks.values()))
        return 0
    width, height = map(int, options.size.split("x"))
    seconds = round(options.hours * 3600)
    highest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clip(folder / "clip.mp4", width, height)
        for suffix in (f".{kind}" for kind in options.kinds):
            short, long = folder / f"short{suffix}", folder / f"long{suffix}"
            repeat(folder / "clip.mp4", short, seconds // 10)
            repeat(folder / "clip.mp4", long, seconds)
            for part in options.parts:
                tenth, whole = measure(part, short), measure(part, long)
                highest = max(highest, whole["peak_mb"])
                report(options.json, f"{suffix[1:]} {part}", seconds, tenth, whole)
    print(f"highest: {highest:.0f} MB (limit {LIMIT_MB} MB)", file=sys.stderr)
    return int(highest > LIMIT_MB)


def report(
    as_json: bool, name: str, seconds: int, tenth: dict[str, float], whole: dict[str, float]
) -> None:
    if as_json:
        print(json.dumps({"name": name, "seconds": seconds, "tenth": tenth, "whole": whole}))
        return
    speed = seconds / whole["cpu_s"]
    print(
        f"{name:18} {whole['peak_mb']:6.0f} MB (a tenth as long: {tenth['peak_mb']:.0f} MB)"
        f"  {whole['wall_s']:7.1f} s wall  {speed:8.0f} s of video per CPU second",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
