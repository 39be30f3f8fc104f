"""A tiny video, and a report about it."""

from datetime import UTC, datetime

import pytest
from movies import Subtitles, make_movie

from video_censor_personal.findings import (
    Box,
    Coverage,
    Detection,
    Gap,
    Report,
    Segment,
    TrackPoint,
)
from video_censor_personal.media.probe import probe
from video_censor_personal.reports.json_report import fingerprint
from video_censor_personal.timeline import Span, seconds

CUES = [(0.5, 1.5, "What the hell?"), (2.0, 3.0, "A <i>damn</i> shame."), (3.5, 3.9, "Quite.")]


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    """4 s with a subtitle track."""
    path = tmp_path_factory.mktemp("video") / "movie.mkv"
    make_movie(path, seconds=4, subtitles=[Subtitles(CUES, codec="subrip")])
    return probe(path)


@pytest.fixture
def report(video):
    """A face that moves, two words, and time that nobody looked at."""
    track = tuple(
        TrackPoint(seconds(time), Box(round(0.1 * time, 4), 0.2, 0.25, 0.5), score)
        for time, score in ((1.0, 0.6), (1.5, 0.9), (2.0, 0.7))
    )
    face = Detection(
        "faces",
        "FACE_FEMALE",
        Span.of(1, 2.25),
        0.9,
        "A face.",
        "nudenet",
        "video",
        track,
        score=0.6149,
        model="320n.onnx c15d8273",
    )
    return Report(
        source=video.path,
        duration=video.duration,
        processed_at=datetime(2026, 1, 31, 12, 30, tzinfo=UTC),
        config="video-censor.yaml",
        segments=(
            Segment(Span.of(0.75, 1), ("Profanity",), (word("hell", 0.75, 1),), "A word.", 0.95),
            Segment(
                Span.of(1, 2.5),
                ("Faces", "Profanity"),
                (face, word("damn", 2.25, 2.5)),
                "A face, a word.",
                0.9,
            ),
        ),
        coverage=(
            Coverage("faces", "analysed", ("nudenet",)),
            Coverage(
                "profanity",
                "partial",
                ("speech-profanity",),
                (Gap(Span.of(3, 3.5), "the sound is damaged", "profanity"),),
                ("Words are easily missed.",),
            ),
            Coverage("violence", "unknown", (), (), ("Nothing here can see violence.",)),
            Coverage("nudity", "not_requested"),
        ),
        size_bytes=video.size_bytes,
        fingerprint=fingerprint(video.path),
        labels={"faces": "Faces", "profanity": "Profanity", "violence": "Violence"},
    )


def word(text, start, end, **other):
    return Detection(
        "profanity",
        text,
        Span.of(start, end),
        0.95,
        f"The subtitle says “{text}”.",
        "speech-profanity",
        "audio",
        evidence="aligned",
        **other,
    )
