"""What the simulated EmStat4 measures: every technique on cells whose answer is known, ranges, limits, time."""

import itertools
import math
from dataclasses import dataclass, field

import pytest

from labctl_simulators.cells import Cell
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.palmsens_emstat4 import EmStat4

EXPONENTS = dict(zip("afpnum kMGTPE", range(-18, 19, 3), strict=True)) | {"i": 0}
GALVANOSTAT = "var p / var c / var t / set_pgstat_mode 6 / set_range db 10m / set_range ab 4500m / cell_on"
POTENTIOSTAT = "var p / var c / var t / set_pgstat_mode 3 / set_range ba 10m / cell_on"
PACKAGE = "pck_start / pck_add p / pck_add c / pck_end"
IMPEDANCE = "var f / var r / var j"
SPECTRUM = "pck_start / pck_add f / pck_add r / pck_add j / pck_end / endloop"
OFF = "on_finished: / cell_off"


@dataclass
class Sent:
    """What a script sent: lines with the time of each, packages as values and as metadata."""

    lines: list[str] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)

    @property
    def packages(self) -> list[list[tuple[str, float, str]]]:
        return [
            [(item[:2], value(item[2:10]), item[10:]) for item in line[1:].split(";")]
            for line in self.lines
            if line.startswith("P")
        ]

    def column(self, place: int) -> list[float]:
        return [package[place][1] for package in self.packages]


def value(text: str) -> float:
    return (int(text[:7], 16) - (1 << 27)) * 10.0 ** EXPONENTS[text[7]]


def run(cell: Cell, *parts: str, model: str = "es4_hr", seed: int = 0) -> tuple[Sent, EmStat4]:
    device = EmStat4(cell, seed, model=model)
    line = device.port()
    script = "\n".join(command.strip() for part in parts for command in part.split("/"))
    sent = Sent()

    def take(data: bytes, time_s: float) -> None:
        for text in data.decode().split("\n")[:-1]:
            sent.lines.append(text)
            sent.times_s.append(time_s)

    take(line.receive(f"e\n{script}\n\n".encode(), 0.0), 0.0)
    while (due_s := line.next_wake()) is not None:
        take(line.wake(due_s), due_s)
    return sent, device


@dataclass
class Book:
    """A cell that writes down what is done to it: a battery of 1 ohm and, for each coulomb, 1 mV."""

    charge_C: float = 0.0
    elapsed_s: float = 0.0
    steps: list[tuple[float, float]] = field(default_factory=list)

    def voltage_V(self, current_A: float) -> float:
        return 3.0 + 1e-3 * self.charge_C + current_A

    def current_A(self, voltage_V: float) -> float:
        return voltage_V - self.voltage_V(0.0)

    def advance_current(self, duration_s: float, current_A: float) -> None:
        self.elapsed_s += duration_s
        self.charge_C += duration_s * current_A
        self.steps.append((duration_s, current_A))

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        charge_C = duration_s * self.current_A(voltage_V)
        self.elapsed_s += duration_s
        self.charge_C += charge_C
        return charge_C

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        return complex(1000.0, -1.0 / (2.0 * math.pi * frequency_Hz * 1e-6))


def test_cp_measures_the_potential_at_the_end_of_each_interval() -> None:
    cell = Book()
    sent, device = run(cell, GALVANOSTAT, "meas_loop_cp p c 5m 2 6", PACKAGE, "endloop", OFF)
    assert sent.lines[1] == "M000A"
    assert [time_s for line, time_s in zip(sent.lines, sent.times_s, strict=True) if line[:1] == "P"] == (
        pytest.approx([2.01, 4.01, 6.01])
    )
    assert sent.column(0) == pytest.approx([3.00501 + k * 1e-5 for k in (0, 1, 2)], abs=400e-6)
    assert sent.column(1) == [0.005] * 3
    assert cell.charge_C == pytest.approx(5e-3 * 6.0)
    assert [(package[0][0], package[1][0]) for package in sent.packages] == [("ab", "db")] * 3
    assert sent.packages[0][0][2] == ",10,206,40"
    assert not device.circuit_closed


