"""How long a second run with other sensitivities takes: two hours of kept scores, judged again.

    python benchmarks/rejudge.py --hours 2 --rounds 5

The record is made up, as dense as that of a talky film: two looks a second by two detectors that
see, with those in between that found their edges. One follows the faces of one or two people
through two of five shots and sometimes takes something for nudity; the other says of whole frames
how likely nudity or violence is, in one of ten. Two hear the same 400 listed words. Each round runs
`video-censor profile apply` in a process of its own and then the parts of it in this one, each time
with other sensitivities. What a first run would take is not measured here: see `analysis.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from video_censor_personal.analysis.coverage import Search
from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.analysis.making import Making
from video_censor_personal.analysis.scores import SUFFIX, Scores, read_scores, write_scores
from video_censor_personal.analysis.tracks import Look
from video_censor_personal.config import load_config
from video_censor_personal.detectors.base import Scale
from video_censor_personal.findings import Box, Detection, Sighting
from video_censor_personal.pipeline import AnalysisPipeline
from video_censor_personal.reports.json_report import write_json
from video_censor_personal.timeline import Span

CATEGORIES = ("nudity", "faces", "violence", "profanity")
CONFIG = """
detections:
  nudity: {{sensitivity: {0}}}
  faces: {{sensitivity: {0}}}
  profanity: {{sensitivity: {0}}}
detectors:
  - {{type: nudenet}}
  - {{type: nudenet, name: scenes}}
  - {{type: speech-profanity}}
  - {{type: speech-profanity, name: second-ears}}
