"""Set up this clone and run its tests: `python3 scripts/test.py [arguments for pytest]`."""

import os
import sys

from environment import python, run

if __name__ == "__main__":
    arguments = sys.argv[1:] or ["-n", str(os.cpu_count() or 1), "--cov", "--cov-report=term"]
    run([python(), "-m", "pytest", *arguments])
