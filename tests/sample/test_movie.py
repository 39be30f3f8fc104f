"""The sample movie itself, opened again and looked at, listened to and read."""

import itertools
import re
from fractions import Fraction

import av
import numpy as np
import pocketsphinx
import pytest
from movies import frame_times

from video_censor_personal.analysis.coverage import Search
from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.analysis.judgement import judge
from video_censor_personal.analysis.schedule import selection
from video_censor_personal.analysis.watch import watch
from video_censor_personal.config import FrameSampling
from video_censor_personal.detectors.base import CategorySettings, DetectorSettings, scales_of
from video_censor_personal.detectors.nudenet import plugin as nudenet
from video_censor_personal.errors import UsageError
from video_censor_personal.findings import Gap
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.probe import probe
from video_censor_personal.media.subtitles import read_cues
from video_censor_personal.sample.movie import make_sample, truth_path
from video_censor_personal.sample.truth import read_truth

FINDS_IT = 0.3


def test_its_truth_lies_beside_it(sample):
    path, truth = sample
    assert truth_path(path).parent == path.parent
    assert read_truth(truth_path(path)) == truth


def test_every_frame_is_there_at_its_time(sample):
    path, truth = sample
    assert frame_times(path) == [n / truth.frame_rate for n in range(truth.frame_count)]


def test_streams_chapters_and_tags_are_those_of_a_real_movie(sample):
    path, truth = sample
    info = probe(path)
    assert (info.video.codec, info.video.width, info.video.height) == ("h264", 640, 360)
    assert (info.audio.codec, info.audio.channels, info.audio.language) == ("aac", 2, "eng")
    (subtitles,) = info.of_kind("subtitle")
    assert (subtitles.codec, subtitles.language) == ("mov_text", "eng")
    assert abs(info.duration - truth.duration) < Fraction(1, 10)
    assert [chapter.title for chapter in info.chapters] == [c.title for c in truth.chapters]
    assert [chapter.span for chapter in info.chapters] == [c.span for c in truth.chapters]
    assert info.tags["title"] == "A walk through the gallery"
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (1, 1), "HD television's colours"
        kinds = {packet.is_keyframe for packet in container.demux(video=0)}
    assert kinds == {True, False}


def test_subtitles_say_what_the_truth_says(sample):
    path, truth = sample
    cues = read_cues(probe(path))
    assert [(cue.span, cue.text) for cue in cues] == [(cue.span, cue.text) for cue in truth.cues]


def test_the_picture_jumps_at_the_cuts_and_nowhere_else(sample):
    path, truth = sample
    with av.open(str(path)) as container:
        grey = [f.reformat(64, 36, "gray").to_ndarray() for f in container.decode(video=0)]
    changes = np.array([np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(grey)])
    jumps = [int(index) + 1 for index in np.flatnonzero(changes > 15)]
    assert jumps == [int(cut * truth.frame_rate) for cut in truth.cuts]
    assert np.median(changes) > 0.1, "the camera moves"


@pytest.mark.slow
def test_the_face_is_found_where_it_is_and_nowhere_else(sample):
    path, truth = sample
    categories = {key: CategorySettings(key, key) for key in ("faces", "nudity")}
    detector = nudenet.build(DetectorSettings("nudenet", categories))
    for index, frame in enumerate(decode_frames(probe(path))):
        assert not isinstance(frame, Gap)
        if index % 6:
            continue
        face = truth.face_at(frame.time)
        (sightings,) = detector.look([frame])
        seen = [s for s in sightings if s.category == "faces" and s.score > FINDS_IT]
        assert not [s for s in sightings if s.category == "nudity"], frame.time
        if any(portrait.span.contains(frame.time) for portrait in truth.portraits):
            assert len(seen) == 1, frame.time
            assert seen[0].box.overlap(face) > 0.6, frame.time
        elif face is None:
            assert seen == [], frame.time


@pytest.mark.slow
def test_the_words_that_no_subtitle_covers_can_be_recognised(sample):
    path, truth = sample
    samples = _speech(path)
    heard = [
        *_recognised(samples, Fraction(18), Fraction(24)),
        *_recognised(samples, Fraction(26), Fraction(33)),
    ]
    for word in truth.words:
        if not word.subtitled:
            edges = [
                (start, end)
                for text, start, end in heard
                if text == word.text and word.span.contains((start + end) / 2)
            ]
            assert len(edges) == 1, word
            assert abs(edges[0][0] - word.span.start) < 0.15
            assert abs(edges[0][1] - word.span.end) < 0.15
    assert sum(text in ("hell", "damn", "shit") for text, _, _ in heard) == 4


