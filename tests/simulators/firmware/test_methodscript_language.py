"""The script language: control flow, arithmetic, time, packages, texts, and what is refused while loading."""

import pytest

from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.palmsens_emstat4 import EmStat4


def run(script: str, model: str = "es4_hr", resistance_ohm: float = 100.0) -> list[str]:
    """Lines that a script sends, behind its acknowledgement; written with ``/`` for the line feed."""
    line = EmStat4(Resistor(resistance_ohm), model=model).port()
    text = "\n".join(part.strip() for part in script.split("/"))
    sent = line.receive(f"e\n{text}\n\n".encode(), 0.0)
    while (due_s := line.next_wake()) is not None:
        sent += line.wake(due_s)
    return sent.decode().split("\n")[:-1]


def said(script: str) -> list[str]:
    """Texts that a script sends, all of it having gone well."""
    lines = run(script)
    assert (lines[0], lines[-1]) == ("e", "")
    return [line[1:] for line in lines if line.startswith("T")]


def test_if_elseif_else() -> None:
    for value, word in (("1", "one"), ("2", "two"), ("3", "many")):
        script = f"""var x / store_var x {value} ja
            if x == 1 / send_string "one" / elseif x == 2 / send_string "two" / else / send_string "many" / endif
            send_string "end" """
        assert said(script) == [word, "end"]


def test_if_without_else_and_nested() -> None:
    script = 'var x / if x == 0 / if x > 1 / send_string "no" / endif / send_string "yes" / endif'
    assert said(script) == ["yes"]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("1 == 1i", True), ("1 != 1", False), ("2 > 1", True), ("1 >= 1", True), ("1 < 1", False),
        ("-1 <= 0", True), ("0x82 & 0x80", True), ("0x02 & 0x80", False), ("0i | 0i", False), ("0i | 4i", True),
    ],
)  # fmt: skip
def test_comparisons(condition: str, holds: bool) -> None:
    assert said(f'if {condition} / send_string "yes" / endif') == (["yes"] if holds else [])


def test_a_loop_is_marked_once() -> None:
    assert run('var i / store_var i 0i ja / loop i < 3i / send_string f"{i}" / add_var i 1i / endloop') == [
        "e", "L", "T0", "T1", "T2", "+", "",
    ]  # fmt: skip
    assert run("loop 2 < 1 / endloop") == ["e", "L", "+", ""]


def test_breakloop_leaves_the_inner_loop_only() -> None:
    script = """var i / store_var i 0i ja / loop i < 2i / add_var i 1i
        loop 1i == 1i / if i > 0i / breakloop / endif / endloop / endloop"""
    assert run(script) == ["e", "L", "L", "+", "L", "+", "+", ""]


def test_a_polling_loop_takes_time() -> None:
    script = """var t / timer_start / loop t < 10m / timer_get t / endloop
        if t < 11m / send_string "ten milliseconds" / endif"""
    assert said(script) == ["ten milliseconds"]


def test_abort_goes_to_on_finished_through_open_loops() -> None:
    script = 'loop 1i == 1i / abort / endloop / send_string "no" / on_finished: / send_string "bye"'
    assert run(script) == ["e", "L", "+", "Tbye", ""]
    assert run('abort / send_string "no"') == ["e", ""]
    assert run('on_finished: / send_string "a" / abort / send_string "no"') == ["e", "Ta", ""]


@pytest.mark.parametrize(
    ("commands", "result"),
    [
        ("store_var x 5 ja / add_var x 2500m", "7.5"),
        ("store_var x 5 ja / sub_var x 7", "-2"),
        ("store_var x 5 ja / mul_var x -1", "-5"),
        ("store_var x 5 ja / div_var x 2", "2.5"),
        ("store_var x 7500m ja / mod_var x 2", "1.5"),
        ("store_var x 3 ja / pow_var x 2", "9"),
        ("store_var x 9 ja / pow_var x 500m", "3"),
        ("store_var x 1 ja / log_var x", "0"),
        ("store_var x 7i ja / div_var x -2i", "-3"),
        ("store_var x -7i ja / mod_var x 2i", "-1"),
        ("store_var x 2i ja / pow_var x 10i", "1024"),
        ("store_var x 0x0F ja / bit_and_var x 0b1010", "10"),
        ("store_var x 1i ja / bit_or_var x 6i", "7"),
        ("store_var x 5i ja / bit_xor_var x 1i", "4"),
        ("store_var x 1i ja / bit_lsl_var x 8i", "256"),
        ("store_var x 256i ja / bit_lsr_var x 4i", "16"),
        ("store_var x 0i ja / bit_inv_var x", "-1"),
        ("store_var x 7i ja / int_to_float x / div_var x 2", "3.5"),
        ("store_var x -2700m ja / float_to_int x", "-2"),
        ("array a 3i / store_var a[0i] 3 ba / store_var a[1i] 6 ba / mean a x", "3"),
        ("array a 3 / store_var x 4 ja / array_set a 2i x / store_var x 0 ja / array_get a 2i x", "4"),
        (
            "array a 2i / var i / store_var i 1i ja / store_var a[i] 8 ja / copy_var a[1i] x / add_var a[i] x",
            "8",
        ),
    ],
)
def test_arithmetic(commands: str, result: str) -> None:
    assert said(f'var x / {commands} / send_string f"{{x}}"') == [result]


