from __future__ import annotations

import pytest

from video_censor_personal.media.cue_text import spoken_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("What the hell", "What the hell"),
        (r"{\an8}{\i1}Up{\i0} there", "Up there"),
        (r"one\Ntwo\nthree\hfour", "one\ntwo\nthree four"),
        ('<i>it</i> <font color="red">is</font> <v Bob>me <00:00:01.000>now', "it is me now"),
        (r"{\p1}m 0 0 l 100 0 100 100{\p0}drawn", "drawn"),
        (r"{\p1}m 0 0 l 100 0 100 100", ""),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
        ("I <3 you > me < them", "I <3 you > me < them"),
        ("[door slams] Damn", "Damn"),
        ("(SIGHS) Damn (whispers it)", "Damn (whispers it)"),
        ("♪ la la ♪", "la la"),
        ("- JOHN: Damn\n- MRS. O'HARA 2: What?", "Damn\nWhat?"),
        (">> REPORTER: Here", "Here"),
        ("Well: he said 10:30", "Well: he said 10:30"),
        ("sh\u200bit, s\u00adhit \u202afuck\u202c", "shit, shit fuck"),
        (r"FFmpeg escapes \{{}braces}", "FFmpeg escapes {braces}"),
        ("[only a sound]", ""),
        ("What the [bleep]? [ __ ] (EXPLETIVE) [bleeping sound]", "What the ****? **** ****"),
        ("  many   spaces \n\n lines ", "many spaces\nlines"),
    ],
)
def test_only_what_is_spoken_stays(markup, text):
    assert spoken_text(markup) == text
