"""The EmStat4's communication protocol: transcripts, errors, deafness, splits, garbage, peers that leave."""

import itertools
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.methodscript_line import SerialLine
from labctl_simulators.firmware.palmsens_emstat4 import EmStat4

SHORT_STEP = (
    b"e\nvar p\nvar c\nset_pgstat_chan 0\nset_pgstat_mode 6\nset_range db 10m\nset_i 0\ncell_on\n"
    b"meas_loop_cp p c 5m 500m 1500m\npck_start\npck_add p\npck_add c\npck_end\nendloop\n"
    b"on_finished:\ncell_off\n\n"
)
ENDLESS = (
    b"e\nvar p\nvar c\nset_pgstat_mode 3\nset_e 1\ncell_on\nmeas_loop_ca p c 1 1 1k\nendloop\n"
    b"on_finished:\ncell_off\n\n"
)


@pytest.fixture
def device() -> EmStat4:
    return EmStat4(Resistor(100.0), serial="STUB0001")


@pytest.fixture
def line(device: EmStat4) -> SerialLine:
    return device.port()


def until_quiet(line: SerialLine) -> bytes:
    sent = b""
    while (due_s := line.next_wake()) is not None:
        sent += line.wake(due_s)
    return sent


def test_the_worked_session_of_the_manual(line: SerialLine, device: EmStat4) -> None:
    assert line.receive(b"t\n", 0.0) == b"tes4_hr1400#Oct  1 2026 12:00:00\nR*\n"
    assert line.receive(b"i\n", 0.1) == b"iSTUB0001\n"
    assert line.receive(b"\n", 0.2) == b"\n"
    assert line.receive(b"Z\n", 0.3) == b"Z!0006\n"
    assert line.receive(b"q\n", 0.5) == b"q!0003\n"
    assert line.receive(b"e\nvar p\nfoo p\n\n", 1.0) == b"e!4001: Line 2, Col 1\n"
    assert line.receive(SHORT_STEP, 2.0) == b"e\n"
    lines = until_quiet(line).decode().split("\n")
    assert lines[0] == "M000A"
    assert [text[:3] for text in lines[1:4]] == ["Pab"] * 3
    assert all(text.endswith(",40;db84C4B40n") for text in lines[1:4])
    assert lines[4:] == ["*", "", ""]
    assert not device.circuit_closed


@pytest.mark.parametrize(
    ("model", "identity"), [("es4_hr", b"tes4_hr"), ("es4_lr", b"tes4_lr"), ("nexus1", b"tnexus1")]
)
def test_each_model_says_what_it_is(model: str, identity: bytes) -> None:
    assert EmStat4(Resistor(1.0), model=model).port().receive(b"t\n", 0.0).startswith(identity)


def test_versions_and_capabilities(line: SerialLine) -> None:
    assert line.receive(b"v\n", 0.0) == b"v1.8\n"
    communication = int(line.receive(b"CC\n", 0.0)[2:], 16)
    script = int(line.receive(b"CM\n", 0.0)[2:], 16)
    assert all(communication >> bit & 1 for bit in (1, 38, 96, 97, 98, 99, 101))
    assert all(script >> bit & 1 for bit in (23, 24, 28, 30, 31, 32, 38, 39, 40, 65, 66, 67, 68, 69, 70, 92))


def test_the_first_character_is_echoed_before_the_line_ends(line: SerialLine) -> None:
    assert line.receive(b"i", 0.0) == b"i"
    assert line.receive(b"\n", 1.0) == b"STUB0001\n"
    assert line.receive(b"e", 2.0) == b"e"
    assert line.receive(b'\nsend_string "a"\n', 2.1) == b""
    assert line.receive(b"\n", 2.2) == b"\nTa\n\n"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"G06\n", b"GSTUB0001\n"),
        (b"S061\n", b"S!0005\n"),
        (b"G7F\n", b"G!0004\n"),
        (b"G\n", b"G!004B\n"),
        (b"Gzz\n", b"G!006D\n"),
        (b"r\n", b"r!000C\n"),
        (b"Fmscr\n", b"F!000C\n"),
        (b"Lmscr\n", b"L!000C\n"),
        (b"h\n", b"h!0006\n"),
        (b"H\n", b"H!0006\n"),
        (b"Y\n", b"Y!0006\n"),
        (b"R\n", b"R!0006\n"),
        (b"x" * 300 + b"\n", b"x!0008\n"),
        (b"\xff\n", b"\xff!0003\n"),
        (b"t\r\n", b"tes4_hr1400#Oct  1 2026 12:00:00\nR*\n"),
    ],
)
def test_answers_while_idle(line: SerialLine, command: bytes, answer: bytes) -> None:
    assert line.receive(command, 0.0) == answer


