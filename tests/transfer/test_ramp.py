"""How many connections the engine decides to use, seen from a made-up line."""

from __future__ import annotations

from video_censor_personal.transfer.ramp import Ramp, Seen

START = Seen(0.0, 1)


def drive(
    ramp: Ramp,
    seconds: float,
    *,
    each: float,
    most: float = 1e12,
    ahead: float = 0.0,
    after: Seen = START,
) -> Seen:
    """Let time pass on a line that gives each connection `each` bytes/s and all of them `most`;
    what had come at the end, to go on `after`."""
    came, reads, reads_ahead = float(after.bytes), float(after.reads), float(after.reads_ahead)
    seen = after
    for tick in range(int(seconds / 0.05)):
        came += 0.05 * min(most, each * ramp.target)
        reads += 10
        reads_ahead += 10 * ahead
        at_s = after.at_s + (tick + 1) * 0.05
        seen = Seen(at_s, int(came), int(reads), int(reads_ahead))
        ramp.observe(seen, ramp.target)
    return seen


def test_a_server_that_limits_each_connection_gets_all_of_them_soon() -> None:
    ramp = Ramp(16)
    ramp.saw_answer(0.0005, 0.001)
    assert ramp.target == 1
    drive(ramp, 1.0, each=20e6)
    assert ramp.target == 16


def test_a_machine_that_is_slower_than_the_line_stays_with_one() -> None:
    ramp = Ramp(16)
    drive(ramp, 5.0, each=800e6, ahead=0.9)
    assert ramp.target == 1


def test_more_that_bring_nothing_are_given_up_again() -> None:
    ramp = Ramp(32)
    drive(ramp, 3.0, each=30e6, most=100e6)
    assert ramp.target == 8  # 16 brought no more


def test_a_hiccup_of_a_fast_server_is_waited_out_and_a_limit_is_not() -> None:
    ramp = Ramp(16)
    seen = drive(ramp, 1.0, each=800e6, ahead=0.9)
    seen = drive(ramp, 0.4, each=20e6, after=seen)
    assert ramp.target == 1
    seen = drive(ramp, 1.0, each=800e6, ahead=0.9, after=seen)
    drive(ramp, 1.5, each=20e6, after=seen)  # from here on it gives a connection no more
    assert ramp.target == 16


def test_connections_that_this_machine_cannot_keep_up_with_are_given_up() -> None:
    ramp = Ramp(16)
    seen = drive(ramp, 1.0, each=30e6)  # a server that has to read the file from a slow disk
    assert ramp.target == 16
    drive(ramp, 1.0, each=500e6, most=900e6, ahead=0.9, after=seen)
    assert ramp.target == 1


def test_a_far_server_keeps_the_connections_it_needs_whatever_comes() -> None:
    ramp = Ramp(16)
    ramp.saw_answer(connect_s=0.05, first_byte_s=0.1)
    drive(ramp, 3.0, each=100e6, most=900e6, ahead=0.9)
    assert ramp.target == 8


def test_a_far_server_gets_several_at_once() -> None:
    ramp = Ramp(16)
    ramp.saw_answer(connect_s=0.05, first_byte_s=0.1)
    assert ramp.target == 8


def test_small_files_get_more_connections_the_farther_the_server_is() -> None:
    near, slow, far = Ramp(16, 500), Ramp(16, 500), Ramp(16, 500)
    for _ in range(10):
        near.saw_answer(0.0002, 0.0005)
        slow.saw_answer(0.0002, 0.005)
        far.saw_answer(0.03, 0.06)
    assert (near.target, slow.target, far.target) == (2, 8, 16)
    assert Ramp(16, 500, synced=True).target == 4  # there is a disk to wait for
    assert Ramp(16, 2).target == 2


def test_small_files_that_take_long_get_more_connections() -> None:
    ramp = Ramp(24, 500, synced=True)
    ramp.saw_answer(0.0001, 0.0002)
    ramp.saw_files(10, 10 * 0.0005)
    assert ramp.target == 4
    ramp.saw_files(20, 20 * 0.01)
    assert ramp.target == 8
    ramp.saw_files(20, 20 * 0.1)
    assert ramp.target == 24


def test_a_small_file_that_is_left_does_not_keep_large_ones_from_their_connections() -> None:
    alone, beside = Ramp(24, 1), Ramp(24, 1)
    beside.other_files = 3
    for ramp in (alone, beside):
        drive(ramp, 3.0, each=5e6)
    assert beside.target == 24
    assert alone.target == 1


def test_a_refusal_halves_and_is_slowly_forgiven() -> None:
    ramp = Ramp(16, 500)
    for _ in range(10):
        ramp.saw_answer(0.03, 0.06)
    ramp.was_refused(10.0)
    ramp.was_refused(10.05)  # the other connections of the same moment
    assert ramp.target == 8
    ramp.was_refused(11.0)
    assert ramp.target == 4
    ramp.saw_answer(0.03, 0.06)
    assert ramp.target == 4
    for second in range(12, 60):
        ramp.observe(Seen(float(second)), 4)
    assert ramp.target == 16


def test_the_limit_is_never_passed() -> None:
    ramp = Ramp(3)
    ramp.saw_answer(0.5, 0.5)
    drive(ramp, 5.0, each=1e6)
    assert ramp.target == 3
