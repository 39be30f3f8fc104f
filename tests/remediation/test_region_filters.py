"""Where a box of the upright picture lies in the coded one, and which pictures can be changed."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from video_censor_personal import sample
from video_censor_personal.categories import FACES
from video_censor_personal.config import VideoRemediation
from video_censor_personal.detectors.base import CategorySettings, DetectorSettings
from video_censor_personal.detectors.nudenet import plugin as nudenet
from video_censor_personal.findings import Box, TrackPoint
from video_censor_personal.media.base import Frame
from video_censor_personal.remediation.edits import PictureEdit
from video_censor_personal.remediation.pictures.video import PictureEditor, coded_box, planar_format
from video_censor_personal.timeline import Span


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_coded_box_turns_into_the_upright_one(rotation: int) -> None:
    box = coded_box(Box(0.1, 0.2, 0.3, 0.4), rotation)
    size = (100, 200) if rotation % 180 == 0 else (200, 100)
    coded = np.zeros(size)
    rows, columns = size
    top, left = round(box.y * rows), round(box.x * columns)
    coded[top : round((box.y + box.height) * rows), left : round((box.x + box.width) * columns)] = 1
    wanted = np.zeros((100, 200))
    wanted[20:60, 20:80] = 1
    assert np.array_equal(np.rot90(coded, rotation // 90), wanted)


@pytest.mark.parametrize(
    ("name", "bits", "planar"),
    [
        ("yuv420p", 8, "yuv420p"),
        ("yuvj422p", 8, "yuvj422p"),
        ("yuv444p10le", 10, "yuv444p10le"),
        ("gray", 8, "gray"),
        ("nv12", 8, "yuv420p"),
        ("p010le", 10, "yuv420p10le"),
        ("rgb24", 8, "yuv444p"),
        ("gbrp", 8, "yuv444p"),
        ("yuyv422", 8, "yuv422p"),
        ("yuv420p10be", 10, "yuv420p10le"),
        ("pal8", 8, "yuv420p"),
    ],
)
def test_decoders_formats_become_planar_ones(name: str, bits: int, planar: str) -> None:
    assert av.VideoFormat(name).components[0].bits == bits
    assert planar_format(name, bits) == planar


@pytest.mark.parametrize("action", ["blur", "pixelate"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p", "gray", "gray10le"])
@pytest.mark.parametrize("size", [(64, 48), (33, 17), (7, 5), (2, 2)])
def test_pictures_of_every_size_and_format(
    action: str, pixel_format: str, size: tuple[int, int]
) -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)
    before = [bytes(plane) for plane in frame.planes]
    editor = PictureEditor([PictureEdit(Span.of(1, 2), action)])  # type: ignore[arg-type]
    editor.apply(frame, Fraction(2))
    assert [bytes(plane) for plane in frame.planes] == before
    editor.apply(frame, Fraction(1))
    grey = frame.reformat(format="gray").to_ndarray().astype(float)
    assert grey.std() < 0.7 * rgb.mean(axis=-1).std()


def test_a_hidden_region_holds_few_values_however_large_it_is() -> None:
    random = np.random.default_rng(2)
    picture = random.integers(0, 255, (400, 600), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, format="gray")
    PictureEditor([PictureEdit(Span.of(0, 1), "pixelate")]).apply(frame, Fraction(0))
    assert len(np.unique(frame.to_ndarray())) <= 6 * 6
    columns = np.abs(np.diff(frame.to_ndarray().astype(int), axis=1)).sum(axis=0)
    assert np.count_nonzero(columns) == 5


PORTRAIT = Path(sample.__file__).parent / "data" / "portrait.jpg"


@pytest.mark.parametrize("action", ["blur", "pixelate"])
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_the_detector_finds_no_face_in_what_is_left(action: str, share: float) -> None:
    lenient = {FACES: CategorySettings(FACES, "Faces", sensitivity=1.0)}
    detector = nudenet.build(DetectorSettings("nudenet", lenient))
    picture = portrait_on_grey(1280, 720, share)
    (found,) = detector.look([Frame(Fraction(0), picture)])
    assert len(found) == 1
    assert found[0].box is not None
    track = (TrackPoint(Fraction(0), found[0].box.padded(VideoRemediation().box_padding), 1.0),)
    edit = PictureEdit(Span.of(0, 1), action, track)  # type: ignore[arg-type]
    PictureEditor([edit]).apply(picture, Fraction(0))
    assert detector.look([Frame(Fraction(0), picture)]) == [[]]


def portrait_on_grey(width: int, height: int, share: float) -> av.VideoFrame:
    with av.open(str(PORTRAIT)) as container:
        face = next(container.decode(video=0))
    rows = int(height * share)
    columns = int(rows * face.width / face.height)
    small = face.reformat(width=columns, height=rows, format="rgb24").to_ndarray()
    picture = np.full((height, width, 3), 110, np.uint8)
    picture[60 : 60 + rows, 400 : 400 + columns] = small
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