def test_a_script_is_loaded_run_stored_and_recalled(line: SerialLine) -> None:
    assert line.receive(b'l\nsend_string "one"\n\n', 0.0) == b"l\n"
    assert line.receive(b"r\n", 1.0) == b"r\nTone\n\n"
    assert line.receive(b"Fmscr\n", 2.0) == b"F\n"
    assert line.receive(b'l\nsend_string "two"\n\n', 3.0) == b"l\n"
    assert line.receive(b"r\n", 4.0) == b"r\nTtwo\n\n"
    assert line.receive(b"Lmscr\n", 5.0) == b"L\n"
    assert line.receive(b"r\n", 6.0) == b"r\nTone\n\n"
    assert line.receive(b"l\nfoo\n\n", 7.0) == b"l!4001: Line 1, Col 1\n"
    assert line.receive(b"r\n", 8.0) == b"r!000C\n"


def test_it_is_deaf_for_a_moment_after_an_error(line: SerialLine) -> None:
    assert line.receive(b"q\ni\n", 0.0) == b"q!0003\n"
    assert line.receive(b"i\n", 0.05) == b""
    assert line.receive(b"i\n", 0.1) == b"iSTUB0001\n"


def test_the_rest_of_a_refused_script_is_swallowed_however_slowly_it_comes(line: SerialLine) -> None:
    assert line.receive(b"e\nfoo\n", 0.0) == b"e!4001: Line 1, Col 1\n"
    assert line.receive(b"t\n", 0.09) == b""
    assert line.receive(b"i\n", 0.18) == b""
    assert line.receive(b"\n", 0.27) == b""
    assert line.receive(b"i\n", 0.28) == b"iSTUB0001\n"


def test_a_refused_script_that_nobody_finishes_is_forgotten_after_a_calm(line: SerialLine) -> None:
    assert line.receive(b"e\nfoo\n", 0.0) == b"e!4001: Line 1, Col 1\n"
    assert line.receive(b"i\n", 0.15) == b"iSTUB0001\n"


def test_a_line_of_script_that_is_too_long(line: SerialLine) -> None:
    assert line.receive(b"e\nvar p\n#" + b"x" * 255 + b"\n", 0.0) == b"e"
    assert line.receive(b"#" + b"x" * 256 + b"\nvar p\n\n", 1.0) == b"!0008: Line 3, Col 257\n"
    assert line.receive(b"i\n", 2.0) == b"iSTUB0001\n"


def test_a_script_that_is_too_large(line: SerialLine) -> None:
    assert line.receive(b"e\n" + b"# 34567\n" * 5000 + b"\n", 0.0) == b"e!4005: Line 4097, Col 1\n"


def test_one_peer_at_a_time(device: EmStat4, line: SerialLine) -> None:
    with pytest.raises(ConnectionRefusedError):
        device.port()
    line.close(1.0)
    line.close(2.0)
    assert device.port().receive(b"i\n", 3.0) == b"iSTUB0001\n"
    assert line.receive(b"i\n", 4.0) == line.wake(4.0) == b""
    assert line.next_wake() is None


def test_a_script_outlives_its_peer_and_what_it_sent_meanwhile_is_lost(
    device: EmStat4, line: SerialLine
) -> None:
    line.receive(SHORT_STEP + b"par", 0.0)
    line.wake(0.6)
    line.close(0.6)
    assert device.circuit_closed
    again = device.port()
    assert again.next_wake() == pytest.approx(1.01)
    assert again.receive(b"\n", 10.0) == b"\n"
    assert not device.circuit_closed


def test_an_abort_runs_on_finished(line: SerialLine, device: EmStat4) -> None:
    line.receive(ENDLESS, 0.0)
    assert line.wake(0.5) == b"M0007\n"
    closed = [device.circuit_closed]
    assert line.receive(b"\nZ\n", 2.5) == b"Z\n*\n\n"
    closed.append(device.circuit_closed)
    assert closed == [True, False]
    assert line.receive(b"Z\n", 3.0) == b"Z!0006\n"


