"""How well each rung of the ladder hears and times words, against speech whose words are known.

    python benchmarks/words.py
    python benchmarks/words.py --whisper ~/models/faster-whisper-small.en

The speech is that of the sample movie: synthetic voices, word times known to the millisecond, as it
is, without the pauses between the words, and in noise. Every word of it is looked for, not only the
listed ones, and each rung hears the same clips:

    cue          the subtitle says the word; the whole subtitle is its time
    alignment    the subtitle says it, and it is aligned with the sound; else the whole subtitle
    recognition  no subtitle; the embedded model
    whisper      no subtitle; the Whisper model of `--whisper`, a folder in CTranslate2's format

A word is *found* where a detection of it overlaps it, and *timed* where that is not a whole
subtitle. A *false alarm* is a detection of a word that overlaps none that sounds like that; rungs
with subtitles are shown those of other clips for it, and only what they time counts. Edge errors
are those of timed words. CPU is seconds a second of sound, while every single word is looked for.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from video_censor_personal.detectors.base import SoundDetector
from video_censor_personal.detectors.speech.hearing import Hearing
from video_censor_personal.detectors.speech.speech_model import SpeechModel
from video_censor_personal.detectors.speech.vocabulary import Vocabulary, WordOptions
from video_censor_personal.detectors.speech.whisper_model import Whisper, WhisperFolder
from video_censor_personal.detectors.speech_profanity import ProfanityListener
from video_censor_personal.detectors.whisper import WhisperListener
from video_censor_personal.findings import Detection
from video_censor_personal.media.audio import decode_audio
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock, Cue
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span

DATA = Path(str(resources.files("video_censor_personal.sample") / "data"))
CONTINUOUS = "speech_rms.wav"  # its words run into each other; nothing can be taken out of it
EDGE_S = 0.2


@dataclass(frozen=True)
class Word:
    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Clip:
    """Speech, and what is said in it."""

    name: str
    samples: np.ndarray
    words: tuple[Word, ...]

    @property
    def cue(self) -> Cue:
        text = " ".join(word.text for word in self.words)
        return Cue(Span.of(0, len(self.samples) / SAMPLE_RATE_HZ), text, "eng", "a")


@dataclass(frozen=True)
class Result:
    """What one rung made of all clips."""

    rung: str
    condition: str
    words: int
    found: int
    timed: int
    false_alarms: int
    mean_edge_error_s: float | None
    worst_edge_error_s: float | None
    seconds: float
    sound_s: float


# -- the clips


def clips(snr_db: float | None, pauses: bool) -> Iterator[Clip]:
    truth = json.loads((DATA / "words.json").read_text())
    for name in sorted(truth):
        if name == CONTINUOUS and not pauses:
            continue
        samples = np.concatenate(
            [b.samples for b in decode_audio(probe(DATA / name)) if isinstance(b, AudioBlock)]
        )
        words = tuple(Word(w["word"], w["start_s"], w["end_s"]) for w in truth[name]["words"])
        if not pauses:
            samples, words = joined(samples, words)
        yield Clip(name, samples if snr_db is None else noisy(samples, snr_db), words)


def joined(samples: np.ndarray, words: Sequence[Word]) -> tuple[np.ndarray, tuple[Word, ...]]:
    """The same words without the silence between them."""
    parts = [np.zeros(round(EDGE_S * SAMPLE_RATE_HZ), np.int16)]
    moved = []
    for word in words:
        first, last = (round(at * SAMPLE_RATE_HZ) for at in (word.start_s, word.end_s))
        start_s = sum(map(len, parts)) / SAMPLE_RATE_HZ
        moved.append(Word(word.text, start_s, start_s + (last - first) / SAMPLE_RATE_HZ))
        parts.append(samples[first:last])
    return np.concatenate([*parts, parts[0]]), tuple(moved)


def noisy(samples: np.ndarray, snr_db: float) -> np.ndarray:
    """With low-passed noise; the same every time."""
    clean = samples.astype(float)
    noise = np.convolve(np.random.default_rng(1).normal(size=len(clean)), np.ones(8) / 8, "same")
    noise *= np.sqrt((clean**2).mean() / (noise**2).mean() / 10 ** (snr_db / 10))
    return np.clip(clean + noise, -32768, 32767).astype(np.int16)


# -- the rungs


Listen = Callable[[Clip, Cue | None], list[Detection]]


def heard(detector: SoundDetector, clip: Clip, cue: Cue | None) -> list[Detection]:
    detector.begin([cue] if cue else [])
    said = list(detector.hear(AudioBlock(Fraction(0), clip.samples)))
    return [item for item in [*said, *detector.finish()] if isinstance(item, Detection)]


def whole_cue(vocabulary: Vocabulary) -> Listen:
    def listen(clip: Clip, cue: Cue | None) -> list[Detection]:
        assert cue is not None
        return [
            Detection("profanity", m.text, cue.span, 1, "", "cue", "audio", evidence="cue")
            for m in vocabulary.find(cue.text, "en")
        ]

    return listen


def embedded(vocabulary: Vocabulary) -> Listen:
    model = SpeechModel()
    return lambda clip, cue: heard(ProfanityListener("ears", vocabulary, model), clip, cue)


def whisper(vocabulary: Vocabulary, folder: Path, threads: int) -> Listen:
    WhisperFolder(folder.name, folder).check()
    aligner, model = SpeechModel(), Whisper(str(folder), "auto", threads)

    def listen(clip: Clip, cue: Cue | None) -> list[Detection]:
        hearing = Hearing(vocabulary, aligner, model)
        return heard(WhisperListener("ears", vocabulary, hearing, find_language=False), clip, cue)

    return listen


# -- the count


def measure(
    rung: str, condition: str, listen: Listen, all_clips: Sequence[Clip], subtitled: bool
) -> Result:
    errors: list[float] = []
    found = timed = false = 0
    begin = time.process_time()
    for clip, other in zip(all_clips, [*all_clips[1:], all_clips[0]], strict=True):
        said = listen(clip, clip.cue if subtitled else None)
        for word in clip.words:
            hits = [d for d in said if is_of(d, word)]
            placed = [d for d in hits if d.evidence != "cue"]
            found += bool(hits)
            timed += bool(placed)
            errors += [edge_error(d, word) for d in placed[:1]]
        wrong = listen(clip, other.cue) if subtitled else said
        false += sum(
            d.evidence != "cue" and not any(is_of(d, word) for word in clip.words) for d in wrong
        )
    return Result(
        rung,
        condition,
        sum(len(clip.words) for clip in all_clips),
        found,
        timed,
        false,
        statistics.mean(errors) if errors else None,
        max(errors, default=None),
        time.process_time() - begin,
        sum(len(clip.samples) for clip in all_clips) / SAMPLE_RATE_HZ,
    )


def is_of(detection: Detection, word: Word) -> bool:
    return (
        detection.label.lower().strip(".,!?") == word.text
        and detection.span.start < word.end_s
        and detection.span.end > word.start_s
    )


def edge_error(detection: Detection, word: Word) -> float:
    """The larger of both edges' distances from the truth."""
    return max(
        abs(float(detection.span.start) - word.start_s), abs(float(detection.span.end) - word.end_s)
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--whisper", type=Path, help="folder of a Whisper model (CTranslate2)")
    parser.add_argument("--threads", type=int, default=1, help="for Whisper (default 1)")
    parser.add_argument("--noise", type=float, nargs="*", default=[20, 10], help="SNR in dB")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    conditions: list[tuple[str, float | None, bool]] = [("clean", None, True)]
    conditions += [("without pauses", None, False)]
    conditions += [(f"noise, {snr_db:g} dB", snr_db, True) for snr_db in arguments.noise]
    texts = {word.text for clip in clips(None, True) for word in clip.words}
    vocabulary = Vocabulary(WordOptions(words=sorted(texts)), 0.5, Path())
    rungs: list[tuple[str, Listen, bool]] = [
        ("cue", whole_cue(vocabulary), True),
        ("alignment", embedded(vocabulary), True),
        ("recognition", embedded(vocabulary), False),
    ]
    if arguments.whisper:
        hear = whisper(vocabulary, arguments.whisper, arguments.threads)
        rungs += [("whisper", hear, False), ("whisper, subtitles", hear, True)]
    if not arguments.json:
        print(row(HEADINGS))
    results = []
    for condition, snr_db, pauses in conditions:
        for rung, listen, subtitled in rungs:
            chosen = list(clips(snr_db, pauses))
            results.append(measure(rung, condition, listen, chosen, subtitled))
            if not arguments.json:
                print(row(cells(results[-1])), flush=True)
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=1))


HEADINGS = (
    "condition",
    "rung",
    "words",
    "found",
    "timed",
    "false",
    "mean error ms",
    "worst",
    "CPU",
)


def cells(result: Result) -> Sequence[Any]:
    mean, worst = (
        "–" if error is None else f"{error * 1000:.0f}"
        for error in (result.mean_edge_error_s, result.worst_edge_error_s)
    )
    counts = (result.words, result.found, result.timed, result.false_alarms)
    share = f"{result.seconds / result.sound_s:.2f}"
    return (result.condition, result.rung, *counts, mean, worst, share)


def row(values: Sequence[Any]) -> str:
    return "| " + " | ".join(map(str, values)) + " |"


if __name__ == "__main__":
    main()