def test_ca_measures_the_current() -> None:
    sent, _ = run(Resistor(100.0), POTENTIOSTAT, "meas_loop_ca p c 500m 100m 300m", PACKAGE, "endloop", OFF)
    assert sent.lines[1] == "M0007"
    assert sent.column(0) == [0.5] * 3
    assert sent.column(1) == pytest.approx([5e-3] * 3, abs=4e-6)
    assert sent.packages[0][1][2] == ",10,218,40"


def test_ocp_measures_with_the_cell_off_only() -> None:
    sent, _ = run(Book(), "var p / meas_loop_ocp p 100m 1", "pck_start / pck_add p / pck_end / endloop")
    assert sent.lines[1] == "M000B"
    assert sent.column(0) == pytest.approx([3.0] * 10, abs=1e-3)
    sent, device = run(Book(), POTENTIOSTAT, "meas_loop_ocp p 1 1 / endloop", OFF)
    assert sent.lines[-1] == "!0014: Line 7"
    assert device.circuit_closed


def test_cv_goes_over_two_vertices_back_and_marks_its_scans() -> None:
    sent, _ = run(
        Resistor(100.0),
        POTENTIOSTAT,
        "meas_loop_cv p c 0 200m -100m 100m 1 nscans(2)",
        PACKAGE,
        "endloop",
        OFF,
    )
    marks = [line for line in sent.lines if not line.startswith("P")]
    assert marks == ["e", "M0005", "C0000", "-", "C0001", "-", "*", ""]
    once = [0.1, 0.2, 0.1, 0.0, -0.1, 0.0]
    assert sent.column(0) == pytest.approx([0.0, *once, *once])
    assert sent.column(1) == pytest.approx([potential / 100.0 for potential in sent.column(0)], abs=5e-6)
    assert sent.times_s[-1] == pytest.approx(0.01 + 13 * 0.1)


def test_a_cv_of_one_scan_has_no_marks() -> None:
    sent, _ = run(Resistor(100.0), POTENTIOSTAT, "meas_loop_cv p c 0 100m 0 100m 1", PACKAGE, "endloop", OFF)
    assert [line for line in sent.lines if line[:1] in "C-"] == [""]


def test_a_running_cv_turns_on_command() -> None:
    line = EmStat4(Resistor(100.0)).port()
    script = f"{POTENTIOSTAT} / meas_loop_cv p c 0 1 -200m 100m 1 / {PACKAGE} / endloop".replace(" / ", "\n")
    sent = line.receive(f"e\n{script}\n\n".encode(), 0.0)
    sent += line.wake(0.35) + line.receive(b"R\n", 0.35) + line.wake(9.0)
    assert b"\nR\n" in sent
    potentials = [value(text[3:11]) for text in sent.decode().split("\n") if text.startswith("P")]
    assert potentials == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.2, 0.1, 0.0, -0.1, -0.2, -0.1, 0.0])


def test_lsv_and_lsp_sweep() -> None:
    sent, _ = run(
        Resistor(100.0), POTENTIOSTAT, "meas_loop_lsv p c 100m -100m 100m 1", PACKAGE, "endloop", OFF
    )
    assert sent.lines[1] == "M0000"
    assert sent.column(0) == pytest.approx([0.1, 0.0, -0.1])
    sent, _ = run(Resistor(100.0), GALVANOSTAT, "meas_loop_lsp p c -1m 1m 1m 1m", PACKAGE, "endloop", OFF)
    assert sent.lines[1] == "M000F"
    assert sent.column(1) == pytest.approx([-1e-3, 0.0, 1e-3])
    assert sent.column(0) == pytest.approx([-0.1, 0.0, 0.1], abs=1e-3)