def test_a_subroutine_of_absolute_value() -> None:
    script = """var a / var b / store_var a 3 ab / store_var b 5 ab / sub_var a b
        if a < 0 / mul_var a -1 / endif / send_string f"|a-b| = {a} V" """
    assert said(script) == ["|a-b| = 2 V"]


def test_time() -> None:
    script = """var t / timer_start / wait 1500m / timer_get t / pck_start / pck_add t / pck_end
        set_int 2 / wait 500m / await_int / await_int / timer_get t / pck_start / pck_add t / pck_end"""
    times_us = [int(line[3:10], 16) - (1 << 27) for line in run(script) if line.startswith("Peb")]
    assert times_us == [1_500_000, 5_500_000]


def test_variables_of_each_type_in_a_package() -> None:
    script = """var x / array a 2i / store_var x 3700m ab / store_var a[1i] 5m db
        pck_start / pck_add x / pck_add a[1i] / pck_end
        alter_vartype x ia / pck_start / pck_add x / pck_end / store_var x 8i ee / pck_start / pck_add x / pck_end
        pck_start / pck_add a[0i] / pck_end"""
    assert run(script) == ["e", "Pab8387520u;db84C4B40n", "Pia8387520u", "Pee8000008i", "Paa8000000 ", ""]


def test_a_package_may_be_filled_in_a_loop() -> None:
    script = (
        "var i / store_var i 0i ja / pck_start / loop i < 2i / pck_add i / add_var i 1i / endloop / pck_end"
    )
    assert run(script) == ["e", "L", "+", "Pja8000000i;ja8000001i", ""]


def test_output_can_be_held_back() -> None:
    script = """var x / set_script_output 0 / send_string "a" / pck_start / pck_add x / pck_end / loop x > 1 / endloop
        set_script_output 1 / send_string "b" """
    assert run(script) == ["e", "L", "+", "Tb", ""]


