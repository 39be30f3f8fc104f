"""Imports go down only, are cheap, and the public names are there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import video_censor_personal

PACKAGE = Path(video_censor_personal.__file__).parent
FLOOR = {
    "errors",
    "timeline",
    "progress",
    "categories",
    "findings",
    "config",
    "sizes",
    "outputs",
    "file_names",
}
BELOW = {
    "store": FLOOR,
    "transfer": {"store"},
    "hub": {"transfer", "store"},
    "catalogue": {"hub"},
    "models_lock": {"hub", "store"},
    "huggingface_registry": {"catalogue", "hub", "transfer"},
    "hub_cache": {"hub", "transfer", "store"},
    "sources": {"huggingface_registry", "hub_cache", "models_lock", "hub", "transfer", "store"},
    "model_manager": {
        "catalogue",
        "sources",
        "models_lock",
        "huggingface_registry",
        "hub",
        "transfer",
        "store",
    },
    "media": FLOOR,
    "sample": {"media"},
    "detectors": {"media"},
    "analysis": {"detectors", "media"},
    "reports": {"media"},
    "remediation": {"media"},
    "requirements": {"detectors", "model_manager"},
    "judging": {"requirements", "analysis", "detectors"},
    "rejudging": {"judging", "requirements", "analysis", "reports"},
    "equipment": {"requirements", "analysis", "detectors"},
    "pipeline": {
        "equipment",
        "judging",
        "requirements",
        "analysis",
        "detectors",
        "media",
        "reports",
        "model_manager",
    },
    "job": {
        "pipeline",
        "rejudging",
        "model_manager",
        "reports",
        "remediation",
        "media",
        "analysis",
    },
    "doctor": {
        "catalogue",
        "detectors",
        "media",
        "model_manager",
        "remediation",
        "requirements",
        "sample",
    },
    "cli": {
        "catalogue",
        "detectors",
        "doctor",
        "job",
        "model_manager",
        "models_lock",
        "pipeline",
        "rejudging",
        "requirements",
        "sample",
        "service",
        "store",
        "transfer",
    },
    "service": {"hub_cache", "hub", "transfer", "store"},
}


def modules() -> list[tuple[str, str, Path]]:
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        part = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        found.append((str(file.relative_to(PACKAGE)), part, file))
    return found


@pytest.mark.parametrize(("name", "part", "file"), modules(), ids=lambda v: str(v))
def test_imports_go_down_only(name, part, file):
    allowed = FLOOR | {part} | BELOW.get(part, set())
    if part in ("__init__", "__main__"):
        return
    for node in ast.walk(ast.parse(file.read_text())):
        imported = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE.name):
            rest = node.module.removeprefix(PACKAGE.name).strip(".")
            imported = [rest.split(".")[0]] if rest else [alias.name for alias in node.names]
        for target in imported:
            if target == "__version__":
                continue
            assert target in allowed, f"{name} imports {target}"


def test_importing_the_package_loads_no_codec_and_no_model_runtime():
    code = (
        "import sys, video_censor_personal, video_censor_personal.config; "
        "heavy = {'av', 'onnxruntime', 'pocketsphinx', 'numpy', 'torch', 'fastapi', "
        "'huggingface_hub', 'urllib3'}; print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_help_loads_nothing_it_does_not_need():
    code = (
        "import sys\nfrom video_censor_personal.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'av', 'onnxruntime', 'numpy', 'pydantic', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stderr.strip() == "[]"
    assert "exit codes" in out.stdout


def test_every_public_name_is_there():
    for name in video_censor_personal.__all__:
        assert getattr(video_censor_personal, name) is not None
    assert list(video_censor_personal.__all__) == sorted(video_censor_personal.__all__)
