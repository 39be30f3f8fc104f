"""Reports written, read again, edited by people, and made by other tools."""

import json
import os
import resource
import stat
import string
import sys
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from video_censor_personal import categories
from video_censor_personal.config import Output
from video_censor_personal.errors import OutputError, OutputSpaceError, ReportError
from video_censor_personal.findings import (
    Box,
    Coverage,
    Detection,
    Gap,
    Report,
    Segment,
    TrackPoint,
)
from video_censor_personal.reports.json_report import read_report, to_dict, write_json
from video_censor_personal.timeline import Span

FOREIGN = {
    "metadata": {"file": "a.mp4", "duration": "01:23:45.000"},
    "segments": [
        {
            "start_time": "00:48:25",
            "end_time": "00:48:26.500",
            "labels": ["Profanity"],
            "detections": [{"label": "Profanity", "confidence": 1, "reasoning": "heard"}],
        },
        {"start_time_seconds": 7, "end_time_seconds": 9, "labels": ["sexual-theme"]},
        {"start_time": "1:02", "end_time": "1:04", "labels": ["Blood"], "allow": True},
    ],
}


def saved(tmp_path, fields):
    path = tmp_path / "report.json"
    path.write_text(fields if isinstance(fields, str) else json.dumps(fields), encoding="utf-8")
    return path


def edited(report, tmp_path, edit):
    """The report read again after `edit` changed its JSON."""
    fields = to_dict(report, Output())
    edit(fields)
    return read_report(saved(tmp_path, fields))


def test_a_report_of_a_video_whose_name_is_no_text_can_be_read_again(report, tmp_path):
    odd = replace(report, source=Path("f\udcff\u0151.mkv"))
    write_json(odd, tmp_path / "r.json", Output())
    assert read_report(tmp_path / "r.json").source == odd.source
    assert "\u0151" in (tmp_path / "r.json").read_text("utf-8")


def test_the_fields_of_the_contract_are_there_with_their_names_and_types(report):
    fields = json.loads(json.dumps(to_dict(report, Output())))
    assert {"file", "duration", "duration_seconds", "processed_at", "config"} <= set(
        fields["metadata"]
    )
    assert fields["metadata"]["file"] == "movie.mkv"
    assert fields["metadata"]["duration"] == "00:00:04.000"
    assert fields["metadata"]["processed_at"] == "2026-01-31T12:30:00Z"
    segment = fields["segments"][1]
    assert segment["start_time"] == "00:00:01.000"
    assert segment["end_time_seconds"] == 2.5
    assert segment["duration_seconds"] == 1.5
    assert segment["labels"] == ["Faces", "Profanity"]
    assert segment["allow"] is False
    assert segment["detections"][1]["label"] == "Profanity"
    assert segment["detections"][1]["match"] == "damn"
    assert fields["summary"] == {
        "total_segments_detected": 2,
        "total_flagged_duration": 1.75,
        "detection_counts": {"Profanity": 2, "Faces": 1},
    }


def test_a_report_comes_back_as_it_was_written(report, tmp_path):
    write_json(report, tmp_path / "r.json", Output())
    assert read_report(tmp_path / "r.json") == report


times = st.builds(
    lambda number, rate: number * rate,
    st.integers(0, 500_000),
    st.sampled_from(
        [Fraction(1, 24), Fraction(1001, 30_000), Fraction(1, 1000), Fraction(1, 90_000)]
    ),
)
shares = st.floats(0, 1).map(lambda share: round(share, 4))  # as many digits as are written
texts = st.text(max_size=12).map(lambda text: text.encode("utf-8", "ignore").decode())
names = st.sampled_from(["nudity", "profanity", "faces", "blood", "sexual_themes"])


@st.composite
def spans(draw):
    first, second = sorted(draw(st.tuples(times, times).filter(lambda pair: pair[0] != pair[1])))
    return Span(first, second)