def test_comments_and_indentation_are_free() -> None:
    assert run('# nothing / \tvar x  # a variable / send_string "a # b" # said') == ["e", "Ta # b", ""]


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("var p / foo p", "4001: Line 2, Col 1"),
        ("foo", "4001: Line 1, Col 1"),
        ("set_gpio 1i", "001B: Line 1, Col 1"),
        ("meas_loop_swv", "001B: Line 1, Col 1"),
        ("var x; var y", "4004: Line 1, Col 6"),
        ("var", "4004: Line 1, Col 4"),
        ("var x / add_var x", "4004: Line 2, Col 10"),
        ("var x / add_var x Y", "4004: Line 2, Col 11"),
        ('send_string "a', "4004: Line 1, Col 13"),
        ("send_string a", "4004: Line 1, Col 13"),
        ("if 1 == / endif", "4004: Line 1, Col 8"),
        ("if 1 = 1 / endif", "4004: Line 1, Col 6"),
        ("if 1 == 1 1 / endif", "420A: Line 1, Col 11"),
        ("var x y", "420A: Line 1, Col 7"),
        ("cell_off 1", "420A: Line 1, Col 10"),
        ("if 1 == 1 / endif x", "420A: Line 2, Col 7"),
        ("cell_on ocp(1)", "4008: Line 1, Col 9"),
        ("cell_off ocp(1)", "4008: Line 1, Col 10"),
        ("var x / store_var x 1 zz", "0002: Line 2, Col 15"),
        ("var x / store_var x 1.5 ja", "4039: Line 2, Col 13"),
        ("var x / store_var x 0x1m ja", "4014: Line 2, Col 13"),
        ("var x / var y / store_var x y ja", "420C: Line 3, Col 13"),
        ("var x / copy_var 1 x", "420D: Line 2, Col 10"),
        ("array a 2i / add_var a 1", "420E: Line 2, Col 9"),
        ("var x / mean x x", "420C: Line 2, Col 6"),
        ("add_var x 1", "420B: Line 1, Col 9"),
        ("var x / add_var x y", "420B: Line 2, Col 11"),
        ("var x / add_var x[0i] 1", "4038: Line 2, Col 9"),
        ("array a 2i / add_var a[0i 1", "4038: Line 2, Col 9"),
        ("var x / var x", "4026: Line 2, Col 5"),
        ("var X", "402B: Line 1, Col 5"),
        (f"var {'x' * 33}", "402C: Line 1, Col 5"),
        ("array a 70k", "000B: Line 1, Col 9"),
        ("array a 0i", "4204: Line 1, Col 9"),
        (" / ".join(f"var v{n}" for n in range(600)), "000B: Line 513, Col 5"),
        ("if 1 == 1", "4018: Line 2, Col 1"),
        ("else", "400E: Line 1, Col 1"),
        ("if 1 == 1 / else / else / endif", "400E: Line 3, Col 1"),
        ("if 1 == 1 / else / elseif 1 == 1 / endif", "400E: Line 3, Col 1"),
        ("endif", "400E: Line 1, Col 1"),
        ("endloop", "400E: Line 1, Col 1"),
        ("loop 1 == 1 / endif", "400E: Line 2, Col 1"),
        ("if 1 == 1 / on_finished:", "400E: Line 2, Col 1"),
        ("on_finished: / on_finished:", "400E: Line 2, Col 1"),
        (" / ".join(["if 1 == 1"] * 20), "400D: Line 17, Col 1"),
        ("breakloop", "4036: Line 1, Col 1"),
        ("if 1 == 1 / breakloop / endif", "4036: Line 2, Col 1"),
        ("wait -1", "4200: Line 1, Col 6"),
        ("set_int 0", "4204: Line 1, Col 9"),
        ("set_script_output 2", "403B: Line 1, Col 19"),
        ("set_script_output 7", "403C: Line 1, Col 19"),
        ("set_script_output 500m", "0007: Line 1, Col 19"),
        ('send_string f"{x}"', "420B: Line 1, Col 16"),
        ('var x / send_string f"ab{x"', "4210: Line 2, Col 17"),
        ("set_pgstat_chan 1", "002F: Line 1, Col 17"),
        ("set_pgstat_mode 5", "0021: Line 1, Col 17"),
        ("set_e 6001m", "000F: Line 1, Col 7"),
        ("set_i -201m", "4205: Line 1, Col 7"),
        ("set_range da 7", "000F: Line 1, Col 14"),
        ("set_range eb 1", "0084: Line 1, Col 11"),
        ("var x / meas 1 x eb", "4209: Line 2, Col 10"),
    ],
)
def test_what_is_refused_while_loading(script: str, answer: str) -> None:
    assert run(script) == [f"e!{answer}"]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("add_var x 1i", "4207: Line 3"),
        ("bit_and_var x 1", "4207: Line 3"),
        ("if x & 1i / endif", "4207: Line 3"),
        ("store_var x 2i ja / pow_var x -1i", "4207: Line 4"),
        ("copy_var a[x] x", "4207: Line 3"),
        ("div_var x 0", "0028: Line 3"),
        ("store_var x 1i ja / mod_var x 0i", "0028: Line 4"),
        ("log_var x", "0010: Line 3"),
        ("store_var x 1E ja / pow_var x 1k", "0010: Line 4"),
        ("store_var x -1 ja / pow_var x 500m", "0010: Line 4"),
        ("store_var x 65536i ja / mul_var x 65536i", "4037: Line 4"),
        ("store_var x 9i ja / pow_var x 99i", "4037: Line 4"),
        ("store_var x 9i ja / bit_lsl_var x 99i", "4205: Line 4"),
        ("copy_var a[2i] x", "400F: Line 3"),
        ("copy_var a[-1i] x", "400F: Line 3"),
        ("array b x", "4204: Line 3"),
        ("store_var x 70k ja / array b x", "000B: Line 4"),
        ("array b 40k / array c 40k", "000B: Line 4"),
        ("pck_add x", "401B: Line 3"),
        ("pck_end", "401B: Line 3"),
        ("pck_start / pck_start", "401B: Line 4"),
        ("await_int", "400C: Line 3"),
        ("store_var x -1 ja / wait x", "4200: Line 4"),
        ("store_var x 7 ja / set_e x", "000F: Line 4"),
        ("cell_on", "0023: Line 3"),
        ("set_i 0", "0023: Line 3"),
        ("set_pgstat_mode 6 / set_e 0", "0023: Line 4"),
    ],
)
def test_what_goes_wrong_while_running(script: str, error: str) -> None:
    assert (
        run(f"var x / array a 2i / {script} / on_finished: / send_string 'no'".replace("'", '"'))[-1]
        == f"!{error}"
    )


def test_a_fresh_run_has_fresh_variables() -> None:
    line = EmStat4(Resistor(100.0)).port()
    line.receive(b'l\nvar x\narray a 2i\nadd_var x 1\nadd_var a[0i] 1\nsend_string f"{x} {a[0i]}"\n\n', 0.0)
    assert line.receive(b"r\n", 1.0) == b"r\nT1 1\n\n"
    assert line.receive(b"r\n", 2.0) == b"r\nT1 1\n\n"
