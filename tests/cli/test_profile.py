"""One analysis, many reports: `video-censor profile apply`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from movies import make_movie
from pictures import meadow, scaled, with_portrait

from video_censor_personal.analysis.making import Making
from video_censor_personal.analysis.scores import read_scores, write_scores
from video_censor_personal.cli import main


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an analysis of a film with a face and a word."""
    folder = tmp_path_factory.mktemp("film")

    def paint(number: int, width: int, height: int) -> Any:
        if not 6 <= number < 14:
            return meadow(width, height)
        return scaled(with_portrait(0, 0, 1024, 576), width, height)

    make_movie(folder / "film.mp4", seconds=2, size=(512, 288), paint=paint)
    (folder / "film.srt").write_text("1\n00:00:01,500 --> 00:00:01,900\nOh, heck. Shit.\n")
    (folder / "my.yaml").write_text("detections: {faces: {}, profanity: {}}")
    command = [str(folder / "film.mp4"), "-o", str(folder / "r.json"), "-q"]
    assert main([*command, "--config", str(folder / "my.yaml")]) == 0
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in (".json", ".gz")}


@pytest.fixture
def folder(analysed: dict[str, bytes], tmp_path: Path) -> Path:
    """A folder with the report and its scores, and without the film."""
    for name, content in analysed.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def apply(
    folder: Path, capsys: pytest.CaptureFixture[str], settings: str, *options: str,
    source: str = "r.json",
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    (folder / "other.yaml").write_text(settings)
    command = ["profile", "apply", str(folder / source), "--config", str(folder / "other.yaml")]
    code = main([*command, "-o", str(folder / "new.json"), "--json", *options])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def found(report: Path) -> list[str]:
    segments = json.loads(report.read_text())["segments"]
    return [detection["match"] for segment in segments for detection in segment["detections"]]


def test_other_sensitivities_make_another_report_without_the_film(folder, capsys):
    assert sorted(found(folder / "r.json")) == ["FACE_FEMALE", "Shit"]
    stricter = "detections: {faces: {sensitivity: 0.1}, profanity: {}}"
    code, result = apply(folder, capsys, stricter)
    assert found(folder / "new.json") == ["Shit"]
    assert (code, result["segments"], result["notes"]) == (0, 1, [])
    apply(folder, capsys, "detections: {profanity: {sensitivity: 1}}", "--force")
    assert sorted(found(folder / "new.json")) == ["Shit", "heck"]


def test_the_same_configuration_makes_the_same_report(folder, capsys):
    apply(folder, capsys, "detections: {faces: {}, profanity: {}}", source="r.scores.json.gz")
    old, new = (json.loads((folder / name).read_text()) for name in ("r.json", "new.json"))
    assert new["segments"] == old["segments"]
    assert new["coverage"] == old["coverage"]
    assert new["metadata"]["fingerprint"] == old["metadata"]["fingerprint"]


def test_what_was_not_looked_for_is_unknown_and_never_clean(folder, capsys):
    code, result = apply(folder, capsys, "detections: {nudity: {}, faces: {}}")
    assert code == 3
    (nudity,) = result["unknown"]
    assert nudity == "Nudity: nudenet can look for Nudity, but did not when this was analysed"
    assert result["notes"] == [], "once is enough"


@pytest.mark.parametrize(
    ("settings", "unknown"),
    [
        (
            "detections: {faces: {}, profanity: {}}\n"
            "processing: {frame_sampling: {sample_rate: 0.25}}",
            "Faces, 00:00:00.000–00:00:02.000: when this was analysed nudenet was shown frames "
            "(uniform every 0.5 s), and not (uniform every 0.25 s)",
        ),
        (
            "detections: {faces: {}, profanity: {}}\n"
            "detectors: [{type: speech-profanity, words: [car]}]",
            "Profanity, 00:00:00.000–00:00:02.000: when this was analysed speech-profanity had "
            'other options (words: the default, not ["car"])',
        ),
        (
            "detections: {faces: {}, profanity: {}}\n"
            "detectors: [{type: nudenet, size: 640}, {type: nudenet, name: more, optional: true}]",
            "Faces, 00:00:00.000–00:00:02.000: when this was analysed nudenet had other options "
            "(size: the default, not 640)",
        ),
    ],
    ids=["sampling", "words", "options"],
)
def test_what_was_looked_for_in_another_way_is_unknown_with_the_reason(
    folder, capsys, settings, unknown
):
    code, result = apply(folder, capsys, settings)
    assert (code, result["unknown"]) == (3, [unknown])
    assert sorted(found(folder / "new.json")) == ["FACE_FEMALE", "Shit"], "what was found counts"
    status = {
        part["category"]: part["status"]
        for part in json.loads((folder / "new.json").read_text())["coverage"]
    }
    assert sorted(status[key] for key in ("faces", "profanity")) == ["analysed", "partial"]


def test_another_version_of_something_is_noted_and_leaves_nothing_unknown(folder, capsys):
    path = folder / "r.scores.json.gz"
    write_scores(replace(scores := read_scores(path), making=aged(scores.making)), path)
    code, result = apply(folder, capsys, "detections: {faces: {}, profanity: {}}")
    assert (code, result["unknown"]) == (0, [])
    (program, ears) = result["notes"]
    assert program.startswith("they were made by version 0.0.1, and this is")
    assert ears.startswith("speech-profanity worked with pocketsphinx 0, which is")
    covered = json.loads((folder / "new.json").read_text())["coverage"]
    (profanity,) = (part for part in covered if part["category"] == "profanity")
    assert {program, ears} <= set(profanity["notes"])


def aged(making: Making) -> Making:
    """As of an old version of this program, and of a library."""
    parts = [
        replace(part, model=re.sub(r"pocketsphinx [^,]+", "pocketsphinx 0", part.model))
        for part in making.parts
    ]
    return replace(making, program="0.0.1", parts=tuple(parts))


def test_what_is_coarser_or_less_than_what_was_analysed_is_all_known(folder, capsys):
    settings = "detections: {faces: {}}\nprocessing: {frame_sampling: {sample_rate: 2}}"
    assert apply(folder, capsys, settings)[0] == 0


def test_decisions_in_the_report_are_kept_or_named(folder, capsys):
    report = json.loads((folder / "r.json").read_text())
    for segment in report["segments"]:
        segment["allow"] = True
    (folder / "r.json").write_text(json.dumps(report))
    _, result = apply(folder, capsys, "detections: {profanity: {}}")
    assert (result["segments"], result["flagged_segments"]) == (2, 0)
    (note,) = result["notes"]
    assert "not found any more; it stays in the report, still allowed" in note
    apart = "processing: {segment_merge: {enabled: false}}"
    settings = f"detections: {{profanity: {{sensitivity: 1}}}}\n{apart}"
    _, result = apply(folder, capsys, settings, "--force")
    assert result["flagged_segments"] == 1
    assert "it was allowed, but" in result["notes"][0]


@pytest.mark.parametrize(
    ("source", "output", "says"),
    [
        ("none.json", "new.json", "there are no scores"),
        ("other.yaml", "new.json", "no scores lie beside"),
        ("r.json", "new.mp4", "end it in .json"),
        ("r.json", "r.json", "--force"),
    ],
)
def test_what_cannot_be_done_is_said(folder, capsys, source, output, says):
    (folder / "other.yaml").write_text("detections: {faces: {}}")
    command = ["profile", "apply", str(folder / source), "--config", str(folder / "other.yaml")]
    assert main([*command, "-o", str(folder / output)]) in (1, 2)
    assert says in capsys.readouterr().err


def test_a_report_of_another_video_is_refused(folder, capsys):
    report = json.loads((folder / "r.json").read_text())
    report["metadata"]["fingerprint"] = "blake2b-16x64k:00"
    (folder / "r.json").write_text(json.dumps(report))
    code, result = apply(folder, capsys, "detections: {faces: {}}")
    assert code == 1
    assert "another video" in result["message"]
    assert not (folder / "new.json").exists()


def test_it_loads_nothing_that_it_does_not_need(folder):
    (folder / "other.yaml").write_text(
        "detections: {faces: {}, profanity: {}}\n"
        "detectors: [{type: nudenet}, {type: speech-profanity}]\n"
    )
    command = ["profile", "apply", str(folder / "r.json"), "--config", str(folder / "other.yaml")]
    code = (
        "import sys\nfrom video_censor_personal.cli import main\n"
        f"assert main({[*command, '-o', str(folder / 'new.json')]!r}) == 0\n"
        "heavy = {'av', 'numpy', 'onnxruntime', 'pysubs2', 'ssl', 'tqdm', 'urllib3',\n"
        "         'video_censor_personal.model_manager', 'video_censor_personal.remediation'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stderr.strip() == "[]"
    assert found(folder / "new.json") == found(folder / "r.json")


def test_what_was_decided_in_the_report_that_is_replaced_is_kept(folder, capsys):
    settings = "detections: {faces: {}, profanity: {}}"
    apply(folder, capsys, settings)
    report = json.loads((folder / "new.json").read_text())
    report["segments"][0]["allow"] = True
    (folder / "new.json").write_text(json.dumps(report))
    (folder / "new.html").touch()
    code, result = apply(folder, capsys, settings, "--force")
    assert (code, result["segments"], result["flagged_segments"]) == (0, 1, 0)
    assert result["notes"] == [
        f"{folder / 'new.html'} still shows the report that was there before"
    ]


def test_what_was_decided_in_the_named_report_counts_and_that_is_said(folder, capsys):
    settings = "detections: {faces: {}, profanity: {}}"
    apply(folder, capsys, settings)
    for name, decided in (
        ("r.json", {"allow": True}),
        ("new.json", {"allow": False, "video_action": "blank"}),
    ):
        report = json.loads((folder / name).read_text())
        report["segments"][0].update(decided)
        (folder / name).write_text(json.dumps(report))
    _, result = apply(folder, capsys, settings, "--force")
    segment = json.loads((folder / "new.json").read_text())["segments"][0]
    assert (segment["allow"], segment.get("video_action")) == (True, None)
    (note,) = result["notes"]
    assert "its picture had the action 'blank', it was not allowed in the report that is" in note
    assert apply(folder, capsys, settings, "--force")[1]["notes"] == [], "nothing is left to say"


def test_a_segment_made_by_hand_does_not_multiply(folder, capsys):
    report = json.loads((folder / "r.json").read_text())
    own = {"start_time": "00:00:00.100", "end_time": "00:00:00.200", "labels": ["Blood"]}
    report["segments"].append(own)
    (folder / "r.json").write_text(json.dumps(report))
    counts = [
        apply(folder, capsys, "detections: {faces: {}, profanity: {}}", "--force")[1]["segments"]
        for _ in range(3)
    ]
    assert counts == [len(report["segments"])] * 3


@pytest.mark.parametrize("damage", ["a typo", "another video"])
def test_a_report_whose_decisions_would_be_lost_is_not_replaced(folder, capsys, damage):
    settings = "detections: {faces: {}, profanity: {}}"
    apply(folder, capsys, settings)
    report = json.loads((folder / "new.json").read_text())
    report["segments"][0]["allow"] = True
    if damage == "another video":
        report["metadata"]["fingerprint"] = "blake2b-16x64k:00"
    text = json.dumps(report) + ("," if damage == "a typo" else "")
    (folder / "new.json").write_text(text)
    code, result = apply(folder, capsys, settings, "--force")
    assert code == 1
    assert "is not replaced, as what was decided in it would be lost" in result["message"]
    assert (folder / "new.json").read_text() == text
