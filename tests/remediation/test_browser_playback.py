"""A browser plays the copy through, and shows the right picture after every jump."""

import os
import shutil
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flagged import copy, heard, seen, segment
from movies import Sound, make_movie, read_number
from packets import detail

playwright = pytest.importorskip("playwright.sync_api")

BROWSER = os.environ.get("VIDEO_CENSOR_CHROMIUM") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    not BROWSER, reason="no Chromium: apt-get install chromium, or set VIDEO_CENSOR_CHROMIUM"
)
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-file-access-from-files",  # or a page may not look at what it shows
]
FPS = 24
WIDTH, HEIGHT = 160, 120
EDITED = [(0.0, 0.3), (2.3, 2.6), (5.2, 5.4)]

# Plays all of it at four times the speed; says where that ended, and what went wrong.
_PLAY = """async () => {
  const video = document.querySelector('video');
  video.currentTime = 0;
  video.muted = true;
  video.playbackRate = 4;
  const ended = new Promise((done) => {
    video.onended = () => done('');
    video.onerror = () => done(video.error.message || String(video.error.code));
  });
  await video.play();
  const error = await ended;
  const quality = video.getVideoPlaybackQuality();
  return {error, end: video.currentTime, corrupted: quality.corruptedVideoFrames};
}"""
# Jumps to a time, and waits until that is done.
_JUMP = """async (time) => {
  const video = document.querySelector('video');
  video.pause();
  const there = new Promise((done, failed) => {
    video.onseeked = done;
    video.onerror = () => failed(video.error.message);
  });
  video.currentTime = time;
  await there;
}"""
# The bytes (RGBA) of the picture that is shown, in base 64.
_LOOK = """() => {
  const video = document.querySelector('video');
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return btoa(Array.from(pixels, (value) => String.fromCharCode(value)).join(''));
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    with playwright.sync_playwright() as running, tempfile.TemporaryDirectory() as profile:
        context = running.chromium.launch_persistent_context(
            profile, executable_path=BROWSER, args=_FLAGS
        )
        yield context.new_page()
        context.close()


OPTIONS = {
    "libx264": {"preset": "veryfast", "x264-params": "keyint=48:min-keyint=48:bframes=3:threads=1"},
    "libvpx-vp9": {"g": "48", "cpu-used": "8"},
    "libsvtav1": {"g": "48", "preset": "10", "svtav1-params": "lp=1:enable-restoration=0"},
}


def made(folder: Path, codec: str, pixel_format: str, suffix: str) -> Path:
    return make_movie(
        folder / f"a{suffix}",
        seconds=8,
        fps=FPS,
        size=(WIDTH, HEIGHT),
        video_codec=codec,
        video_options=OPTIONS[codec],
        pixel_format=pixel_format,
        sounds=[Sound(codec="libopus" if suffix == ".webm" else "aac")],
    ).path


def shown(page: Any, frame: int) -> Any:
    """The picture that the page shows: a busy browser draws it a while after the jump is done."""
    deadline = time.monotonic() + 5
    while True:
        pixels = b64decode(page.evaluate(_LOOK))
        picture = np.frombuffer(pixels, np.uint8).reshape(HEIGHT, WIDTH, 4)[..., :3]
        if read_number(picture) == frame or time.monotonic() > deadline:
            return picture
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [
        ("libx264", "yuv420p", ".mp4"),
        ("libvpx-vp9", "yuv420p", ".webm"),
        ("libsvtav1", "yuv420p", ".webm"),
        ("libsvtav1", "yuv420p10le", ".mp4"),
    ],
)
def test_a_copy_plays_through_and_jumps_to_the_right_pictures(
    page: Any, tmp_path: Path, codec: str, pixel_format: str, suffix: str
) -> None:
    source, out = made(tmp_path, codec, pixel_format, suffix), tmp_path / f"b{suffix}"
    lower = (0.0, 0.5, 1.0, 0.5)  # the number stays readable
    blurs = [segment(seen("nudity", *span, [(span[0], lower)])) for span in EDITED]
    copy(source, out, *blurs, segment(heard("hell", 3, 3.3)))
    (tmp_path / "page.html").write_text(f"<video src='{out.name}' preload='auto'></video>")
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_function("document.querySelector('video').readyState >= 3")

    played = page.evaluate(_PLAY)
    assert (played["error"], played["corrupted"]) == ("", 0)
    assert played["end"] == pytest.approx(8, abs=0.1)
    for moment in (2.45, 0.1, 0.7, 5.3, 2.75, 4.6, 2.35, 6.9, 5.45, 1.95):
        frame = int(moment * FPS)
        page.evaluate(_JUMP, (frame + 0.5) / FPS)
        picture = shown(page, frame)
        assert read_number(picture) == frame
        hidden = any(start <= moment < end for start, end in EDITED)
        fine = detail(picture[HEIGHT * 5 // 8 : HEIGHT * 7 // 8, :, 1].astype(float))
        assert (fine < 5) == hidden, f"{moment}: {fine}"
