"""Boxes stay inside the picture and move in straight lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_censor_personal.findings import Box

unit = st.floats(0, 1)
boxes = st.tuples(unit, unit, unit, unit).map(
    lambda v: Box(min(v[0], v[2]), min(v[1], v[3]), abs(v[2] - v[0]), abs(v[3] - v[1]))
)


@given(boxes, st.floats(0, 2))
def test_padding_never_leaves_the_picture_and_never_shrinks(box, share):
    padded = box.padded(share)
    assert 0 <= padded.x <= box.x
    assert 0 <= padded.y <= box.y
    assert padded.x + padded.width <= 1 + 1e-9
    assert padded.x + padded.width >= box.x + box.width - 1e-9


def test_overlap_is_intersection_over_union():
    assert Box(0, 0, 0.2, 0.2).overlap(Box(0.1, 0, 0.2, 0.2)) == pytest.approx(1 / 3)
    assert Box(0, 0, 0.2, 0.2).overlap(Box(0.2, 0, 0.2, 0.2)) == 0
    assert Box(0.3, 0.3, 0.2, 0.2).overlap(Box(0.3, 0.3, 0.2, 0.2)) == pytest.approx(1)


def test_half_way_is_the_middle():
    middle = Box(0, 0, 0.2, 0.4).towards(Box(0.4, 0.2, 0.4, 0.4), 0.5)
    assert (middle.x, middle.y, middle.width) == pytest.approx((0.2, 0.1, 0.3))
