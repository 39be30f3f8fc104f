"""`video-censor doctor`: what is here, what is missing, and how fast it is."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer
from hub_server import LoopbackHub
from loopback import Loopback
from tiny_clip import make_tiny_clip, quantise
from tiny_tagger import make_tiny_tagger

from video_censor_personal.cli import main
from video_censor_personal.detectors.onnx_session import available_devices
from video_censor_personal.doctor import speed


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings and no models of whoever runs the tests."""
    for name, folder in (("XDG_CONFIG_HOME", "settings"), ("XDG_CACHE_HOME", "cache")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def doctor(
    capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, dict[str, dict[str, Any]]]]:
    """Exit code, and the findings by section and name."""
    code = main(["doctor", "--json", *arguments])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["event"] == "result"
    assert (result["exit_code"], result["ok"]) == (code, code == 0)
    return code, {
        section["title"]: {finding["name"]: finding for finding in section["findings"]}
        for section in result["sections"]
    }


def test_what_comes_along_works_and_was_measured(capsys, home) -> None:
    code, found = doctor(capsys)
    assert code == 0
    assert found["Speed"]["decoding"]["facts"]["times_real_time"] > 0.1
    assert found["Speed"]["sha256"]["facts"]["bytes_per_s"] > 1_000_000
    assert found["Speed"]["disk"]["facts"]["bytes_per_s"] > 100_000
    eyes = found["Detectors"]["nudenet"]
    assert eyes["facts"]["times_real_time"] == pytest.approx(500 / eyes["facts"]["look_ms"], 0.02)
    assert found["Detectors"]["speech-profanity"]["facts"]["times_real_time"] > 0.05
    assert found["Machine"]["processor"]["facts"]["cores"] >= 1
    assert found["Machine"]["model cache"]["facts"]["path"] == str(
        home / "cache" / "video-censor" / "models"
    )
    assert "h264" in found["FFmpeg"]["reads pictures"]["facts"]["there"]
    assert "cpu" in found["Computes on"]["onnxruntime"]["facts"]["devices"]
    assert list(home.iterdir()) == [], "nothing is left"


def test_what_is_missing_is_named_with_the_command(capsys) -> None:
    code, found = doctor(capsys, "--quick", "--profile", "family")
    assert code == 1
    assert "Speed" not in found
    clip = found["Detectors"]["zero-shot"]
    assert clip["status"] == "note", "it is optional"
    assert "`video-censor models download clip-b32`" in clip["text"]
    wishes = found["This configuration"]
    assert wishes["Violence"]["status"] == "missing"
    assert wishes["whisper"]["text"].endswith("speech-profanity takes its place")
    assert wishes["models"]["remedy"] == (
        "video-censor models download clip-b32 yamnet whisper-small-en"
    )
    assert main(["doctor", "--quick", "--profile", "family"]) == 1
    page = capsys.readouterr().out
    assert "MISS Violence: not looked for" in page
    assert "3 things stand in the way: Violence, gore, drugs" in page


def test_a_profile_that_needs_nothing_is_fine(capsys) -> None:
    assert doctor(capsys, "--quick", "--profile", "workplace")[0] == 0


def test_a_required_detector_without_its_model_or_library_is_what_stands_in_the_way(
    capsys, home, monkeypatch
) -> None:
    config = home / "my.yaml"
    config.write_text("detections: {violence: {}}\ndetectors: [{type: zero-shot}]\n")
    code, found = doctor(capsys, "--quick", "--config", str(config))
    assert code == 1
    assert found["Detectors"]["zero-shot"]["status"] == "missing"
    assert found["This configuration"]["clip-b32"]["status"] == "missing"
    find = importlib.util.find_spec
    hidden = lambda name, *more: None if name == "tokenizers" else find(name, *more)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    code, found = doctor(capsys, "--quick", "--config", str(config))
    assert code == 1
    needed = "pip install 'video-censor-personal[clip]'"
    assert needed in found["Detectors"]["zero-shot"]["text"]
    assert needed in found["This configuration"]["This configuration"]["text"]


