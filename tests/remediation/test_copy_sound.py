"""Mute and bleep: silent inside, unchanged beside, everything else copied."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from flagged import copy, heard, segment
from movies import (
    Movie,
    Sound,
    Subtitles,
    decoded_audio,
    frame_times,
    hide_codec,
    impulses,
    level_dbfs,
    make_movie,
)
from packets import packets

from video_censor_personal.config import AudioRemediation, Remediation
from video_censor_personal.errors import ConfigError
from video_censor_personal.media.probe import probe
from video_censor_personal.media.subtitles import read_cues

WORD = heard("hell", 1.2, 1.6)
MUTED = (1.12, 1.68)  # with the default padding of 80 ms


def voice(times: np.ndarray) -> np.ndarray:
    """Harmonics that swell and fade, over some noise; loud throughout."""
    noise = np.random.default_rng(7).standard_normal(len(times))
    tones = sum(np.sin(2 * np.pi * 150 * k * times) / k for k in range(1, 8))
    return 0.2 * tones * (1 + 0.3 * np.sin(2 * np.pi * 3 * times)) + 0.01 * noise


def part(sound: np.ndarray, rate: int, start: float, end: float) -> np.ndarray:
    return sound[:, round(start * rate) : round(end * rate)]


def snr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(a**2) / (np.sum((a - b) ** 2) + 1e-20)))


CASES = [
    ("a.mp4", "libx264", "aac", "mov_text", 15),
    ("a.mkv", "libx264", "ac3", "subrip", 15),
    ("b.mkv", "libx264", "flac", "ass", 100),
    ("a.webm", "libvpx-vp9", "libopus", "webvtt", 10),
    ("a.mov", "libx265", "pcm_s24le", "mov_text", 100),
    ("c.mkv", "mpeg4", "libmp3lame", "subrip", 15),
]


@pytest.mark.parametrize(("name", "picture", "codec", "subtitles", "snr"), CASES)
def test_a_mute_is_silent_inside_and_the_rest_is_as_it_was(
    tmp_path: Path, name: str, picture: str, codec: str, subtitles: str, snr: float
) -> None:
    movie = make_movie(
        tmp_path / name,
        seconds=3,
        video_codec=picture,
        sounds=[Sound(voice, codec=codec, language="eng"), Sound(voice, codec=codec)],
        subtitles=[Subtitles([(1, 2, "What the hell is that"), (2, 3, "Nothing")], subtitles)],
    )
    out = tmp_path / f"clean.{name}"
    result = copy(movie.path, out, segment(WORD))
    assert result.notes == ()

    assert packets(out, 0) == packets(movie.path, 0)
    assert shape_of(out) == shape_of(movie.path)
    for track in (0, 1):
        before, rate = decoded_audio(movie.path, track)
        after, _ = decoded_audio(out, track)
        assert before.shape == after.shape
        assert level_dbfs(part(before, rate, *MUTED)) > -20
        assert level_dbfs(part(after, rate, *MUTED)) < -50
        assert level_dbfs(part(after, rate, 1.2, 1.6)) < -70
        for start, end in [(0.2, 0.82), (1.98, 2.8)]:
            quality = snr_db(part(before, rate, start, end), part(after, rate, start, end))
            assert quality > snr, f"{start}–{end} of track {track}"
    assert [cue.text for cue in read_cues(probe(out))] == ["What the **** is that", "Nothing"]


def shape_of(path: Path) -> list[tuple[object, ...]]:
    return [
        (s.kind, s.codec, s.language, s.title, s.flags, s.channel_layout, s.sample_rate_hz)
        for s in probe(path).streams
    ]


def test_a_bleep_has_its_pitch_and_level_and_no_speech_under_it(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=3, sounds=[Sound(voice, codec="flac")])
    audio = AudioRemediation(mode="bleep", bleep_frequency=1500, bleep_level_db=-12)
    copy(movie.path, tmp_path / "b.mkv", segment(WORD), remediation=Remediation(audio))
    sound, rate = decoded_audio(tmp_path / "b.mkv")
    bleep = part(sound, rate, *MUTED)[0]
    assert np.abs(bleep).max() == pytest.approx(10 ** (-12 / 20), rel=0.01)
    spectrum = np.abs(np.fft.rfft(bleep * np.hanning(bleep.size))) ** 2
    pitch = np.fft.rfftfreq(bleep.size, 1 / rate)
    assert pitch[spectrum.argmax()] == pytest.approx(1500, abs=2)
    assert spectrum[np.abs(pitch - 1500) > 20].sum() < 1e-5 * spectrum.sum()


def test_a_bleep_file_is_repeated_at_its_level(tmp_path: Path) -> None:
    beep = tmp_path / "beep.wav"
    make_movie(beep, seconds=0.1, video_codec=None, sounds=[Sound(400.0, codec="pcm_s16le")])
    movie = make_movie(tmp_path / "a.mkv", seconds=3, sounds=[Sound(voice, codec="flac")])
    audio = AudioRemediation(mode="bleep", bleep_file=str(beep), bleep_level_db=-6)
    copy(movie.path, tmp_path / "b.mkv", segment(WORD), remediation=Remediation(audio))
    sound, rate = decoded_audio(tmp_path / "b.mkv")
    bleep = part(sound, rate, *MUTED)[0]
    assert np.abs(bleep).max() == pytest.approx(10 ** (-6 / 20), rel=0.02)
    spectrum = np.abs(np.fft.rfft(bleep * np.hanning(bleep.size)))
    assert np.fft.rfftfreq(bleep.size, 1 / rate)[spectrum.argmax()] == pytest.approx(400, abs=3)


def test_a_bleep_file_that_is_no_sound_is_a_configuration_error(tmp_path: Path) -> None:
    text = tmp_path / "beep.wav"
    text.write_text("not a sound")
    movie = make_movie(tmp_path / "a.mkv", seconds=2, sounds=[Sound(voice)])
    audio = AudioRemediation(mode="bleep", bleep_file=str(text))
    with pytest.raises(ConfigError, match=r"beep\.wav"):
        copy(movie.path, tmp_path / "b.mkv", segment(WORD), remediation=Remediation(audio))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "beep.wav"]


def test_fades_lie_outside_the_mute_and_are_short(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=3, sounds=[Sound(voice, codec="flac")])
    audio = AudioRemediation(padding_s=0, fade_ms=8)
    copy(movie.path, tmp_path / "b.mkv", segment(WORD), remediation=Remediation(audio))
    before, rate = decoded_audio(movie.path)
    after, _ = decoded_audio(tmp_path / "b.mkv")
    assert not part(after, rate, 1.2, 1.6).any()
    changed = np.flatnonzero((before != after).any(axis=0)) / rate
    assert 1.2 - 0.009 < changed.min() < 1.2 - 0.006
    assert 1.6 + 0.006 < changed.max() < 1.6 + 0.009


@pytest.mark.parametrize(("codec", "layout"), [("aac", "5.1"), ("eac3", "5.1(side)")])
def test_surround_keeps_its_layout_and_the_effects_channel_is_not_bleeped(
    tmp_path: Path, codec: str, layout: str
) -> None:
    sound = Sound(voice, codec=codec, layout=layout, bit_rate=384_000)
    movie = make_movie(tmp_path / "a.mkv", seconds=2.5, sounds=[sound])
    audio = AudioRemediation(mode="bleep", bleep_level_db=-10)
    copy(movie.path, tmp_path / "b.mkv", segment(WORD), remediation=Remediation(audio))
    stream = probe(tmp_path / "b.mkv").audio
    assert stream is not None
    assert (stream.codec, stream.channel_layout) == (codec, layout)
    after, rate = decoded_audio(tmp_path / "b.mkv")
    levels = [level_dbfs(channel) for channel in part(after, rate, *MUTED)]
    assert all(level > -14 for place, level in enumerate(levels) if place != 3)
    assert levels[3] < -50


def test_only_the_named_track_changes(tmp_path: Path) -> None:
    sounds = [Sound(voice, language="eng"), Sound(voice, language="deu")]
    movie = make_movie(tmp_path / "a.mp4", seconds=2.5, sounds=sounds)
    remediation = Remediation(AudioRemediation(tracks=["deu"]))
    copy(movie.path, tmp_path / "b.mp4", segment(WORD), remediation=remediation)
    assert packets(tmp_path / "b.mp4", 1) == packets(movie.path, 1)
    german, rate = decoded_audio(tmp_path / "b.mp4", 1)
    assert level_dbfs(part(german, rate, *MUTED)) < -50


def test_holes_in_a_track_do_not_shift_what_follows(tmp_path: Path) -> None:
    click = Sound(impulses(0.5, 1.4, 2.25, 3.5), codec="pcm_s16le")
    movie = make_movie(tmp_path / "a.mkv", seconds=4, sounds=[click])
    holed = tmp_path / "holed.mkv"
    drop_packets(movie, holed, 1, Fraction(2), Fraction(5, 2))
    copy(holed, tmp_path / "b.mkv", segment(WORD))
    sound, rate = decoded_audio(tmp_path / "b.mkv")
    loud = np.flatnonzero(sound[0] > 0.45) / rate
    assert (loud.min(), loud.max()) == pytest.approx((0.5, 3.5), abs=0.002)
    assert not part(sound, rate, 0.6, 3.4).any()


def test_a_single_odd_time_is_no_hole(tmp_path: Path) -> None:
    """As in program streams, where a stamp jumps and the next one is right again."""
    tone = Sound(lambda times: 0.5 * np.sin(2 * np.pi * 440 * times), codec="libmp3lame")
    movie = make_movie(tmp_path / "a.mkv", seconds=4, sounds=[tone])
    odd = tmp_path / "odd.mkv"
    with av.open(str(movie.path)) as source, av.open(str(odd), "w") as target:
        streams = [target.add_stream_from_template(s) for s in source.streams]
        jumped = 0
        for packet in source.demux():
            if not packet.size:
                continue
            if packet.stream_index == 1 and packet.pts > 2500 and not jumped:
                jumped = packet.pts
                packet.pts = packet.dts = packet.pts + 23  # ms, of 24 to the next
            packet.stream = streams[packet.stream_index]
            target.mux(packet)
    assert jumped
    copy(odd, tmp_path / "b.mkv", segment(WORD))
    sound, rate = decoded_audio(tmp_path / "b.mkv")
    near = part(sound, rate, 2.3, 2.8)[0]
    loudness = [
        np.abs(near[at : at + rate // 200]).max() for at in range(0, len(near), rate // 200)
    ]
    assert min(loudness) > 0.4  # each 5 ms hold two waves of it


def drop_packets(movie: Movie, out: Path, index: int, start: Fraction, end: Fraction) -> None:
    """The movie without the packets of one stream in `[start, end)`."""
    with av.open(str(movie.path)) as source, av.open(str(out), "w") as target:
        streams = [target.add_stream_from_template(s) for s in source.streams]
        for packet in source.demux():
            inside = packet.pts is not None and start <= packet.pts * packet.time_base < end
            if packet.size and not (packet.stream_index == index and inside):
                packet.stream = streams[packet.stream_index]
                target.mux(packet)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_file_that_starts_late_keeps_its_times(tmp_path: Path, name: str) -> None:
    movie = make_movie(tmp_path / name, seconds=3, start=2, sounds=[Sound(voice)])
    out = tmp_path / f"clean.{name}"
    copy(movie.path, out, segment(WORD))
    assert packets(out, 0) == packets(movie.path, 0)
    before, _ = decoded_audio(movie.path)
    sound, rate = decoded_audio(out)
    assert snr_db(part(before, rate, 2, 2.8), part(sound, rate, 2, 2.8)) > 15
    assert level_dbfs(part(sound, rate, *MUTED)) < -50
    assert level_dbfs(part(sound, rate, 0.5, 1.1)) > -20


def test_sound_without_a_picture(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.m4a", seconds=3, video_codec=None, sounds=[Sound(voice)])
    copy(movie.path, tmp_path / "b.m4a", segment(WORD))
    sound, rate = decoded_audio(tmp_path / "b.m4a")
    assert level_dbfs(part(sound, rate, *MUTED)) < -50


def test_picture_without_sound_is_copied_and_nothing_else(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=2)
    copy(movie.path, tmp_path / "b.mp4", segment(WORD))
    assert packets(tmp_path / "b.mp4", 0) == packets(movie.path, 0)
    assert frame_times(tmp_path / "b.mp4") == list(movie.times)


@pytest.mark.parametrize(
    ("name", "subtitles", "out", "target"),
    [
        ("a.mkv", "subrip", "b.mp4", "mov_text"),
        ("b.mkv", "ass", "b.mov", "mov_text"),
        ("a.mp4", "mov_text", "b.mkv", "subrip"),
    ],
)
def test_text_subtitles_follow_into_another_kind_of_file(
    tmp_path: Path, name: str, subtitles: str, out: str, target: str
) -> None:
    cues = [(0.5, 1.1, "Before"), (1.1, 1.9, "What the hell is that")]
    movie = make_movie(
        tmp_path / name,
        seconds=3,
        sounds=[Sound(voice)],
        subtitles=[Subtitles(cues, subtitles)],
    )
    result = copy(movie.path, tmp_path / out, segment(WORD))
    assert len(result.notes) == 1
    assert target in result.notes[0]
    info = probe(tmp_path / out)
    (track,) = info.of_kind("subtitle")
    assert (track.codec, track.language) == (target, "eng")
    assert [
        (cue.text, pytest.approx(float(cue.span.start)), pytest.approx(float(cue.span.end)))
        for cue in read_cues(info)
    ] == [("Before", 0.5, 1.1), ("What the **** is that", 1.1, 1.9)]
    assert packets(tmp_path / out, 0) == packets(movie.path, 0)


@pytest.mark.parametrize("codec", ["aac", "flac"])
def test_eight_channels(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=48_000)
        stream.codec_context.layout = "7.1"
        sound = np.repeat(voice(np.arange(96_000) / 48_000), 8)[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(sound, format="flt", layout="7.1")
        frame.sample_rate, frame.pts = 48_000, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    copy(path, tmp_path / "b.mkv", segment(WORD))
    track = probe(tmp_path / "b.mkv").audio
    assert track is not None
    assert (track.codec, track.channel_layout) == (codec, "7.1")
    with av.open(str(tmp_path / "b.mkv")) as container:
        resampler = av.AudioResampler("flt")
        blocks = [b.to_ndarray() for f in container.decode(audio=0) for b in resampler.resample(f)]
    after = np.concatenate([block.reshape(-1, 8) for block in blocks]).T
    assert level_dbfs(part(after, 48_000, *MUTED)) < -50
    assert all(level_dbfs(channel) > -25 for channel in part(after, 48_000, 0.3, 0.9))


def test_a_track_of_an_unknown_codec_is_left_out_and_said(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=2, sounds=[Sound(voice), Sound(codec="ac3")])
    hide_codec(movie.path, b"A_AC3")
    result = copy(movie.path, tmp_path / "b.mkv", segment(WORD))
    assert [stream.kind for stream in probe(tmp_path / "b.mkv").streams] == ["video", "audio"]
    assert any("stream 2" in note for note in result.notes)
