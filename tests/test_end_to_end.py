"""The main job on the sample movie: what was planted is found, and is gone from the copy."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from movies import decoded_audio, frame_times, frames, level_dbfs

from video_censor_personal.findings import Box
from video_censor_personal.media.probe import probe
from video_censor_personal.sample.movie import make_sample

KINDS = {
    "mp4": ("sample.mp4", "h264"),
    "mkv": ("sample.mkv", "h264"),
    "hevc": ("sample.mkv", "hevc"),
    "webm": ("sample.webm", "vp9"),
}
CONFIG = """
detections: {nudity: {}, sexual_themes: {}, profanity: {}, faces: {}}
"""


def censor(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "video_censor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=KINDS)
def done(request, tmp_path_factory):
    """The sample in one container and codec, analysed and censored by the command."""
    folder = tmp_path_factory.mktemp(request.param)
    name, codec = KINDS[request.param]
    video, config = folder / name, folder / "my.yaml"
    truth = make_sample(video, video_codec=codec, height=360)
    config.write_text(CONFIG)
    copy = video.with_stem("sample.clean")
    before = video.read_bytes()
    result = censor("--video", video, "--output", copy, "--config", config)
    assert result.returncode == 0, result.stderr
    assert video.read_bytes() == before
    report = json.loads(copy.with_suffix(".json").read_text())
    return SimpleNamespace(
        video=video, copy=copy, config=config, truth=truth, report=report, result=result
    )


def detections(done, label: str) -> list[dict]:
    return [
        detection
        for segment in done.report["segments"]
        for detection in segment["detections"]
        if detection["label"] == label
    ]


def test_every_planted_word_is_found_and_timed(done):
    found = detections(done, "Profanity")
    for word in done.truth.words:
        near = [
            d
            for d in found
            if d["match"] == word.text
            and d["start_time_seconds"] < word.span.end
            and d["end_time_seconds"] > word.span.start
        ]
        assert near, f"{word.text} at {word.span} was not found"
        if near[0]["evidence"] == "aligned":
            assert near[0]["start_time_seconds"] == pytest.approx(float(word.span.start), abs=0.15)
            assert near[0]["end_time_seconds"] == pytest.approx(float(word.span.end), abs=0.15)


def test_subtitled_words_are_timed_by_alignment(done):
    for word in (w for w in done.truth.words if w.subtitled):
        evidence = {d["evidence"] for d in detections(done, "Profanity") if d["match"] == word.text}
        assert "aligned" in evidence


def test_no_innocent_word_is_flagged(done):
    for word in done.truth.innocent:
        for detection in detections(done, "Profanity"):
            assert (
                detection["end_time_seconds"] <= word.span.start
                or detection["start_time_seconds"] >= word.span.end
            )


def test_every_planted_portrait_is_found_and_nothing_else(done):
    found = detections(done, "Faces")
    for portrait in done.truth.portraits:
        covering = [
            d
            for d in found
            if d["start_time_seconds"] <= portrait.span.start
            and d["end_time_seconds"] >= portrait.span.end
        ]
        assert covering, f"the portrait at {portrait.span} was not found all the time"
    for detection in found:
        assert any(
            detection["start_time_seconds"] >= p.visible.start - Fraction(7, 10)
            and detection["end_time_seconds"] <= p.visible.end + Fraction(7, 10)
            for p in done.truth.portraits
        ), f"a face was seen where there is none: {detection}"


def test_the_copy_has_the_streams_the_frames_and_the_length_of_the_source(done):
    before, after = probe(done.video), probe(done.copy)
    assert [(s.kind, s.codec, s.language) for s in after.streams] == [
        (s.kind, s.codec, s.language) for s in before.streams
    ]
    assert frame_times(done.copy) == frame_times(done.video)
    assert float(after.duration) == pytest.approx(float(before.duration), abs=0.05)
    assert [(c.title, c.span.start) for c in after.chapters] == [
        (c.title, c.span.start) for c in before.chapters
    ]
    assert after.tags["title"] == before.tags["title"]


def test_flagged_words_are_silent_and_the_sound_around_them_is_unchanged(done):
    before, rate = decoded_audio(done.video)
    after, after_rate = decoded_audio(done.copy)
    assert after_rate == rate
    muted = [
        (d["start_time_seconds"] - 0.1, d["end_time_seconds"] + 0.1)
        for d in detections(done, "Profanity")
    ]
    for word in done.truth.words:
        inside = slice(round(float(word.span.start) * rate), round(float(word.span.end) * rate))
        assert level_dbfs(after[:, inside]) < -50
        for begin in (float(word.span.start) - 0.5, float(word.span.end) + 0.2):
            beside = slice(round(begin * rate), round((begin + 0.3) * rate))
            if any(start < begin + 0.3 and end > begin for start, end in muted):
                continue
            difference = before[:, beside] - after[:, beside]
            signal = level_dbfs(before[:, beside])
            assert level_dbfs(difference) < max(signal - 15, -50)


def detail(picture: np.ndarray) -> float:
    """How much changes from one pixel to the next, over all colours."""
    grey = picture.astype(float).mean(axis=2)
    return float(np.abs(np.diff(grey, axis=1)).mean() + np.abs(np.diff(grey, axis=0)).mean())


def crop(picture: np.ndarray, box: Box) -> np.ndarray:
    height, width = picture.shape[:2]
    return picture[
        round(box.y * height) : round((box.y + box.height) * height),
        round(box.x * width) : round((box.x + box.width) * width),
    ]


def test_no_detail_of_a_face_survives_and_the_rest_of_the_picture_does(done):
    checked = 0
    for index, ((time, before), (_, after)) in enumerate(
        zip(frames(done.video), frames(done.copy), strict=True)
    ):
        face = done.truth.face_at(time)
        if index % 6:
            continue
        if face is None:
            if not any(p.visible.padded(1, 1).contains(time) for p in done.truth.portraits):
                error = np.mean((before.astype(float) - after.astype(float)) ** 2)
                assert 10 * np.log10(255**2 / max(error, 1e-9)) > 33
            continue
        if not any(p.span.contains(time) for p in done.truth.portraits):
            continue  # the face is only partly in the picture
        checked += 1
        assert detail(crop(after, face)) < 0.35 * detail(crop(before, face)), f"at {time}"
    assert checked > 20


def test_analysing_the_copy_finds_nothing_left(done):
    again = done.copy.with_name("again.json")
    result = censor(done.copy, "-o", again, "--config", done.config, "--force")
    assert result.returncode == 0, result.stderr
    assert json.loads(again.read_text())["segments"] == []


def test_the_page_and_the_summary_name_what_was_found(done):
    page = done.copy.with_suffix(".html").read_text()
    assert "hell" in page
    assert "Faces" in done.result.stdout
    assert str(done.copy) in done.result.stdout


def test_a_copy_from_an_edited_report_changes_only_what_is_left(done):
    report = json.loads(json.dumps(done.report))
    for segment in report["segments"]:
        segment["allow"] = segment["labels"] != ["Profanity"]
    edited = done.video.with_name("edited.json")
    edited.write_text(json.dumps(report))
    copy = done.video.with_stem("edited")
    result = censor(done.video, "--input-segments", edited, "-o", copy, "--force")
    assert result.returncode == 0, result.stderr
    assert packets(copy) == packets(done.video)
    word = done.truth.words[0].span
    after, rate = decoded_audio(copy)
    silent = after[:, round(float(word.start) * rate) : round(float(word.end) * rate)]
    assert level_dbfs(silent) < -50


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]
