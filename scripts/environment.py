"""The virtual environment of this clone: made once, brought up to date when pyproject changes."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv"


def python() -> Path:
    """The interpreter of `.venv`, with this project and its development tools installed."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have an older one
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    interpreter = HOME / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = HOME / "installed-from"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted and interpreter.exists():
        return interpreter
    if not interpreter.exists():
        say(f"Making a virtual environment in {HOME}")
        try:
            venv.create(HOME, with_pip=True)
        except (subprocess.CalledProcessError, ImportError) as error:
            sys.exit(f"venv failed ({error}). On Debian and Ubuntu: sudo apt install python3-venv")
    say("Installing this project and what it needs (some 500 MB; a minute or two the first time)")
    command = [interpreter, "-m", "pip", "install", "--disable-pip-version-check"]
    run([*command, "--editable", f"{ROOT}[dev]"])
    stamp.write_text(wanted)
    return interpreter


def run(command: list[str | Path]) -> None:
    """Run a command; end with its exit code if it fails."""
    result = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if result.returncode:
        sys.exit(result.returncode)


def say(text: str) -> None:
    print(f"==> {text}", flush=True)
