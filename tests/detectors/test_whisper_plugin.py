"""The Whisper plug-in: its options, its model folders, its process."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted_whisper import scripted_whisper
from spoken import CONTINUOUS, cue, sound
from whispering import HELL, german, run, true_to

from video_censor_personal.detectors.base import CategorySettings, DetectorSettings
from video_censor_personal.detectors.speech.whisper_folder import WhisperFolder
from video_censor_personal.detectors.whisper import WhisperListener, plugin
from video_censor_personal.errors import ConfigError, DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import AudioBlock


def settings(folder: Path | None, **options: Any) -> DetectorSettings:
    asked = CategorySettings("profanity", "Profanity")
    models = {} if folder is None else {"whisper-small-en": folder}
    return DetectorSettings("ears", {"profanity": asked}, options, models)


def test_it_hears_in_a_process_of_its_own_and_leaves_none_behind(tmp_path):
    folder = scripted_whisper(tmp_path / "model", true_to(HELL))
    detector = plugin.build(settings(folder))
    assert isinstance(detector, WhisperListener)
    detector.begin([])
    list(detector.hear(AudioBlock(Fraction(0), np.tile(sound(HELL), 8))))
    pid = detector.hearing.model.process.pid
    os.kill(pid, 0)
    found = list(detector.finish())
    assert "hell" in [item.label for item in found]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_model_folder_that_lacks_a_file_is_named_and_nothing_is_downloaded(tmp_path, name):
    folder = scripted_whisper(tmp_path / "model", true_to(HELL))
    (folder / name).unlink()
    with pytest.raises(DetectorError, match=rf"'whisper-small-en' lacks {name} .*CTranslate2"):
        plugin.build(settings(folder))


def test_a_model_that_cannot_be_loaded_leaves_gaps(tmp_path):
    folder = scripted_whisper(tmp_path / "model", true_to(HELL))
    (folder / "model.bin").write_bytes(b"not a model")
    found = run(plugin.build(settings(folder)), sound(CONTINUOUS), [cue(0, 3, "Scheiße, damn")])
    assert [item.evidence for item in found if isinstance(item, Detection)] == ["cue"]
    gaps = [item for item in found if isinstance(item, Gap)]
    assert gaps
    assert all("'whisper-small-en' failed" in gap.reason and gap.passing for gap in gaps)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"langage": "en"}, "did you mean 'language'"),
        ({"language": "klingon"}, "no word list for the language 'klingon'"),
        ({"language": "de", "languages": ["en"]}, "'de' is not among 'languages'"),
        ({"model": 3}, "model"),
        ({"words": ["f***"]}, "write the whole word"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options, message):
    with pytest.raises(ConfigError, match=message):
        plugin.check(settings(None, **options))


def test_what_it_needs_and_which_languages_it_understands():
    asked = settings(None, second_model="whisper-large-v3-turbo", language="German")
    assert [need.name for need in plugin.needs(asked)] == [
        "whisper-small-en", "whisper-large-v3-turbo",
    ]  # fmt: skip
    assert plugin.languages(asked) == {"de"}
    assert plugin.languages(settings(None, languages=["en", "fr"])) == {"en", "fr"}


def test_other_languages_need_a_multilingual_model(tmp_path):
    folder = scripted_whisper(tmp_path / "small", true_to(HELL))
    with pytest.raises(DetectorError, match=r"understands English only.*whisper-large-v3-turbo"):
        plugin.build(settings(folder, languages=["en", "de"]))
    assert not WhisperFolder("x", folder).is_multilingual
    folder = scripted_whisper(tmp_path / "large", **german({"de": 0.9, "en": 0.1}))
    assert WhisperFolder("x", folder).is_multilingual
    assert plugin.build(settings(folder, languages=["en", "de"]))


class Stuck:
    """A model that never answers; used in a child process."""

    def voices(self, samples: np.ndarray) -> list[range]:
        signal.pause()
        return []


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for the child in /proc")
def test_ctrl_c_does_not_wait_for_a_model_that_thinks():
    script = f"""
import sys, threading
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from pathlib import Path
import spoken, test_whisper_plugin, whispering
from video_censor_personal.analysis.examination import Ears, examine
from video_censor_personal.config import Processing
from video_censor_personal.detectors.speech.model_process import ModelProcess
from video_censor_personal.detectors.speech.whisper_folder import WhisperFolder
from video_censor_personal.detectors.speech.whisper_model import WhisperProcess
from video_censor_personal.media.probe import probe
model = WhisperProcess(WhisperFolder("stuck", Path()), "cpu", 1)
model.process = ModelProcess("stuck", test_whisper_plugin.Stuck)
class Told(test_whisper_plugin.WhisperListener):
    def finish(self):
        print("listening", flush=True)
        yield from super().finish()
ears = whispering.listener(model)
ears.__class__ = Told
info = probe(spoken.DATA / whispering.HELL)
examine(info, [], [Ears("w", lambda: ears)], [], Processing(), sensitivities={{}})
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"listening\n"
    children = Path(f"/proc/{parent.pid}/task")
    while not (pids := [c for task in children.iterdir() if task.exists()
                        for c in (task / "children").read_text().split()]):  # fmt: skip
        pass
    os.killpg(parent.pid, signal.SIGINT)
    try:
        _, complaint = parent.communicate(timeout=30)
    finally:
        parent.kill()
    assert complaint.decode().strip().endswith("KeyboardInterrupt")
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_it_takes_the_aligner_as_well(monkeypatch):
    find = importlib.util.find_spec
    hidden = lambda name, *more: None if name == "pocketsphinx" else find(name, *more)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    assert plugin.available() == "pocketsphinx is not installed; run: pip install pocketsphinx"
