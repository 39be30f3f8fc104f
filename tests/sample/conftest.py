"""The sample movie in small, made once for all tests of this folder."""

import pytest

from video_censor_personal.sample.movie import make_sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """(path, truth) of the sample as MP4; 640×360 is all that a detector sees of it anyway."""
    path = tmp_path_factory.mktemp("sample") / "sample.mp4"
    return path, make_sample(path, height=360)
