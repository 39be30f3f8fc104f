"""What the plan says, without any media."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from flagged import heard, report_of, seen, segment

from video_censor_personal.config import AudioRemediation, Remediation, VideoRemediation
from video_censor_personal.errors import ReportError
from video_censor_personal.findings import Segment
from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.remediation.plan import EditPlan, make_plan
from video_censor_personal.timeline import Span

VIDEO = StreamInfo(0, "video", "h264", width=1280, height=720, bit_rate=800_000)
ENGLISH = StreamInfo(1, "audio", "aac", language="eng", channels=2, bit_rate=128_000)
GERMAN = StreamInfo(2, "audio", "ac3", language="deu", channels=6, bit_rate=448_000)
SUBTITLES = StreamInfo(3, "subtitle", "subrip", language="eng", text=True)


def film(*streams: StreamInfo) -> MediaInfo:
    return MediaInfo(
        Path("a.mkv"),
        "matroska,webm",
        Fraction(0),
        Fraction(10),
        1_000_000,
        streams or (VIDEO, ENGLISH, GERMAN, SUBTITLES),
    )


def plan_of(
    *segments: Segment,
    audio: AudioRemediation | None = None,
    video: VideoRemediation | None = None,
    info: MediaInfo | None = None,
) -> EditPlan:
    audio = audio or AudioRemediation(padding_s=0)
    remediation = Remediation(audio, video or VideoRemediation(box_padding=0))
    return make_plan(report_of(*segments), remediation, info or film())


def spans(edits: object) -> list[tuple[float, float]]:
    return [(float(e.span.start), float(e.span.end)) for e in edits]  # type: ignore[attr-defined]


def test_two_words_in_one_segment_are_two_mutes() -> None:
    plan = plan_of(segment(heard("hell", 1, 1.5), heard("damn", 3, 3.25)))
    assert spans(plan.sound) == [(1, 1.5), (3, 3.25)]
    assert not plan.picture
    assert not plan.cuts


@pytest.mark.parametrize("action", ["blur", "cut"])
def test_a_moment_that_a_person_wrote_down_is_acted_on(action: str) -> None:
    one = segment(seen("nudity", 5, 5), video_action=action)
    edits = plan_of(one).cuts if action == "cut" else [e.span for e in plan_of(one).picture]
    assert [span.contains(5) for span in edits] == [True]
    found = (seen("nudity", 2, 3), seen("nudity", 4, 4), seen("nudity", 4.5, 5))
    hidden = [edit.span for edit in plan_of(segment(*found, video_action="blur")).picture]
    assert any(span.contains(4) for span in hidden)


def test_mute_is_padded_and_a_cut_is_not() -> None:
    audio = AudioRemediation(padding_s=0.1)
    assert spans(plan_of(segment(heard("hell", 1, 1.5)), audio=audio).sound) == [(0.9, 1.6)]
    cut = plan_of(
        segment(heard("hell", 1, 1.5)),
        audio=audio,
        video=VideoRemediation(category_modes={"Profanity": "cut"}),
    )
    assert cut.cuts == (Span.of(1, 1.5),)
    assert not cut.sound


def test_allowed_segments_stay() -> None:
    plan = plan_of(segment(heard("hell", 1, 2), allow=True))
    assert plan.changes_nothing
    assert plan.describe()[0] == "nothing to change"
    assert {stream.work for stream in plan.streams} == {"copy"}


def test_moved_ends_of_a_segment_move_the_outermost_detections() -> None:
    words = heard("hell", 1, 1.5), heard("damn", 3, 3.25)
    assert spans(plan_of(segment(*words, start=0.5, end=4)).sound) == [(0.5, 1.5), (3, 4)]
    assert spans(plan_of(segment(*words, start=1.25, end=3.1)).sound) == [(1.25, 1.5), (3, 3.1)]
    assert spans(plan_of(segment(*words, start=2, end=4)).sound) == [(2, 4)]


def test_a_segment_moved_away_from_its_detections_is_acted_on_whole() -> None:
    boxes = [(1, (0.1, 0.1, 0.2, 0.2))]
    plan = plan_of(segment(seen("nudity", 1, 2, boxes), start=5, end=6))
    assert spans(plan.picture) == [(5, 6)]
    assert plan.picture[0].box_at(Fraction(5)) is None


@pytest.mark.parametrize(
    ("labels", "muted", "hidden"),
    [(("Profanity",), True, False), (("Nudity",), False, True), ((), True, True)],
)
def test_a_segment_written_by_hand_needs_no_detections(
    labels: tuple[str, ...], muted: bool, hidden: bool
) -> None:
    plan = plan_of(Segment(Span.of(2, 3), labels, ()))
    assert bool(plan.sound) == muted
    assert bool(plan.picture) == hidden


def test_category_modes_reach_over_from_sound_to_picture_and_back() -> None:
    both = segment(heard("hell", 1, 2), seen("nudity", 4, 5))
    plan = plan_of(
        both,
        audio=AudioRemediation(padding_s=0, category_modes={"Nudity": "bleep"}),
        video=VideoRemediation(category_modes={"PROFANITY": "blank", "nudity": "none"}),
    )
    assert [(e.action, *s) for e, s in zip(plan.sound, spans(plan.sound), strict=True)] == [
        ("silence", 1, 2),
        ("bleep", 4, 5),
    ]
    assert [(e.action, *s) for e, s in zip(plan.picture, spans(plan.picture), strict=True)] == [
        ("blank", 1, 2)
    ]


def test_audio_categories_name_what_changes_the_sound() -> None:
    both = segment(heard("hell", 1, 2), seen("sexual_themes", 4, 5))
    plan = plan_of(both, audio=AudioRemediation(padding_s=0, categories=["Sexual Theme"]))
    assert spans(plan.sound) == [(4, 5)]


def test_a_segments_own_actions_win() -> None:
    plan = plan_of(
        segment(heard("hell", 1, 2), audio_action="none"),
        segment(seen("nudity", 3, 4), video_action="pixelate"),
        segment(seen("nudity", 5, 6), video_action="cut"),
        video=VideoRemediation(category_modes={"nudity": "blank"}),
    )
    assert not plan.sound
    assert [edit.action for edit in plan.picture] == ["pixelate"]
    assert plan.cuts == (Span.of(5, 6),)


def test_an_unknown_action_in_a_report_is_refused() -> None:
    with pytest.raises(ReportError, match=r"'blurr'.*write one of blur, pixelate"):
        plan_of(segment(seen("nudity", 1, 2), video_action="blurr"))


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_disabled_means_no_edits_of_that_kind(kind: str) -> None:
    found = segment(heard("hell", 1, 2), seen("nudity", 3, 4))
    plan = plan_of(
        found,
        audio=AudioRemediation(enabled=kind != "audio"),
        video=VideoRemediation(enabled=kind != "video"),
    )
    assert bool(plan.sound) == (kind != "audio")
    assert bool(plan.picture) == (kind != "video")


def test_an_action_that_a_person_chose_for_a_segment_counts_all_the_same() -> None:
    chosen = segment(seen("nudity", 1, 2), video_action="blank", audio_action="bleep")
    off = {"audio": AudioRemediation(enabled=False), "video": VideoRemediation(enabled=False)}
    plan = plan_of(chosen, segment(seen("nudity", 3, 4)), segment(heard("hell", 5, 6)), **off)
    assert [edit.action for edit in plan.picture] == ["blank"]
    assert [edit.action for edit in plan.sound] == ["bleep"]


def test_the_strongest_action_wins_where_two_meet() -> None:
    plan = plan_of(
        segment(heard("hell", 1, 4)),
        segment(heard("bang", 2, 5, category="noise")),
        segment(seen("nudity", 3, 3.5), video_action="cut"),
        segment(seen("nudity", 2, 4)),
        audio=AudioRemediation(padding_s=0, category_modes={"noise": "bleep"}),
    )
    assert [(e.action, *s) for e, s in zip(plan.sound, spans(plan.sound), strict=True)] == [
        ("silence", 1, 3),
        ("silence", 3.5, 4),
        ("bleep", 4, 5),
    ]
    assert spans(plan.picture) == [(2, 3), (3.5, 4)]


def test_a_box_follows_its_track_and_is_padded() -> None:
    boxes = [(1, (0.1, 0.2, 0.4, 0.2)), (2, (0.3, 0.2, 0.4, 0.2))]
    edit = plan_of(
        segment(seen("nudity", 0.5, 2.5, boxes)), video=VideoRemediation(box_padding=0.25)
    ).picture[0]
    middle = edit.box_at(Fraction(3, 2))
    assert middle is not None
    assert (middle.x, middle.width) == pytest.approx((0.1, 0.6))
    assert (middle.y, middle.height) == pytest.approx((0.15, 0.3))
    assert edit.box_at(Fraction(0)) == edit.track[0].box
    assert edit.box_at(Fraction(3)) == edit.track[1].box


def test_a_box_that_jumps_covers_both_places() -> None:
    boxes = [(1, (0.0, 0.1, 0.2, 0.2)), (2, (0.7, 0.5, 0.2, 0.2))]
    box = plan_of(segment(seen("nudity", 1, 2, boxes))).picture[0].box_at(Fraction(3, 2))
    assert box is not None
    assert (box.x, box.y, box.x + box.width, box.y + box.height) == pytest.approx(
        (0.0, 0.1, 0.9, 0.7)
    )


def test_every_audio_track_is_muted_and_the_picture_copied() -> None:
    plan = plan_of(segment(heard("hell", 1, 2)))
    assert [stream.work for stream in plan.streams] == ["copy", "encode", "encode", "rewrite"]
    assert [s.encoding.codec for s in plan.streams if s.encoding] == ["aac", "ac3"]
    assert [(mask.word, mask.span) for mask in plan.masks] == [("hell", Span.of(1, 2))]


@pytest.mark.parametrize(
    ("tracks", "changed"), [([1], [2]), (["eng"], [1]), (["EN"], [1]), ([0, "deu"], [1, 2])]
)
def test_named_tracks_only(tracks: list[int | str], changed: list[int]) -> None:
    plan = plan_of(segment(heard("hell", 1, 2)), audio=AudioRemediation(tracks=tracks))
    assert [s.stream.index for s in plan.streams if s.work == "encode"] == changed


def test_a_track_that_is_not_there_changes_all_and_says_so() -> None:
    plan = plan_of(segment(heard("hell", 1, 2)), audio=AudioRemediation(tracks=["fra"]))
    assert [s.stream.index for s in plan.streams if s.work == "encode"] == [1, 2]
    assert any("'fra'" in note for note in plan.notes)


def test_that_only_the_centre_is_changed_is_said() -> None:
    audio = AudioRemediation(speech_channels="center")
    said = plan_of(segment(heard("hell", 1, 2)), audio=audio).describe()
    assert "of stream 2 only the centre is changed; speech in other channels stays" in said
    assert not plan_of(segment(heard("hell", 1, 2))).notes


def test_a_cut_reaches_every_stream() -> None:
    plan = plan_of(segment(seen("nudity", 2, 4), video_action="cut"))
    assert [stream.work for stream in plan.streams] == ["encode"] * 3 + ["rewrite"]
    for stream in plan.streams:
        assert stream.dropped == (Span.of(2, 4),)
        assert (stream.encoded or stream.copied) == (Span.of(0, 2), Span.of(4, 10))


def test_a_cut_behind_the_end_takes_nothing_away() -> None:
    cut = [segment(seen("nudity", *times), video_action="cut") for times in ((8, 11), (20, 21))]
    assert plan_of(*cut).cuts == (Span.of(8, 10),)


def test_subtitles_that_the_copy_cannot_hold_are_left_out_and_it_is_said() -> None:
    made = make_plan(report_of(), Remediation(), film(), output=Path("a.avi"))
    assert [stream.work for stream in made.streams] == ["copy", "copy", "copy", "drop"]
    assert "a .avi file cannot hold its subtitles" in str(made.streams[3])


def test_what_has_no_stream_is_said() -> None:
    mute = plan_of(segment(heard("hell", 1, 2)), info=film(VIDEO))
    assert not mute.sound
    assert any("no sound" in line for line in mute.describe())
    blur = plan_of(segment(seen("nudity", 1, 2)), info=film(ENGLISH))
    assert not blur.picture
    assert any("no picture" in line for line in blur.describe())


def test_codecs_without_an_encoder_become_others_and_it_is_said() -> None:
    dts = StreamInfo(1, "audio", "dts", channels=6, bit_rate=1_509_000)
    old = StreamInfo(0, "video", "wmv3")
    plan = plan_of(segment(heard("hell", 1, 2), seen("nudity", 4, 5)), info=film(old, dts))
    assert [s.encoding.codec for s in plan.streams if s.encoding] == ["h264", "aac"]
    text = "\n".join(plan.describe())
    assert "no encoder for wmv3" in text
    assert "no good encoder for dts" in text


def test_surround_keeps_a_sane_bit_rate() -> None:
    thin = StreamInfo(1, "audio", "aac", channels=6, bit_rate=32_000)
    plan = plan_of(segment(heard("hell", 1, 2)), info=film(VIDEO, thin))
    assert plan.streams[1].encoding is not None
    assert plan.streams[1].encoding.bit_rate == 6 * 48_000


def test_what_nobody_can_decode_is_not_copied_through() -> None:
    unknown_sound = StreamInfo(1, "audio", "", decodable=False)
    plan = plan_of(segment(heard("hell", 1, 2)), info=film(VIDEO, unknown_sound))
    assert plan.streams[1].work == "drop"


LOW_COMPLEXITY = StreamInfo(
    1,
    "audio",
    "aac",
    channels=2,
    bit_rate=128_000,
    sample_rate_hz=48_000,
    profile="LC",
    setup=bytes.fromhex("119056e500"),
)


def test_only_the_packets_around_a_mute_are_encoded() -> None:
    plan = plan_of(segment(heard("hell", 1, 1.5)), info=film(VIDEO, LOW_COMPLEXITY))
    track = plan.streams[1]
    assert track.work == "splice"
    assert float(sum(span.duration for span in track.encoded)) == pytest.approx(0.55, abs=0.02)
    assert float(sum(span.duration for span in track.copied)) == pytest.approx(9.45, abs=0.02)
    assert track.encoded[0].start < Fraction(1) < Fraction(3, 2) < track.encoded[0].end


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"setup": bytes.fromhex("131056e5a0"), "profile": "HE-AAC"}, "HE-AAC"),
        ({"setup": bytes.fromhex("131056e5a0"), "profile": ""}, "this kind of AAC"),
        ({"setup": bytes.fromhex("2b11880008")}, "cannot be joined"),
        ({"sample_rate_hz": 24_000}, "sampling rate"),
        ({"setup": bytes.fromhex("1180")}, "channels"),
        ({"setup": bytes.fromhex("1194")}, "unusual length"),
        ({"setup": b""}, "unknown"),
    ],
)
def test_sound_that_cannot_be_joined_is_encoded_whole_and_the_plan_says_why(
    changes: dict[str, object], reason: str
) -> None:
    stream = replace(LOW_COMPLEXITY, **changes)  # type: ignore[arg-type]
    plan = plan_of(segment(heard("hell", 1, 2)), info=film(VIDEO, stream))
    assert plan.streams[1].work == "encode"
    assert plan.streams[1].encoded == (Span.of(0, 10),)
    assert reason in "\n".join(plan.describe())


def test_the_plan_reads_as_a_page() -> None:
    plan = plan_of(
        segment(heard("hell", 1, 1.5), heard("damn", 3, 3.25)), segment(seen("nudity", 4, 6))
    )
    assert plan.describe() == [
        "silence: 2 times, 0.75 s in all",
        "blur: once, 2.00 s in all",
        "subtitles: 2 words masked",
        "stream 0 (video: h264): 10.00 s encoded anew as h264, as parts of the picture are hidden "
        "(unknown pictures cannot be joined)",
        "stream 1 (audio: aac, eng): 10.00 s encoded anew as aac at 128 kb/s, "
        "as parts of the sound are replaced (the kind of AAC is unknown)",
        "stream 2 (audio: ac3, deu): 10.00 s encoded anew as ac3 at 448 kb/s, "
        "as parts of the sound are replaced (the kind of AC-3 is unknown)",
        "stream 3 (subtitle: subrip, eng): 10.00 s rewritten, as words are masked",
    ]


def test_the_figures_are_those_of_the_film() -> None:
    plan = plan_of(
        segment(heard("hell", 1, 1.5), heard("damn", 9, 15)),
        segment(seen("nudity", 8, 12)),
        segment(heard("hell", 100, 110)),
    )
    assert plan.describe()[:2] == ["silence: 2 times, 1.50 s in all", "blur: once, 2.00 s in all"]


def test_a_film_without_subtitles_has_no_words_masked() -> None:
    plan = plan_of(segment(heard("hell", 1, 1.5)), info=film(VIDEO, LOW_COMPLEXITY))
    assert "mask" not in "\n".join(plan.describe())