boxes = st.builds(Box, shares, shares, shares, shares)
detections = st.builds(
    Detection,
    category=names,
    label=st.text(string.ascii_letters, min_size=1),
    span=spans(),
    confidence=shares,
    reasoning=texts,
    detector=texts,
    modality=st.sampled_from(["video", "audio"]),
    track=st.lists(st.builds(TrackPoint, times, boxes, shares), max_size=2).map(tuple),
    evidence=texts,
    replacement=texts,
    score=st.none() | shares,
    model=texts,
)
segments = st.builds(
    Segment,
    span=spans(),
    labels=st.lists(names.map(categories.label), min_size=1, unique=True).map(tuple),
    detections=st.lists(detections, max_size=2).map(tuple),
    description=texts,
    confidence=shares,
    allow=st.booleans(),
    video_action=st.sampled_from([None, "blur", "cut", "none"]),
    audio_action=st.sampled_from([None, "bleep", "silence"]),
)
gaps = st.builds(Gap, spans(), texts, st.none() | names)
coverages = st.builds(
    Coverage,
    names,
    st.sampled_from(["analysed", "partial", "unknown", "not_requested"]),
    st.lists(texts, max_size=2).map(tuple),
    st.lists(gaps, max_size=2).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
)
reports = st.builds(
    Report,
    source=st.sampled_from([Path("a.mp4"), Path("/films/Ä b.mkv")]),
    duration=st.none() | times,
    processed_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    config=texts,
    segments=st.lists(segments, max_size=3).map(tuple),
    coverage=st.lists(coverages, max_size=3).map(tuple),
    size_bytes=st.none() | st.integers(0, 2**50),
    fingerprint=st.none() | texts,
    all_allowed=st.booleans(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(report=reports, pretty=st.booleans())
def test_no_report_loses_anything_not_even_a_billionth_of_a_second(
    report, pretty, tmp_path_factory
):
    path = tmp_path_factory.getbasetemp() / "any.json"
    write_json(report, path, Output(pretty_print=pretty))
    again = read_report(path)
    assert replace(again, labels={}) == replace(report, labels={})
    write_json(again, path, Output(pretty_print=pretty))
    assert read_report(path) == again


def test_settings_of_the_output_are_honoured(report, video, tmp_path):
    write_json(report, tmp_path / "r.json", Output(pretty_print=False, include_confidence=False))
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    assert text.count("\n") == 1
    assert "confidence" not in text
    assert '"score"' not in text
    assert [segment.span for segment in read_report(tmp_path / "r.json").segments] == [
        segment.span for segment in report.segments
    ]
    frames = [s["frame"] for s in to_dict(report, Output(include_frames=True), video)["segments"]]
    assert all(frame.startswith("data:image/jpeg;base64,") for frame in frames)
    assert "frame" not in to_dict(report, Output(), video)["segments"][0]


def test_a_detection_names_its_model_and_its_raw_score(report):
    fields = to_dict(report, Output())["segments"][1]["detections"][0]
    assert (fields["detector"], fields["model"]) == ("nudenet", "320n.onnx c15d8273")
    assert (fields["score"], fields["confidence"]) == (0.6149, 0.9)


def test_shares_are_written_to_four_digits(report):
    box = Box(1 / 3, 2 / 3, 1 / 7, 1 / 9)
    face = report.segments[1].detections[0]
    third = replace(
        face, confidence=1 / 3, score=2 / 3, track=(TrackPoint(Fraction(1), box, 1 / 6),)
    )
    segment = replace(report.segments[1], confidence=1 / 3, detections=(third,))
    (written,) = to_dict(replace(report, segments=(segment,)), Output())["segments"]
    (found,) = written["detections"]
    assert (written["confidence"], found["confidence"], found["score"]) == (0.3333, 0.3333, 0.6667)
    assert found["boxes"][0] == {
        "time_seconds": 1.0,
        "confidence": 0.1667,
        "x": 0.3333,
        "y": 0.6667,
        "width": 0.1429,
        "height": 0.1111,
    }


def test_what_a_person_edits_is_what_counts(report, tmp_path):
    def edit(fields):
        segment = fields["segments"][0]
        segment.update(allow=True, start_time_seconds=0.5, audio_action="bleep", my_note="ask Ann")
        fields["segments"].append({"start_time": "3.0", "end_time": "3.4", "labels": ["Blood"]})

    again = edited(report, tmp_path, edit)
    assert again.segments[0].allow
    assert again.segments[0].span == Span.of(0.5, 1)
    assert again.segments[0].audio_action == "bleep"
    assert again.segments[2] == Segment(Span.of(3, 3.4), ("Blood",), (), confidence=1.0)
    assert again.labels["blood"] == "Blood"


def test_seconds_win_over_timecodes_and_the_contradiction_is_logged(report, tmp_path, caplog):
    def edit(fields):
        fields["segments"][0]["end_time"] = "00:00:03.000"

    assert edited(report, tmp_path, edit).segments[0].span.end == 1
    assert "segment 1" in caplog.text
    assert "the seconds count" in caplog.text


def test_a_report_of_another_tool_is_read(tmp_path):
    path = saved(tmp_path, FOREIGN)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    report = read_report(path)
    word, theme, blood = report.segments
    assert word.span == Span.of(2905, 2906.5)
    assert word.detections[0].span == word.span
    assert word.detections[0].modality == "audio"
    assert not word.allow
    assert theme.labels == ("Sexual Theme",) or categories.key(theme.labels[0]) == "sexual_themes"
    assert theme.span == Span.of(7, 9)
    assert blood.allow
    assert blood.span == Span.of(62, 64)
    assert report.duration == 5025
    assert report.fingerprint is None
    assert report.processed_at == datetime.fromtimestamp(1_700_000_000, UTC)


def test_a_report_saved_by_an_editor_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(FOREIGN), encoding="utf-8-sig")
    assert len(read_report(path).segments) == 3


MISTAKES = {
    "allow in quotes": ("allow", "false", "write true or false"),
    "a time that is none": ("end_time", "soon", "HH:MM:SS"),
    "a time below 0": ("start_time_seconds", -1, "times begin at 0"),
    "seconds in quotes": ("start_time_seconds", "1.5", "without quotes"),
    "an end before the start": ("end_time_seconds", 0.5, "does not lie after the start"),
    "no time at all": ("end_time_seconds", 0.75, "does not lie after the start"),
    "an action that there is not": ("video_action", "explode", "blur, pixelate"),
    "a certainty above 1": ("confidence", 95, "from 0 to 1"),
    "labels that are no list": ("labels", "Nudity", "write a list"),
    "a label that is no text": ("labels", [1], "a list of texts"),
    "a label without a letter": ("labels", ["?"], "unusable name"),
    "detections that are no objects": ("detections", ["hell"], "must be an object"),
    "a detection without a label": ("detections", [{"confidence": 1}], "label is missing"),
    "a box without a side": (
        "detections",
        [{"label": "Nudity", "boxes": [{"time_seconds": 1, "x": 0, "y": 0, "width": 1}]}],
        "height is missing",
    ),
}


@pytest.mark.parametrize(("field", "value", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_names_the_file_the_segment_the_field_and_what_to_do(
    report, tmp_path, field, value, advice
):
    def edit(fields):
        fields["segments"][0].pop("end_time", None)
        fields["segments"][0][field] = value

    with pytest.raises(ReportError) as caught:
        edited(report, tmp_path, edit)
    message = str(caught.value)
    assert str(tmp_path / "report.json") in message
    assert "segment 1" in message
    assert field.removesuffix("_seconds") in message or "detection 1" in message
    assert advice in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1"),
        ("{", "line 1"),
        ("[]", "must be an object"),
        ('{"metadata": {}}', "segments is missing"),
        ('{"segments": {}}', "write a list"),
        ('{"segments": [], "segments": []}', "twice"),
        ('{"segments": [{"start_time_seconds": NaN}]}', "NaN"),
        ('{"segments": [{"start_time_seconds": 1e999}]}', "too large"),
        ('{"segments": [{"start_time": "0", "end_time": "1"}]}', "labels is missing"),
        ('{"segments": [], "schema_version": 2}', "update video-censor"),
        ('{"segments": [], "metadata": {"processed_at": "today"}}', "processed_at"),
        ("[" * 100_000, "is no report"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path, text, says):
    with pytest.raises(ReportError, match=says) as caught:
        read_report(saved(tmp_path, text))
    assert "report.json" in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    with pytest.raises(ReportError, match="there is no report"):
        read_report(tmp_path / "none.json")
    with pytest.raises(ReportError, match="cannot read"):
        read_report(tmp_path)
    (tmp_path / "r.json").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(ReportError, match="UTF-8"):
        read_report(tmp_path / "r.json")


def test_a_report_replaces_the_old_one_in_one_step_and_keeps_its_permissions(report, tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old")
    path.chmod(0o640)
    write_json(report, path, Output())
    assert read_report(path) == report
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_that_cannot_be_written_leaves_the_old_one(report, tmp_path):
    with pytest.raises(OutputError, match="none"):
        write_json(report, tmp_path / "none" / "r.json", Output())
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="folder"):
        write_json(report, tmp_path / "folder", Output())
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="file-size limits are POSIX")
def test_a_full_disk_is_said_and_leaves_the_old_report(report, tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OutputSpaceError, match="make room"):
            write_json(report, path, Output())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_misspelt_label_of_a_segment_written_by_hand_is_refused(tmp_path):
    segment = {"start_time": "0", "end_time": "1", "labels": ["Profanty"]}
    with pytest.raises(ReportError, match="segment 1: labels holds 'Profanty'; write 'Profanity'"):
        read_report(saved(tmp_path, {"segments": [segment]}))
    segment["detections"] = [{"label": "Profanity"}]
    assert read_report(saved(tmp_path, {"segments": [segment]})).segments
