"""Set up this clone and run its tests: `python3 scripts/test.py [arguments for pytest]`."""

import os
import sys

from environment import python, run

if __name__ == "__main__":
    # By file, because what a file's tests share (a sample movie, a server) is dear to make.
    workers = ["-n", str(os.cpu_count() or 1), "--dist", "loadfile"]
    coverage = ["--cov", "--cov-report=term:skip-covered"]
    run([python(), "-m", "pytest", *(sys.argv[1:] or [*workers, *coverage])])