def test_subtitles_can_be_aligned_with_what_is_said(sample):
    path, truth = sample
    samples = _speech(path)
    aligner = pocketsphinx.Decoder(samprate=16_000, lm=None, loglevel="FATAL")
    for cue in truth.cues:
        aligner.set_align_text(re.sub(r"[^a-z ]", "", cue.text.lower().replace("\n", " ")))
        aligner.start_utt()
        aligner.process_raw(_part(samples, cue.span.start, cue.span.end), full_utt=True)
        aligner.end_utt()
        words = {s.word.split("(")[0]: s for s in aligner.seg()}
        for word in truth.words:
            if cue.span.overlaps(word.span):
                start = float(cue.span.start) + words[word.text].start_frame / 100
                assert abs(start - word.span.start) < 0.15


def test_between_the_speech_it_is_quiet_but_not_silent(sample):
    path, _ = sample
    samples = _speech(path).astype(float) / 32768
    level = 20 * np.log10(samples[37 * 16_000 : 39 * 16_000].std())
    assert -60 < level < -45


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "video_codec", "codecs"),
    [
        ("a.mkv", "hevc", ["hevc", "aac", "subrip"]),
        ("a.webm", "vp9", ["vp9", "opus", "webvtt"]),
    ],
)
def test_it_comes_in_other_containers_and_codecs(tmp_path, name, video_codec, codecs):
    path = tmp_path / name
    truth = make_sample(path, video_codec=video_codec, height=180)
    info = probe(path)
    assert [stream.codec for stream in info.streams] == codecs
    assert len(frame_times(path)) == truth.frame_count
    assert [cue.text for cue in read_cues(info)] == [cue.text for cue in truth.cues]
    assert len(info.chapters) == 3
    quiet, loud = (
        _speech(path)[int(a * 16_000) : int(b * 16_000)].std() for a, b in ((37, 39), (20.4, 20.7))
    )
    assert loud > 20 * quiet, "the speech is at its time"


@pytest.mark.parametrize(
    ("name", "video_codec"), [("a.avi", "h264"), ("a.webm", "h264"), ("a.mp4", "vp9")]
)
def test_a_container_that_cannot_hold_it_is_refused(tmp_path, name, video_codec):
    with pytest.raises(UsageError, match=re.escape(name)):
        make_sample(tmp_path / name, video_codec=video_codec)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_a_movie_that_was_interrupted(tmp_path):
    def interrupt(progress):
        if progress.done > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_sample(tmp_path / "a.mp4", height=180, listener=interrupt)
    assert list(tmp_path.iterdir()) == []


def _speech(path):
    """`(N,) int16`, mono, 16 kHz."""
    resampler = av.AudioResampler("s16", "mono", 16_000)
    with av.open(str(path)) as container:
        frames = [*container.decode(audio=0), None]
        blocks = [b.to_ndarray()[0] for frame in frames for b in resampler.resample(frame)]
    return np.concatenate(blocks)


def _part(samples, start, end):
    return samples[int(start * 16_000) : int(end * 16_000)].tobytes()


def _recognised(samples, start, end):
    decoder = pocketsphinx.Decoder(samprate=16_000, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(_part(samples, start, end))
    decoder.end_utt()
    for word in decoder.seg():
        edges = [start + Fraction(frame, 100) for frame in (word.start_frame, word.end_frame + 1)]
        yield word.word.split("(")[0], *edges


def test_leaving_pictures_out_of_the_decoding_changes_no_edge_by_more_than_a_frame(sample):
    path, truth = sample
    sampling = FrameSampling("uniform", 0.5)
    thorough, spare = _faces(path, sampling, None), _faces(path, sampling, selection(sampling))

    assert len(spare) == len(thorough) == len(truth.portraits)
    for one, other in zip(spare, thorough, strict=True):
        assert abs(one.span.start - other.span.start) <= 1 / truth.frame_rate
        assert abs(one.span.end - other.span.end) <= 1 / truth.frame_rate
        assert abs(one.confidence - other.confidence) < 0.05


def _faces(path, sampling, chosen):
    eyes = nudenet.build(DetectorSettings("eyes", {"faces": CategorySettings("faces", "Faces")}))
    frames = decode_frames(probe(path), selection=chosen)
    watched = watch(frames, [eyes], sampling)
    search = Search(eyes.name, "video", eyes.categories)
    witness = Witness(search, scales_of(eyes), looks=watched.looks[0])
    return judge(Evidence((witness,), end=watched.end), {"faces": 0.5}, padding=0)