@pytest.mark.parametrize(
    ("loop", "mode", "bias", "technique"),
    [("meas_loop_eis f r j 10m 10k 100m 6 3", 3, "set_e 3", "M000D"),
     ("meas_loop_geis f r j 10u 10k 100m 6 0", 6, "set_range db 100u", "M000E")],
)  # fmt: skip
def test_impedance(loop: str, mode: int, bias: str, technique: str) -> None:
    script = f"{IMPEDANCE} / set_pgstat_mode {mode} / {bias} / set_autoranging ba 1u 10m / cell_on / {loop}"
    sent, _ = run(Book(), script, SPECTRUM, OFF)
    assert sent.lines[1] == technique
    assert sent.column(0) == pytest.approx([10e3, 1e3, 100.0, 10.0, 1.0, 0.1])
    for frequency_Hz, real, imaginary in zip(*(sent.column(place) for place in range(3)), strict=True):
        truth = Book().impedance_ohm(frequency_Hz)
        assert abs(complex(real, imaginary) - truth) < 0.01 * abs(truth)
    durations_s = [b - a for a, b in zip(sent.times_s[1:], sent.times_s[2:-2], strict=False)]
    assert durations_s == pytest.approx([0.15, 0.15, 0.15, 0.3, 3.0, 30.0])
    assert [package[place][0] for package in sent.packages[:1] for place in range(3)] == ["dc", "cc", "cd"]


def test_one_frequency_is_a_spectrum() -> None:
    script = f"{IMPEDANCE} / set_pgstat_mode 3 / set_e 3 / cell_on / meas_loop_eis f r j 10m 1k 1k 1i 3"
    assert run(Book(), script, SPECTRUM, OFF)[0].column(0) == pytest.approx([1e3])


def test_a_charge_with_a_cut_off_in_the_script() -> None:
    cell = Book()
    sent, device = run(
        cell, GALVANOSTAT, "timer_start / meas_loop_cp p c 10m 1 3600 / timer_get t",
        "pck_start / pck_add t / pck_add c / pck_add p / pck_end",
        "if p >= 3020m / breakloop / endif / endloop", OFF,
    )  # fmt: skip
    assert sent.lines[-2:] == ["*", ""]
    assert cell.charge_C == pytest.approx(10.0, abs=0.5)
    assert sent.column(0)[-1] == pytest.approx(cell.charge_C / 10e-3)
    assert not device.circuit_closed


def test_a_step_with_two_intervals_and_packages_on_time_or_change() -> None:
    """Coarse far from the cut-off, fine near it; a package each 100 s or 5 mV; arguments are variables."""
    cell = Book()
    sent, _ = run(
        cell, GALVANOSTAT,
        "var dt / var left / var last / var due / var gap / store_var dt 10 eb / store_var left 2k eb / timer_start",
        "loop left > 0",
        "meas_loop_cp p c 10m dt left",
        "timer_get t / copy_var p gap / sub_var gap last / if gap < 0 / mul_var gap -1 / endif",
        "if gap >= 5m / copy_var t due / endif",
        "if t >= due / pck_start / pck_add t / pck_add p / pck_end",
        "copy_var p last / copy_var t due / add_var due 100",
        "endif",
        "if p >= 3026m / store_var left 0 eb / breakloop / endif",
        "if p >= 3022m / if dt > 5 / store_var dt 1 eb / breakloop / endif / endif",
        "endloop",
        "if left > 0 / store_var left 2k eb / sub_var left t / endif",
        "endloop", OFF,
    )  # fmt: skip
    assert sent.lines.count("M000A") == 2
    assert sent.lines.count("L") == sent.lines.count("+") == 1
    assert cell.charge_C == pytest.approx(16.0, abs=0.3)
    times_s = sent.column(0)
    assert max(b - a for a, b in itertools.pairwise(times_s)) == pytest.approx(100.0)
    assert len(times_s) < 30


