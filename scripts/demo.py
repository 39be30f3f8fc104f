"""Set up this clone and censor the sample movie: `python3 scripts/demo.py`."""

import sys

from environment import HOME, ROOT, python, run

if __name__ == "__main__":
    python()
    command = HOME / ("Scripts/video-censor.exe" if sys.platform == "win32" else "bin/video-censor")
    run([command, "demo", "--output", str(ROOT / "demo"), *sys.argv[1:]])
