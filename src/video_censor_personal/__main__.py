"""`python -m video_censor_personal` is the console script `video-censor`."""

import sys

from video_censor_personal.cli import main

if __name__ == "__main__":
    sys.exit(main())