def test_constant_current_then_constant_potential() -> None:
    cell = RcCell(10.0, 100.0, 1e-3, 0.1)
    sent, _ = run(
        cell, "var p / var c / set_pgstat_mode 6 / set_range db 1m / set_range ab 2 / cell_on",
        "meas_loop_cp p c 1m 1 1k / if p >= 1 / breakloop / endif / endloop",
        "set_pgstat_mode 3 / set_range ba 1m / set_autoranging ba 1u 10m / set_e 1 / cell_on",
        "meas_loop_ca p c 1 1 1k", PACKAGE, "if c <= 100u / breakloop / endif / endloop", OFF,
    )  # fmt: skip
    currents_A = sent.column(1)
    assert currents_A[0] > 1e-4 >= currents_A[-1] > 5e-5
    assert cell.voltage_V(0.0) == pytest.approx(1.0, abs=0.02)


def test_what_is_applied_stays_applied_after_its_loop() -> None:
    cell = Book()
    run(cell, GALVANOSTAT, "meas_loop_cp p c 1m 1 2 / endloop / wait 10", OFF)
    assert cell.charge_C == pytest.approx(12e-3)


def test_a_change_of_mode_opens_the_circuit() -> None:
    cell = Book()
    steps = "set_i 1m / wait 10 / set_pgstat_mode 6 / wait 10 / meas_loop_cp p c 0 1 1 / endloop"
    sent, device = run(cell, GALVANOSTAT, steps)
    assert cell.charge_C == pytest.approx(10e-3)
    assert sent.lines[-1] == "!4027: Line 12"
    assert not device.circuit_closed


def test_a_further_quantity_can_be_measured() -> None:
    sent, _ = run(
        Resistor(100.0), POTENTIOSTAT, "meas_loop_ca p c 500m 1 1 add_meas(0 ab t)",
        "pck_start / pck_add t / pck_add c / pck_end / endloop", OFF,
    )  # fmt: skip
    (kind, potential_V, metadata), _ = sent.packages[0]
    assert (kind, metadata) == ("ab", ",10,206,40")
    assert potential_V == pytest.approx(0.5, abs=1e-3)


def test_a_single_reading() -> None:
    sent, _ = run(Book(), "var p / meas 100m p ab / pck_start / pck_add p / pck_end")
    assert sent.column(0) == pytest.approx([3.0], abs=1e-3)
    assert sent.times_s[1] == pytest.approx(0.1)


def test_a_body_that_takes_too_long_makes_the_next_point_late() -> None:
    sent, _ = run(
        Resistor(100.0), POTENTIOSTAT, "meas_loop_ca p c 500m 1 3", PACKAGE, "wait 1500m / endloop", OFF
    )
    assert [package[1][2] for package in sent.packages] == [",10,218,40", ",11,218,40", ",11,218,40"]


@pytest.mark.parametrize(
    ("current_mA", "status"), [(10.0, "0"), (24.0, "0"), (25.0, "8"), (29.0, "8"), (30.0, "2"), (1.0, "4")]
)
def test_a_fixed_range_says_when_it_is_the_wrong_one(current_mA: float, status: str) -> None:
    potential = f"{round(current_mA)}m"
    sent, _ = run(Resistor(1.0), POTENTIOSTAT, f"meas_loop_ca p c {potential} 1 1", PACKAGE, "endloop", OFF)
    (_, current_A, metadata) = sent.packages[0][1]
    assert metadata == f",1{status},218,40"
    assert current_A == pytest.approx(min(current_mA * 1e-3, 29.2e-3), abs=3e-6)


def test_autoranging_takes_the_range_that_fits_within_its_bounds() -> None:
    def index(level: str) -> str:
        script = "set_autoranging ba 1u 1m"
        sent, _ = run(
            Resistor(1e3), POTENTIOSTAT, script, f"meas_loop_ca p c {level} 1 1", PACKAGE, "endloop", OFF
        )
        return sent.packages[0][1][2]

    assert index("1") == ",10,215,40"
    assert index("10m") == ",10,20F,40"
    assert index("1m") == ",10,20C,40"
    assert index("10u") == ",14,20C,40"
    assert index("5") == ",12,215,40"


