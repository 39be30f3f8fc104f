"""Chapters for what was found, merged with the film's own."""

from fractions import Fraction

from flagged import seen, segment

from video_censor_personal.findings import Segment
from video_censor_personal.media.base import Chapter
from video_censor_personal.remediation.chapters import merged_chapters
from video_censor_personal.remediation.retiming import Retiming
from video_censor_personal.timeline import Span

FORMAT = "skip: {labels} [{confidence}]"


def flat(chapters: tuple[Chapter, ...]) -> list[tuple[float, float, str]]:
    return [(float(c.span.start), float(c.span.end), c.title) for c in chapters]


def found(start: float, end: float, *labels: str, **more: object) -> Segment:
    return segment(*(seen(label, start, end) for label in labels), **more)


def test_the_films_chapter_goes_on_after_a_skip_chapter() -> None:
    own = Chapter(Span.of(0, 6), "one"), Chapter(Span.of(6, 10), "two")
    merged = merged_chapters(own, [found(2, 3, "Nudity", "Faces")], FORMAT, Fraction(10))
    assert flat(merged) == [
        (0, 2, "one"),
        (2, 3, "skip: Nudity, Faces [93%]"),
        (3, 6, "one"),
        (6, 10, "two"),
    ]


def test_a_film_without_chapters_is_named_around_them() -> None:
    merged = merged_chapters((), [found(2, 3, "Nudity")], "{labels}", Fraction(10))
    assert flat(merged) == [(0, 2, "film"), (2, 3, "Nudity"), (3, 10, "film")]


def test_allowed_segments_and_overlaps_make_no_chapter_of_their_own() -> None:
    found_ones = [
        found(2, 5, "Nudity"),
        found(3, 4, "Violence"),
        found(4, 6, "Faces"),
        found(8, 9, "Faces", allow=True),
    ]
    merged = merged_chapters((), found_ones, "{labels}", Fraction(10))
    assert flat(merged) == [
        (0, 2, "film"),
        (2, 5, "Nudity"),
        (5, 6, "Faces"),
        (6, 10, "film"),
    ]


def test_no_chapter_lasts_longer_than_the_film() -> None:
    late = [found(8, 12, "Nudity"), found(13, 15, "Faces")]
    merged = merged_chapters((), late, "{labels}", Fraction(10))
    assert flat(merged) == [(0, 8, "film"), (8, 10, "Nudity")]


def test_chapters_move_with_a_cut_and_vanish_in_it() -> None:
    own = tuple(
        Chapter(Span.of(start, end), title)
        for start, end, title in [(0, 2, "a"), (2, 4, "b"), (4, 9, "c")]
    )
    retiming = Retiming([Span.of(2, 4), Span.of(5, 6)])
    assert flat(retiming.chapters(own)) == [(0, 2, "a"), (2, 6, "c")]
