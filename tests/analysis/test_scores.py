"""Kept scores: nothing is lost, and what is damaged or something else is refused."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import evidences, hearing, names, record, scores, seeing

from video_censor_personal.analysis.evidence import Evidence
from video_censor_personal.analysis.judgement import judge
from video_censor_personal.analysis.making import Making, Part
from video_censor_personal.analysis.scores import Scores, read_scores, write_scores
from video_censor_personal.errors import ReportError

EYES = Part("eyes", "nudenet", "{}", {"faces": ("Faces", "")}, "320n.onnx c15d8273")
MADE = Making("0.1", "uniform", 0.5, (EYES,))


def kept(evidence: Evidence, making: Making = MADE) -> Scores:
    made_at = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
    return Scores(Path("/films/Ä \udcff.mkv"), 123, "blake2b:00", made_at, making, evidence)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(evidences, st.dictionaries(names, scores), st.booleans())
def test_what_is_read_is_what_was_written(
    tmp_path: Path, evidence: Evidence, sensitivities: dict[str, float], again: bool
) -> None:
    path = tmp_path / "a.scores.json.gz"
    witnesses = [replace(witness, again=again) for witness in evidence.witnesses]
    evidence = replace(evidence, witnesses=tuple(witnesses))
    write_scores(kept(evidence), path)
    read = read_scores(path)
    assert read == kept(evidence)
    assert judge(read.evidence, sensitivities) == judge(evidence, sensitivities)


def test_further_records_of_the_video_are_kept_with_it(tmp_path: Path) -> None:
    path = tmp_path / "a.scores.json.gz"
    older = [replace(kept(record(seeing(name, [0, 0.5]))), modified_ns=7) for name in "ab"]
    scores = replace(kept(record(seeing("c", [0.1]))), modified_ns=7, earlier=tuple(older))
    write_scores(scores, path)
    assert read_scores(path) == scores


def test_scores_of_a_program_that_kept_less_can_be_read(file: Path) -> None:
    known = json.loads(gzip.decompress(file.read_bytes()))
    for key in ("modified_ns", "earlier"):
        del known[key]
    for part in known["making"]["parts"]:
        del part["modality"]
    file.write_bytes(gzip.compress(json.dumps(known).encode()))
    scores = read_scores(file)
    assert (scores.modified_ns, scores.earlier) == (None, ())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.scores.json.gz"
    write_scores(kept(record(seeing("eyes", [0, 0.5, 0.7]), hearing("ears", (1, 2, 0.4)))), path)
    return path


def test_the_same_scores_make_the_same_file(file: Path, tmp_path: Path) -> None:
    write_scores(read_scores(file), tmp_path / "b.gz")
    assert (tmp_path / "b.gz").read_bytes() == file.read_bytes()


def test_a_file_cut_off_or_changed_anywhere_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for length in (0, 5, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ReportError, match=r"a run on the video makes|no scores"):
            read_scores(file)
    for place in range(10, len(whole), 7):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(ReportError):
            read_scores(file)


def changed(file: Path, **fields: object) -> Path:
    known = json.loads(gzip.decompress(file.read_bytes()))
    file.write_bytes(gzip.compress(json.dumps(known | fields).encode()))
    return file


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"format": "something else"}, "holds no scores of an analysis"),
        ({"version": 2}, "of version 2, and this program knows 1"),
        ({"ticks_per_s": 0}, "damaged"),
        ({"witnesses": [{}]}, "damaged"),
        ({"witnesses": 7}, "damaged"),
        ({"gaps": {"video": [[1, 0, "", None, False]]}}, "damaged"),
        ({"made_at": "yesterday"}, "damaged"),
        ({"making": {"program": "1"}}, "damaged"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    file: Path, fields: dict[str, object], says: str
) -> None:
    with pytest.raises(ReportError, match=says):
        read_scores(changed(file, **fields))


def test_other_files_are_refused(tmp_path: Path) -> None:
    for content in (b"", b"{}", gzip.compress(b"[]"), gzip.compress(b"\xff"), gzip.compress(b"{")):
        path = tmp_path / "x.gz"
        path.write_bytes(content)
        with pytest.raises(ReportError):
            read_scores(path)
    with pytest.raises(ReportError, match="there are no scores"):
        read_scores(tmp_path / "none.gz")