def test_a_server_that_is_not_there_is_found_without_measuring(capsys, home) -> None:
    config = home / "my.yaml"

    def asked(url: str, more: str = "") -> tuple[int, dict[str, dict[str, dict[str, Any]]]]:
        entry = f"{{type: llava-endpoint, url: '{url}', retries: 0{more}}}"
        config.write_text(f"detections: {{nudity: {{}}, gore: {{}}}}\ndetectors: [{entry}]\n")
        return doctor(capsys, "--quick", "--config", str(config))

    nobody = "http://127.0.0.1:9/v1"
    code, found = asked(nobody)
    assert code == 1
    assert found["Detectors"]["llava-endpoint"]["status"] == "missing"
    assert "no connection" in found["Detectors"]["llava-endpoint"]["text"]
    assert main(["doctor", "--quick", "--config", str(config)]) == 1
    assert "2 things stand in the way: llava-endpoint, gore" in capsys.readouterr().out
    code, found = asked(nobody, ", optional: true, look: scenes")
    assert code == 1
    assert found["Detectors"]["llava-endpoint"]["status"] == "note"
    gore = found["This configuration"]["gore"]
    assert gore["status"] == "missing"
    assert "no connection" in gore["text"]
    assert "nudity" not in found["This configuration"], "nudenet looks for it"
    with ChatServer() as server:
        code, found = asked(server.url, ", look: scenes")
        assert code == 0
        assert found["Detectors"]["llava-endpoint"]["status"] == "ok"
        assert len(server.others) == 1, "it is asked once"
        code, found = asked(server.url)
        assert code == 1
        assert "`look: scenes`" in found["This configuration"]["gore"]["text"]
        assert not server.questions


def test_a_device_that_is_not_there_stands_in_the_way(capsys, home) -> None:
    lacking = "directml" if "directml" not in available_devices() else "coreml"
    (home / "my.yaml").write_text(f"processing: {{device: {lacking}}}\n")
    code, found = doctor(capsys, "--quick", "--config", "my.yaml")
    assert code == 1
    for section in ("Detectors", "This configuration"):
        assert found[section]["nudenet"]["status"] == "missing"
        assert f"the device {lacking!r} is not there" in found[section]["nudenet"]["text"]
    assert doctor(capsys, "--quick", "--config", "my.yaml", "--device", "cpu")[0] == 0
    assert doctor(capsys, "--quick", "--device", lacking)[0] == 1


def test_a_model_that_is_none_is_found_and_the_rest_goes_on(capsys, home) -> None:
    garbage = b"no model at all" * 100
    with Loopback() as server:
        url = server.host("/m.onnx", garbage)
        config = home / "my.yaml"
        config.write_text(
            "detections: {faces: {}}\ndetectors: [{type: nudenet, model: m}]\n"
            f"models: {{sources: [{{name: m, url: '{url}', size_bytes: {len(garbage)}, "
            f"checksum: {hashlib.sha256(garbage).hexdigest()}}}]}}\n"
        )
        assert main(["models", "download", "--config", str(config), "-q"]) == 0
    code, found = doctor(capsys, "--config", str(config))
    assert code == 1
    assert found["Detectors"]["nudenet"]["status"] == "failed"
    assert "cannot be loaded" in found["Detectors"]["nudenet"]["text"]
    assert found["Detectors"]["speech-profanity"]["status"] == "ok"


def test_detectors_whose_models_are_there_are_measured_too(
    capsys, home, tmp_path_factory, monkeypatch
) -> None:
    folder = quantise(make_tiny_clip(tmp_path_factory.mktemp("m") / "clip"))
    tagger = make_tiny_tagger(folder.parent / "tagger.onnx").read_bytes()
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    with LoopbackHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        hub.add("Xenova/clip-vit-base-patch32", {n: p.read_bytes() for n, p in files.items()})
        hub.add("audiomagic/yamnet-onnx", {"yamnet.onnx": tagger}, lfs=["yamnet.onnx"])
        assert main(["models", "download", "clip-b32", "yamnet", "-q"]) == 0
    monkeypatch.setattr(speed, "_LONG_ENOUGH_S", 0.05)
    code, found = doctor(capsys, "--profile", "family")
    assert code == 0
    detectors = found["Detectors"]
    assert detectors["zero-shot"]["facts"]["look_ms"] > 0
    assert detectors["sound-events"]["text"].startswith("sound: ")
    assert found["This configuration"]["clip-b32"]["text"].endswith("is here")


def test_a_wrong_configuration_is_wrong_usage(capsys, home) -> None:
    (home / "my.yaml").write_text("detectons: {}\n")
    assert main(["doctor", "--config", "my.yaml"]) == 2
    assert 'did you mean "detections"' in capsys.readouterr().err


def test_help_answers_without_loading_anything() -> None:
    code = (
        "import sys\nfrom video_censor_personal.cli import main\n"
        "try: main(['doctor', '--help'])\nexcept SystemExit: pass\n"
        "heavy = {'av', 'onnxruntime', 'numpy', 'pydantic', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "exit codes" in done.stdout
