"""The environment means to us what it means to the Hugging Face library."""

import json
import os
import subprocess
import sys

import pytest

from video_censor_personal.errors import ConfigError
from video_censor_personal.hub.environment import HubSettings, hub_settings

ENVIRONMENTS = {
    "nothing set": {},
    "endpoint": {"HF_ENDPOINT": "https://hub.example.com/prefix/"},
    "home": {"HF_HOME": "~/elsewhere"},
    "home with a variable": {"HF_HOME": "$BASE/hf", "BASE": "/srv"},
    "XDG": {"XDG_CACHE_HOME": "/srv/xdg"},
    "cache": {"HF_HUB_CACHE": "$BASE/hub", "BASE": "/srv", "HF_HOME": "/unused"},
    "cache by its old name": {"HUGGINGFACE_HUB_CACHE": "~/old"},
    "cache by both names": {"HUGGINGFACE_HUB_CACHE": "/old", "HF_HUB_CACHE": "/new"},
    "variable that holds a tilde": {"HF_HOME": "$BASE", "BASE": "~/x"},
    "token": {"HF_TOKEN": " hf_a\r\n"},
    "token by its old name": {"HUGGING_FACE_HUB_TOKEN": "hf_old"},
    "token by both names": {"HUGGING_FACE_HUB_TOKEN": "hf_old", "HF_TOKEN": "hf_new"},
    "an empty token": {"HF_TOKEN": "  "},
    "token of a login": {"HF_HOME": "~/login"},
    "token of a file": {"HF_TOKEN_PATH": "~/login/token"},
    "token file and variable": {"HF_TOKEN_PATH": "~/login/token", "HF_TOKEN": "hf_a"},
    "token file that is gone": {"HF_TOKEN_PATH": "~/gone"},
    "no implicit token": {"HF_TOKEN": "hf_a", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"},
    "offline": {"HF_HUB_OFFLINE": "1"},
    "offline in words": {"HF_HUB_OFFLINE": "Yes"},
    "online in words": {"HF_HUB_OFFLINE": "no"},
    "offline for transformers": {"TRANSFORMERS_OFFLINE": "ON"},
    "online although transformers are not": {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"},
}

# One process for all of them: what the library has loaded is thrown away between two.
LIBRARY = """
import json, os, sys
told = []
for environment in json.load(sys.stdin):
    for name in [name for name in sys.modules if name.startswith("huggingface_hub")]:
        del sys.modules[name]
    os.environ.clear()
    os.environ.update(environment)
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers
    told.append(dict(
        endpoint=constants.ENDPOINT,
        cache=constants.HF_HUB_CACHE,
        offline=constants.HF_HUB_OFFLINE,
        login=build_hf_headers().get("authorization"),
    ))
print(json.dumps(told))
"""


def _pythons():
    yield sys.executable
    if other := os.environ.get("VIDEO_CENSOR_HUB1_PYTHON"):
        yield other


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "login").mkdir()
    (home / "login" / "token").write_text("hf_login\n")
    return home


@pytest.fixture(
    scope="module", params=_pythons(), ids=lambda path: "hub1" if "hub1" in path else ""
)
def told(request, home):
    """What the library makes of every environment."""
    pytest.importorskip("huggingface_hub")
    asked = [{"HOME": str(home), **environment} for environment in ENVIRONMENTS.values()]
    done = subprocess.run(
        [request.param, "-c", LIBRARY],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(ENVIRONMENTS, json.loads(done.stdout), strict=True))


def settings_in(environment: dict[str, str], home, monkeypatch) -> HubSettings:
    for name in os.environ:
        if name.startswith(("HF_", "HUGGING", "XDG_CACHE", "TRANSFORMERS_")):
            monkeypatch.delenv(name)
    for name, value in {"HOME": str(home), **environment}.items():
        monkeypatch.setenv(name, value)
    return hub_settings()


@pytest.mark.skipif(os.name == "nt", reason="the home folder has another name there")
@pytest.mark.parametrize("what", ENVIRONMENTS)
def test_the_environment_means_what_it_means_to_the_library(told, home, monkeypatch, what):
    ours = settings_in(ENVIRONMENTS[what], home, monkeypatch)
    sent = ours.headers.get(ours.origin, {})
    assert {
        "endpoint": ours.endpoint,
        "cache": str(ours.cache_dir),
        "offline": ours.offline,
        "login": sent.get("Authorization"),
    } == told[what]


def test_an_empty_value_is_none(home, monkeypatch):
    """To the library an empty HF_HOME is the current folder, and an empty HF_ENDPOINT no hub."""
    empty = dict.fromkeys(("HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN_PATH"), "")
    assert settings_in(empty, home, monkeypatch) == settings_in({}, home, monkeypatch)


def test_what_changes_is_seen_at_the_next_call(home, monkeypatch):
    """To the library only what was set when it was loaded counts."""
    assert not settings_in({}, home, monkeypatch).offline
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hub_settings().offline


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://hub", "https://me:secret@hub.example.com", "https://hub/?x", "hub.example.com"],
)
def test_an_endpoint_that_is_none_is_refused(home, monkeypatch, endpoint):
    with pytest.raises(ConfigError) as caught:
        settings_in({"HF_ENDPOINT": endpoint}, home, monkeypatch)
    assert "HF_ENDPOINT" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_token_that_cannot_be_a_header_is_refused_and_not_shown(home, monkeypatch):
    with pytest.raises(ConfigError, match="HF_TOKEN") as caught:
        settings_in({"HF_TOKEN": "hf_s\u00e9cret"}, home, monkeypatch)
    assert "cret" not in str(caught.value)