def test_resolution_follows_the_range() -> None:
    def spread(range_: str) -> float:
        script = f"set_range ab {range_} / meas_loop_cp p c 0 1 200"
        potentials = run(Resistor(1.0), GALVANOSTAT, script, PACKAGE, "endloop", OFF)[0].column(0)
        mean = sum(potentials) / len(potentials)
        return math.sqrt(sum((potential - mean) ** 2 for potential in potentials) / len(potentials))

    assert spread("4") == pytest.approx(20.0 * spread("50m"), rel=0.3)
    assert spread("4") < 200e-6


@pytest.mark.parametrize(
    ("model", "current", "index"),
    [
        ("es4_lr", "10m", ",218"),
        ("es4_lr", "1n", ",203"),
        ("es4_hr", "100m", ",21B"),
        ("nexus1", "1", ",20B"),
    ],
)
def test_ranges_of_each_model(model: str, current: str, index: str) -> None:
    script = f"{POTENTIOSTAT} / set_range ba {current} / meas_loop_ca p c 0 1 1"
    sent, _ = run(Resistor(1e6), script, PACKAGE, "endloop", OFF, model=model)
    assert index in sent.packages[0][1][2]


@pytest.mark.parametrize(
    ("model", "command", "code"),
    [
        ("es4_hr", "meas_loop_ca p c 6100m 1 1", "000F"),
        ("es4_lr", "meas_loop_ca p c 3100m 1 1", "000F"),
        ("nexus1", "meas_loop_ca p c 10100m 1 1", "000F"),
        ("es4_hr", "meas_loop_cp p c 201m 1 1", "4205"),
        ("es4_lr", "meas_loop_cp p c 31m 1 1", "4205"),
        ("nexus1", "meas_loop_cp p c 1001m 1 1", "4205"),
        ("es4_hr", "meas_loop_ca p c 0 0 1", "4204"),
        ("es4_hr", "meas_loop_ca p c 0 1 -1", "4204"),
        ("es4_hr", "meas_loop_lsv p c 0 1 0 1", "4204"),
        ("es4_hr", "meas_loop_cv p c 0 1 0 10m 1 nscans(0)", "4204"),
        ("es4_hr", "meas_loop_ca p c 0 1 1 nscans(2)", "4008"),
        ("es4_hr", "meas_loop_ca p c 0 1 1 add_meas(1 ab t)", "002F"),
        ("es4_hr", "meas_loop_ca p c 0 1 1 add_meas(0 ba t)", "005B"),
        ("es4_hr", "meas_loop_ca p c 0 1 1 add_meas(0 eb t)", "4209"),
        ("es4_hr", "meas_loop_ca p c 0 1 1 add_meas(0 ab)", "4004"),
        ("es4_hr", "meas_loop_eis p c t 10m 201k 1 5 0", "0011"),
        ("es4_hr", "meas_loop_eis p c t 10m 1k 0 5 0", "0011"),
        ("es4_hr", "meas_loop_eis p c t 901m 1k 1 5 0", "0012"),
        ("nexus1", "meas_loop_eis p c t 301m 1k 1 5 0", "0012"),
        ("es4_hr", "meas_loop_eis p c t 0 1k 1 5 0", "0012"),
        ("es4_hr", "meas_loop_geis p c t 300m 1k 1 5 0", "0012"),
        ("es4_hr", "meas_loop_eis p c t 10m 1k 1 0 0", "4204"),
        ("es4_hr", "meas_loop_eis p c t 10m 1k 1 1M 0", "4205"),
    ],
)
def test_bounds_are_known_while_loading(model: str, command: str, code: str) -> None:
    sent, _ = run(Resistor(1e3), f"var p / var c / var t / {command} / endloop", model=model)
    assert sent.lines[0].startswith(f"e!{code}: Line 4, Col ")


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        ("set_e 1", "4032"), ("set_range da 1", "4032"), ("set_autoranging ab 1 1", "4032"), ("set_i 1m", "4033"),
        ("set_range ba 1m", "4033"), ("set_range_minmax db 0 1m", "4033"), ("set_pgstat_mode 6", "401A"),
        ("cell_off", "401A"), ("meas 1 t ab", "401A"), ("meas_loop_ca p c 0 1 1", "400B"),
    ],
)  # fmt: skip
def test_what_a_measurement_loop_must_not_contain(inside: str, code: str) -> None:
    sent, _ = run(Resistor(1e3), POTENTIOSTAT, f"meas_loop_ca p c 0 1 1 / loop 1 == 2 / {inside}")
    assert len(sent.lines) == 1
    assert sent.lines[0].startswith(f"e!{code}: Line 9, Col ")


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (f"{POTENTIOSTAT} / meas_loop_cp p c 0 1 1 / endloop", "0023: Line 7"),
        (f"{GALVANOSTAT} / meas_loop_ca p c 0 1 1 / endloop", "0023: Line 8"),
        ("var p / var c / set_pgstat_mode 3 / meas_loop_ca p c 0 1 1 / endloop", "4027: Line 4"),
        (f"{POTENTIOSTAT} / meas_loop_ca p c 0 2 1 / endloop", "4029: Line 7"),
        (f"{POTENTIOSTAT} / meas_loop_lsv p c 1 1 10m 1 / endloop", "4029: Line 7"),
        (f"{POTENTIOSTAT} / meas_loop_lsv p c 0 1 10u 1 / endloop", "001C: Line 7"),
        (f"{POTENTIOSTAT} / meas_loop_ca p c 0 100u 1 / endloop", "005A: Line 7"),
        (f"{POTENTIOSTAT} / store_var t 7 ja / meas_loop_ca p c t 1 1 / endloop", "000F: Line 8"),
        (f"{GALVANOSTAT} / meas_loop_cp p c 40m 1 1 / endloop", "4205: Line 8"),
        (f"{GALVANOSTAT} / var f / meas_loop_geis f p c 15m 1k 1 5 10m / endloop", "0012: Line 9"),
        (f"{GALVANOSTAT} / meas_loop_cp p c 9m 1 1 / endloop", "0032: Line 8"),
    ],
)
def test_what_a_measurement_refuses_while_running(script: str, error: str) -> None:
    sent, _ = run(Resistor(1e3), script, OFF)
    assert sent.lines[-1] == f"!{error}"


