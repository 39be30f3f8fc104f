"""What the script says happens, before any frame is made."""

import itertools
from fractions import Fraction

from video_censor_personal.findings import Box
from video_censor_personal.sample.script import FRAME_RATE, SHOTS, data_file, tell_truth
from video_censor_personal.sample.truth import read_truth
from video_censor_personal.timeline import Span

TRUTH = tell_truth(1280, 720)


def test_the_truth_survives_being_written_and_read(tmp_path):
    path = tmp_path / "truth.json"
    TRUTH.write(path)
    assert read_truth(path) == TRUTH


def test_swearing_is_partly_subtitled_and_partly_not():
    subtitled = {word.text for word in TRUTH.words if word.subtitled}
    only_heard = {word.text for word in TRUTH.words if not word.subtitled}
    assert subtitled == {"hell", "damn", "shit"}
    assert only_heard == {"hell", "damn", "shit"}
    for word in TRUTH.words:
        assert any(cue.span.overlaps(word.span) for cue in TRUTH.cues) == word.subtitled


def test_every_subtitled_word_is_in_the_subtitle_that_is_shown():
    for word in (*TRUTH.words, *TRUTH.innocent):
        for cue in TRUTH.cues:
            if cue.span.overlaps(word.span):
                assert word.text in cue.text.lower()
                assert cue.span.start < word.span.start
                assert word.span.end < cue.span.end


def test_innocent_words_only_look_like_swearing():
    assert {word.text for word in TRUTH.innocent} == {"class", "assess", "cockatoo"}
    assert not any(word.span.overlaps(bad.span) for word in TRUTH.innocent for bad in TRUTH.words)


def test_one_portrait_enters_and_leaves_inside_a_shot_and_two_stay_for_the_whole_of_one():
    edges = {Fraction(0), *TRUTH.cuts, TRUTH.duration}
    assert len(TRUTH.portraits) == 3
    whole_shots = [p for p in TRUTH.portraits if {p.span.start, p.span.end} <= edges]
    (passing,) = [p for p in TRUTH.portraits if p not in whole_shots]
    assert all(p.visible == p.span for p in whole_shots)
    assert passing.visible.start < passing.span.start < passing.span.end < passing.visible.end
    assert not {passing.visible.start, passing.visible.end} & edges


def test_faces_are_known_for_every_frame_they_are_in_and_for_no_other():
    for index in range(TRUTH.frame_count):
        time = index / TRUTH.frame_rate
        face = TRUTH.face_at(time)
        assert (face is not None) == any(p.visible.contains(time) for p in TRUTH.portraits)
        if face is not None:
            assert 0 <= face.x < face.x + face.width <= 1
            assert 0 <= face.y < face.y + face.height <= 1
    assert TRUTH.face_at(Fraction(6)) != TRUTH.face_at(Fraction(10)), "the camera moves"


def test_the_face_moves_smoothly_while_it_is_whole():
    for portrait in TRUTH.portraits:
        boxes = [box for time, box in portrait.faces if portrait.span.contains(time)]
        for before, after in itertools.pairwise(boxes):
            assert before.overlap(after) > 0.9


def test_the_camera_never_leaves_the_scenery():
    for shot, end in zip(SHOTS, (*TRUTH.cuts, TRUTH.duration), strict=True):
        width = 2304 if shot.scenery == "long room" else 1920
        time = shot.start
        while time < end:
            view = shot.view(time)
            assert view.x >= 0
            assert view.y >= 0
            assert view.x + view.width <= width
            assert view.y + view.height <= 1080
            time += 1 / FRAME_RATE


def test_chapters_and_shots_fill_the_movie_without_a_hole():
    chapters = [chapter.span for chapter in TRUTH.chapters]
    assert chapters[0].start == 0
    assert chapters[-1].end == TRUTH.duration
    assert all(a.end == b.start for a, b in itertools.pairwise(chapters))
    assert TRUTH.frame_count == 960
    assert isinstance(TRUTH.face_at(Fraction(6)), Box)
    assert isinstance(chapters[0], Span)


def test_the_data_that_comes_with_the_package_is_small_and_says_where_it_is_from():
    names = ["portrait.jpg", "speech_rms.wav", "words_hell_slt.wav", "words_damn_awb.wav"]
    names += ["words_shit_rms.wav", "words_clean_kal16.wav", "words.json", "README.md"]
    sizes = [len(data_file(name).read_bytes()) for name in names]
    assert sum(sizes) < 3_500_000
    assert "public domain" in data_file("README.md").read_text(encoding="utf-8")