def test_an_abort_closes_all_that_is_open(line: SerialLine) -> None:
    script = (
        b"e\nvar p\nvar c\nset_pgstat_mode 3\ncell_on\nloop 1i == 1i\nmeas_loop_cv p c 0 1 -1 10m 1 nscans(2)\n"
        b'loop 1i == 1i\nwait 1\nendloop\nendloop\nendloop\non_finished:\ncell_off\nsend_string "bye"\n\n'
    )
    line.receive(script, 0.0)
    assert line.wake(0.1) == b"L\nM0005\nC0000\nL\n"
    assert line.receive(b"Z\n", 0.2) == b"Z\n+\n-\n*\n+\nTbye\n\n"


def test_a_second_abort_does_not_disturb_on_finished(line: SerialLine) -> None:
    line.receive(b'e\nwait 1k\non_finished:\nwait 10\nsend_string "bye"\n\n', 0.0)
    assert line.receive(b"Z\n", 1.0) == b"Z\n"
    assert line.receive(b"Z\n", 2.0) == b"Z\n"
    assert line.wake(11.0) == b"Tbye\n\n"


def test_the_present_measurement_loop_can_be_left(line: SerialLine) -> None:
    line.receive(ENDLESS.replace(b"on_finished:\n", b'send_string "next"\nwait 1\n'), 0.0)
    line.wake(0.1)
    assert line.receive(b"Y\n", 2.5) == b"Y\n*\nTnext\n"
    assert line.receive(b"Y\n", 2.6) == b"Y!0006\n"
    assert line.wake(3.5) == b"\n"


def test_halt_and_resume(line: SerialLine) -> None:
    line.receive(SHORT_STEP, 0.0)
    line.wake(0.6)
    assert line.receive(b"h\n", 0.7) == b"h\n"
    assert line.next_wake() is None
    assert line.wake(5.0) == b""
    assert line.receive(b"h\n", 5.0) == b"h!0006\n"
    assert line.receive(b"H\n", 10.7) == b"H\n"
    assert line.next_wake() == pytest.approx(11.01)
    assert line.receive(b"H\n", 10.8) == b"H!0006\n"
    assert line.receive(b"h\n", 10.95) == b"h\n"
    assert line.receive(b"Z\n", 20.0) == b"Z\n*\n\n"


def test_while_a_script_runs_other_commands_are_refused_and_empty_lines_ignored(line: SerialLine) -> None:
    line.receive(ENDLESS, 0.0)
    line.wake(0.1)
    assert line.receive(b"\n\n", 0.2) == b""
    assert line.receive(b"t", 0.3) == b""
    assert line.receive(b"\n", 0.4) == b"t!0006\n"
    assert line.receive(b"R\n", 0.6) == b"R!0006\n"
    assert line.receive(b"x" * 400 + b"\n", 0.8) == b"x!0008\n"


def test_a_run_time_error_ends_the_script_without_on_finished_and_leaves_the_cell_on(
    line: SerialLine, device: EmStat4
) -> None:
    script = b"e\nvar p\nset_pgstat_mode 3\ncell_on\nmeas_loop_ocp p 1 1\nendloop\non_finished:\ncell_off\n\n"
    assert line.receive(script, 0.0) == b"e\n"
    assert line.wake(0.02) == b"!0014: Line 4\n"
    assert device.circuit_closed
    assert line.receive(b"e\ncell_off\n\n", 0.05) == b""
    assert device.circuit_closed
    assert line.receive(b"e\ncell_off\n\n", 0.2) == b"e\n\n"
    assert not device.circuit_closed


SESSION = b"t\n\nq\n" + SHORT_STEP


@given(cuts=st.lists(st.integers(0, len(SESSION)), max_size=30), bad=st.booleans())
def test_any_split_of_the_input_gives_the_same_output(cuts: list[int], bad: bool) -> None:
    data = SESSION.replace(b"q\n", b"").replace(b"set_i 0", b"set_i 9" if bad else b"set_i 0")
    if bad:
        data += b"x" * 300

    def outputs(pieces: list[bytes]) -> bytes:
        line = EmStat4(Resistor(100.0), seed=5).port()
        sent = b"".join(line.receive(piece, 1.0) for piece in pieces)
        return sent + until_quiet(line) + line.receive(b"i\n", 9.0)

    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert outputs([data[a:b] for a, b in itertools.pairwise(edges)]) == outputs([data])