def test_a_cell_that_draws_too_much_is_a_critical_overload_and_stays_on() -> None:
    sent, device = run(Resistor(1.0), POTENTIOSTAT, "meas_loop_ca p c 1 1 1 / endloop", OFF)
    assert sent.lines[-1] == "!0032: Line 7"
    assert device.circuit_closed


def test_nexus_may_start_from_a_known_potential() -> None:
    script = "var p / set_pgstat_mode 6 / meas 100m p ab / cell_on ocp(p)"
    assert run(Book(), script, model="nexus1")[0].lines == ["e", ""]
    assert run(Book(), script)[0].lines == ["e!4008: Line 4, Col 9"]


def test_the_noise_follows_the_seed() -> None:
    def sent(seed: int) -> list[str]:
        return run(Book(), GALVANOSTAT, "meas_loop_cp p c 1m 1 20", PACKAGE, "endloop", OFF, seed=seed)[
            0
        ].lines

    assert sent(1) == sent(1) != sent(2)


def test_points_that_are_due_together_come_in_order_with_the_cell_advanced_point_by_point() -> None:
    cell = Book()
    line = EmStat4(cell).port()
    loop = "timer_start / meas_loop_cp p c 1m 1 5 / timer_get t / pck_start / pck_add t / pck_end / endloop"
    script = f"{GALVANOSTAT} / {loop}"
    line.receive(f"e\n{script}\n\n".replace(" / ", "\n").encode(), 0.0)
    lines = line.wake(100.0).decode().split("\n")
    assert [value(text[3:11]) for text in lines if text.startswith("P")] == pytest.approx(
        [1.0, 2.0, 3.0, 4.0, 5.0]
    )
    assert [duration_s for duration_s, current_A in cell.steps if current_A] == pytest.approx([1.0] * 5)
