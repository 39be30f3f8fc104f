"""`--prove` listens where words were masked in subtitles or taken out of the sound."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from video_censor_personal.config import load_config
from video_censor_personal.job.plan import Request, plan_job
from video_censor_personal.job.proof import Proof, prepare_proof, prove
from video_censor_personal.remediation.writer import write_copy

SPEECH = Path(str(resources.files("video_censor_personal.sample") / "data" / "speech_rms.wav"))
TOLD = """1
00:00:00,100 --> 00:00:04,500
The weather is very nice today. What the hell are you doing with my damn car?

2
00:00:04,500 --> 00:00:09,300
This is a piece of shit. Please go forward ten meters and open the door.
"""
MASKED = TOLD.replace("hell", "heck").replace("damn", "darn").replace("shit", "****")


def proof_of(folder: Path, copied_sound: Path | None) -> Proof:
    """The proof of a copy with masked subtitles and this sound; None: the sound that was made."""
    film, copy = folder / "film.wav", folder / "copy.wav"
    shutil.copy(SPEECH, film)
    film.with_suffix(".srt").write_text(TOLD)
    (folder / "my.yaml").write_text("detections: {profanity: {}}\n")
    config = load_config(folder / "my.yaml")
    plan = plan_job(Request(video=film, config=config, output=copy, prove=True, prove_whole=True))
    assert plan.pipeline is not None
    plan.pipeline.verify_models()
    report = plan.pipeline.report(plan.info)
    assert report.segments
    edits = plan.edits(report)
    if copied_sound is None:
        write_copy(plan.info, edits, copy, remediation=config.remediation)
    else:
        shutil.copy(copied_sound, copy)
    copy.with_suffix(".srt").write_text(MASKED)
    pipeline = prepare_proof(plan, lambda *_: None, lambda _: None)
    return prove(pipeline, plan, report, edits, copy)


def test_words_that_are_masked_in_the_subtitles_and_still_said_are_left(tmp_path: Path) -> None:
    proof = proof_of(tmp_path, SPEECH)
    left = [d.label for segment in proof.left for d in segment.detections]
    assert left == ["hell", "damn", "shit"]


def test_of_words_that_are_gone_from_both_nothing_is_left_or_unknown(tmp_path: Path) -> None:
    proof = proof_of(tmp_path, None)
    assert proof.left == ()
    assert [part.status for part in proof.report.coverage if part.category == "profanity"] == [
        "analysed"
    ]