COUNTING = (
    b"e\nvar x\nvar p\nvar c\narray a 2i\nadd_var x 1\nadd_var a[0i] 1\ncopy_var a[0i] p\n"
    b'send_string f"{x} {p}"\nset_pgstat_mode 6\ncell_on\n'
    b"meas_loop_cp p c 5m 500m 1500m\npck_start\npck_add p\npck_end\nendloop\n\n"
)


@given(cut=st.integers(3, len(COUNTING) - 1))
def test_a_script_that_is_sent_again_runs_as_if_it_were_new(cut: int) -> None:
    def outputs(pieces: list[bytes]) -> bytes:
        line = EmStat4(Resistor(100.0), seed=5).port()
        assert b"T1 1\n" in line.receive(COUNTING, 1.0) + until_quiet(line)
        return b"".join(line.receive(piece, 5.0) for piece in pieces) + until_quiet(line)

    sent = COUNTING + b"i\n"
    assert b"T1 1\n" in outputs([sent])
    assert outputs([sent[:cut], sent[cut:]]) == outputs([sent])  # in pieces it is compiled anew


@given(cuts=st.lists(st.integers(0, 600), max_size=30), width=st.integers(255, 259))
def test_lines_that_are_too_long_are_refused_the_same_in_any_split(cuts: list[int], width: int) -> None:
    data = b"e\n" + b"#" * width + b"\nvar p\nvar p\n\ni\n"

    def outputs(pieces: list[bytes]) -> bytes:
        line = EmStat4(Resistor(100.0)).port()
        return b"".join(line.receive(piece, 1.0) for piece in pieces)

    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert outputs([data[a:b] for a, b in itertools.pairwise(edges)]) == outputs([data])


@given(times=st.lists(st.floats(1.0, 3.0), max_size=20))
def test_the_output_does_not_depend_on_when_it_is_woken(times: list[float]) -> None:
    late, often = (EmStat4(Resistor(100.0), seed=5).port() for _ in range(2))
    late.receive(SHORT_STEP, 1.0)
    often.receive(SHORT_STEP, 1.0)
    assert b"".join(often.wake(time_s) for time_s in sorted(times)) + often.wake(9.0) == late.wake(9.0)


COMMANDS = """\
e|l||r|Z|Y|h|H|var p|var c|endloop|cell_on|meas_loop_ca p c 1 1 10|loop p < 3|add_var p 1|array a 100i|else|endif
set_pgstat_mode 3|wait 1|if p == 1|breakloop|pck_end|on_finished:|pck_start|pck_add p|abort|div_var p c
send_string f"{p}"|meas_loop_cv p c 0 1 -1 100m 1 nscans(2)|set_pgstat_mode 6|meas_loop_cp p c 1m 1 5"""
GARBAGE = st.lists(
    st.binary(max_size=80)
    | st.sampled_from(
        [f"{command}\n".encode() for line in COMMANDS.split("\n") for command in line.split("|")]
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(pieces=GARBAGE)
def test_garbage_never_raises_and_the_instrument_still_answers(pieces: list[bytes]) -> None:
    line = EmStat4(Resistor(100.0)).port()
    now_s = 0.0
    for piece in pieces:
        line.receive(piece, now_s)
        now_s += 0.04
    line.receive(b"\nZ\n", now_s + 1.0)
    line.receive(b"\n", now_s + 2.0)
    line.receive(b"\nZ\n", now_s + 3.0)
    line.receive(b"H\n", now_s + 3.5)
    line.wake(now_s + 200.0)
    assert line.receive(b"i\n", now_s + 201.0).endswith(b"iES4SIM0001\n")


def test_memory_stays_bounded_whatever_arrives(line: SerialLine) -> None:
    line.receive(b"e\n", 0.0)
    tracemalloc.start()
    for _ in range(200):
        line.receive(b"x" * 65536, 0.0)
        line.receive(b"\n", 0.0)
        line.receive(b"e\n", 1.0)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