"""
SCALE = Scale(strict=0.7, default=0.4, lenient=0.2)
FRAME_S = Fraction(1001, 24_000)
STEP_S = 12 * FRAME_S
WORDS = ("hell", "damn", "shit", "crap", "ass")


def shots(chance: random.Random, seconds: int) -> Iterator[tuple[Fraction, Fraction, int]]:
    """From when to when a shot lasts, 2 to 8 s, and how many people are in it."""
    start = Fraction(0)
    while start < seconds:
        end = min(Fraction(seconds), start + chance.randint(48, 192) * FRAME_S)
        yield start, end, chance.choice((0, 0, 0, 1, 2))
        start = end


def looks(chance: random.Random, seconds: int, see: See) -> tuple[Look, ...]:
    """Two a second; at the beginning of each shot four in between, which found the cut."""
    made: list[Look] = []
    for start, end, people in shots(random.Random(2), seconds):
        number = 0
        while start + number * STEP_S < end:
            when = start + number * STEP_S
            if not number and made:
                for step in (6, 3, 2, 1):
                    before = made[-1].sightings if step < 3 else ()
                    made.append(Look(when - step * FRAME_S, when - step * FRAME_S, before, False))
            made.append(Look(when, when - 11 * FRAME_S * bool(number), see(chance, people, number)))
            number += 1
    return tuple(made)


See = Callable[[random.Random, int, int], tuple[Sighting, ...]]


def see_bodies(chance: random.Random, people: int, number: int) -> tuple[Sighting, ...]:
    """People walk slowly through the picture."""
    seen = [
        sighting("faces", "FACE_FEMALE", chance.uniform(0.3, 0.9), 0.1 + 0.4 * n + 0.01 * number)
        for n in range(people)
    ]
    if people and chance.random() < 0.1:
        seen.append(sighting("nudity", "FEMALE_BREAST_EXPOSED", chance.uniform(0.15, 0.5), 0.3))
    return tuple(seen)


def see_scenes(chance: random.Random, people: int, number: int) -> tuple[Sighting, ...]:
    return tuple(
        Sighting(category, category, round(chance.uniform(0.2, 0.6), 4), None, "made up")
        for category in ("nudity", "violence")
        if chance.random() < 0.1
    )


def sighting(category: str, label: str, score: float, left: float) -> Sighting:
    return Sighting(category, label, round(score, 4), Box(round(left, 4), 0.2, 0.1, 0.2), "made up")


def heard(chance: random.Random, seconds: int) -> tuple[Detection, ...]:
    made = []
    for _ in range(400 * seconds // 7200):
        start = Fraction(chance.randrange(seconds * 16_000), 16_000)
        score = chance.choice((0.25, 0.5, 0.75, 1.0))
        made.append(
            Detection(
                "profanity", chance.choice(WORDS), Span(start, start + Fraction(2, 5)), score,
                "the subtitle says so", "ears", "audio", evidence="aligned", score=score,
            )
        )  # fmt: skip
    return tuple(sorted(made, key=lambda d: d.span))


def record(seconds: int) -> Scores:
    chance = random.Random(1)
    scales = dict.fromkeys(CATEGORIES, SCALE)
    bodies = Search("nudenet", "video", frozenset({"nudity", "faces"}))
    scenes = Search("scenes", "video", frozenset({"nudity", "violence"}))
    ears = frozenset({"profanity"})
    words = heard(chance, seconds)
    witnesses = (
        Witness(bodies, scales, "made up", looks(chance, seconds, see_bodies)),
        Witness(scenes, scales, "made up", looks(chance, seconds, see_scenes)),
        *(
            Witness(Search(name, "audio", ears), {}, "made up", heard=words, kind="words")
            for name in ("speech-profanity", "whisper")
        ),
    )
    end = Fraction(seconds)
    evidence = Evidence(
        witnesses, {"video": (), "audio": ()}, end, end, dict.fromkeys(CATEGORIES, 0.5)
    )
    made = Making("made up", "uniform", 0.5)
    return Scores(Path("film.mkv"), 1, "made up", datetime.now(UTC), made, evidence)


def one_round(folder: Path, sensitivity: float) -> dict[str, float]:
    config, scores = folder / "my.yaml", folder / f"film{SUFFIX}"
    config.write_text(CONFIG.format(sensitivity))
    command = [sys.executable, "-m", "video_censor", "profile", "apply", str(scores), "--config"]
    begun = time.perf_counter()
    subprocess.run(
        [*command, str(config), "-o", str(folder / "new.json"), "-y", "-q"],
        check=False, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    took = {"the whole command": time.perf_counter() - begun}
    begun = time.perf_counter()
    settings = load_config(config)
    pipeline = AnalysisPipeline(settings)
    took["choosing detectors"] = time.perf_counter() - begun
    begun = time.perf_counter()
    kept = read_scores(scores)
    took["reading the scores"] = time.perf_counter() - begun
    begun = time.perf_counter()
    report = pipeline.conclude(kept)
    took["judging"] = time.perf_counter() - begun
    begun = time.perf_counter()
    write_json(report, folder / "new.json", settings.output)
    took["writing the report"] = time.perf_counter() - begun
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # Else a checkout, unlike what is installed, would be compiled in every process measured.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scores = record(int(arguments.hours * 3600))
        write_scores(scores, folder / f"film{SUFFIX}")
        rounds = [
            one_round(folder, round(0.2 + 0.6 * number / arguments.rounds, 3))
            for number in range(arguments.rounds)
        ]
        facts: dict[str, Any] = {
            "hours": arguments.hours,
            "looks": sum(len(witness.looks) for witness in scores.evidence.witnesses),
            "scores_bytes": (folder / f"film{SUFFIX}").stat().st_size,
            "report_bytes": (folder / "new.json").stat().st_size,
            "seconds": {part: statistics.median(r[part] for r in rounds) for part in rounds[0]},
        }
    if arguments.json:
        print(json.dumps(facts))
        return
    size = facts["scores_bytes"] / 1e6
    print(f"{facts['hours']} h, {facts['looks']} looks, {size:.1f} MB of scores")
    for part, seconds in facts["seconds"].items():
        print(f"{part:20} {seconds:6.2f} s")


if __name__ == "__main__":
    main()
