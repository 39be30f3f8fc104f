"""How fast this machine is, measured in a second or so each on things made up on the spot."""

from __future__ import annotations

import hashlib
import os
import tempfile
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from threading import Event, Timer
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.config import Config
from video_censor_personal.detectors.base import FrameDetector, SoundDetector
from video_censor_personal.doctor.findings import Finding
from video_censor_personal.doctor.machine import nearest_folder
from video_censor_personal.errors import DetectorError
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock, Frame
from video_censor_personal.model_manager import ModelManager
from video_censor_personal.sample.script import data_file
from video_censor_personal.sizes import describe_size

__all__ = ["Footage", "measure_machine", "times_looking", "times_hearing"]

_LONG_ENOUGH_S = 1.0
_PATIENCE_S = 20.0
_CHUNK = bytes(4_000_000)
_MOST_BYTES = 256_000_000
_WIDTH, _HEIGHT, _RATE, _PICTURES = 1920, 1080, 24, 48
_BATCH = 4


def measure_machine(config: Config) -> Iterator[Finding]:
    """Decoding, checksums and the disk that models lie on."""
    with footage() as made:
        times = made.times_decoding()
    yield Finding(
        "decoding",
        "ok",
        f"every picture of 1080p H.264: {times:.0f} × real time",
        facts={"times_real_time": round(times, 2)},
    )
    yield _rate("sha256", "of files that are verified", _bytes_hashed)
    folder = nearest_folder(ModelManager(config).cache_dir)
    yield _rate("disk", f"written to {folder}", lambda: _bytes_written(folder))


def _rate(name: str, what: str, work: Callable[[], int]) -> Finding:
    begun = perf_counter()
    done = work()
    rate = done / (perf_counter() - begun)
    facts = {"bytes_per_s": round(rate)}
    return Finding(name, "ok", f"{describe_size(rate)} a second {what}", facts=facts)


def _bytes_hashed() -> int:
    digest, begun, done = hashlib.sha256(), perf_counter(), 0
    while perf_counter() - begun < _LONG_ENOUGH_S / 2:
        digest.update(_CHUNK)
        done += len(_CHUNK)
    return done


def _bytes_written(folder: Path) -> int:
    """Until it is on the disk, not only in memory."""
    begun, done = perf_counter(), 0
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        while perf_counter() - begun < _LONG_ENOUGH_S / 2 and done < _MOST_BYTES:
            done += file.write(_CHUNK)
        os.fsync(file.fileno())
    return done


class Footage:
    """Two seconds of 1080p H.264, a camera that moves over something like a landscape."""

    def __init__(self, path: Path) -> None:
        from video_censor_personal.media.probe import probe

        _film(path)
        self.info = probe(path)

    def frames(self) -> Iterator[Frame]:
        from video_censor_personal.media.frames import decode_frames

        return (item for item in decode_frames(self.info) if isinstance(item, Frame))

    def times_decoding(self) -> float:
        """How many times faster than it plays."""
        begun, seconds = perf_counter(), 0.0
        while perf_counter() - begun < _LONG_ENOUGH_S:
            seconds += sum(1 for _ in self.frames()) / _RATE
        return seconds / (perf_counter() - begun)


@contextmanager
def footage() -> Iterator[Footage]:
    """It is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="video-censor-doctor-") as folder:
        yield Footage(Path(folder) / "film.mp4")


def _film(path: Path) -> None:
    import av

    scene = _scene()
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=_RATE)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        stream.options = {"preset": "veryfast"}
        for number in range(_PICTURES):
            across, down = 6 * number, 3 * number
            picture = scene[down : down + _HEIGHT, across : across + _WIDTH]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def _scene() -> NDArray[np.uint8]:
    """Patches of colour in three sizes, larger than the picture."""
    height, width = _HEIGHT + 3 * _PICTURES, _WIDTH + 6 * _PICTURES
    random = np.random.default_rng(7)
    scene = np.zeros((height, width, 3), np.float32)
    for patch, weight in ((120, 0.6), (24, 0.3), (4, 0.1)):
        colours = random.random((height // patch + 1, width // patch + 1, 3), np.float32)
        scene += weight * colours.repeat(patch, 0).repeat(patch, 1)[:height, :width]
    return (scene * 255).astype(np.uint8)


def times_looking(detector: FrameDetector, sample_rate: float) -> tuple[float, float]:
    """Milliseconds for a look at a 1080p picture, and how many times faster than a film plays that
    is at a look every `sample_rate` seconds."""
    with footage() as made:
        picture = next(made.frames()).video_frame
    detector.look([Frame(Fraction(0), picture)])  # what is only done once is not counted
    begun, looks = perf_counter(), 0
    while perf_counter() - begun < _LONG_ENOUGH_S:
        detector.look([Frame(Fraction(n), picture) for n in range(_BATCH)])
        looks += _BATCH
    each_s = (perf_counter() - begun) / looks
    return each_s * 1000, sample_rate / each_s


def times_hearing(detector: SoundDetector) -> float:
    """How many times faster than it plays nine seconds of speech are heard, loading included; 0
    where that takes longer than anyone waits."""
    blocks = list(_speech())
    abandon: Callable[[], None] = getattr(detector, "abandon", lambda: None)
    late = Event()

    def give_up() -> None:
        late.set()
        abandon()

    timer = Timer(_PATIENCE_S, give_up)
    timer.start()
    begun = perf_counter()
    try:
        detector.begin([])
        for block in blocks:
            list(detector.hear(block))
        list(detector.finish())
    except DetectorError:
        if not late.is_set():
            raise
    finally:
        timer.cancel()
        abandon()  # whatever happened, no process of its stays
    took = perf_counter() - begun
    return 0.0 if late.is_set() else float(blocks[-1].span.end) / took


def _speech() -> Iterator[AudioBlock]:
    with data_file("speech_rms.wav").open("rb") as file, wave.open(file) as recording:
        samples = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
    for start in range(0, len(samples), SAMPLE_RATE_HZ):
        block = samples[start : start + SAMPLE_RATE_HZ].astype(np.int16)
        yield AudioBlock(Fraction(start, SAMPLE_RATE_HZ), block)
