"""What the compiler of steps and sweeps writes, and what it refuses to write."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import CannotHold
from labctl.instrument.course import Profile, Scan
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl_drivers.methodscript_compile import compile_step
from labctl_drivers.methodscript_plan import end_time
from labctl_drivers.methodscript_sweep import compile_sweep
from labctl_drivers.palmsens_models import MODELS

HR = MODELS["es4_hr"]
SAFETY = SafetyLimits(-1.0, 1.0, 1e-3)
CHARGE = Step(
    Control.CURRENT,
    100e-6,
    (Cutoff(Quantity.CHARGE, Side.ABOVE, 0.36), Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.9)),
    SAFETY,
    Sampling(10.0, 5e-3),
)
GEIS = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 10e-6, 0.0, 1e5, 0.1, 10, SAFETY)
PEIS = ImpedanceSpec(ImpedanceMode.POTENTIOSTATIC, 10e-3, None, 1e5, 0.1, 10, SAFETY)


def cutoffs(*quantities: Quantity) -> tuple[Cutoff, ...]:
    return tuple(Cutoff(quantity, Side.ABOVE, 0.5) for quantity in quantities)


def lines_of(step: Step) -> list[str]:
    return compile_step(step, HR).text.decode("ascii").split("\n")


def test_the_settings_of_a_galvanostatic_step_come_in_the_makers_order() -> None:
    lines = lines_of(CHARGE)
    start = lines.index("set_pgstat_chan 0")
    assert lines[start : lines.index("timer_get t")] == [
        "set_pgstat_chan 0",
        "set_pgstat_mode 6",
        "set_max_bandwidth 58500m",
        "set_range ab 1100m",
        "set_autoranging ab 50m 1100m",
        "set_range db 100u",
        "set_autoranging db 100u 100u",
        "set_i 0",
        "cell_on",
        "timer_start",
        "loop r == 0i",
        "meas_loop_cp v c 100u h 7200 add_meas(0 ba i)",
    ]
    assert lines[-3:] == ["on_finished:", "cell_off", ""]


def test_a_rest_never_closes_the_circuit() -> None:
    lines = lines_of(replace(CHARGE, control=Control.REST, value=0.0, cutoffs=cutoffs(Quantity.TIME)))
    assert "cell_on" not in lines
    assert lines.index("cell_off") < lines.index("meas_loop_ocp v h 1")


def test_the_script_knows_the_safety_window_and_the_cutoff() -> None:
    lines = lines_of(CHARGE)
    for condition in ("if v >= 900m", "if v > 1", "elseif v < -1", "elseif i > 1m", "elseif i < -1m"):
        assert condition in lines


def test_a_charge_at_constant_current_ends_at_a_time_known_beforehand() -> None:
    end_s, cutoff = end_time(CHARGE)
    assert end_s == pytest.approx(3600.0, rel=1e-12)
    assert cutoff == CHARGE.cutoffs[0]
    assert "store_var n 3600 eb" in lines_of(CHARGE)


def test_what_ends_a_step_is_numbered_from_one() -> None:
    ends = compile_step(CHARGE, HR).ends
    assert ends[0] == CHARGE.cutoffs[1]
    assert isinstance(ends[1], str)
    assert ends[2] == CHARGE.cutoffs[0]


@pytest.mark.parametrize(
    "step",
    [
        replace(CHARGE, value=0.0),
        replace(CHARGE, value=math.nan),
        replace(CHARGE, value=2e-3),  # beyond the safety limit
        replace(CHARGE, value=0.3, safety=SafetyLimits(-1, 1, 1.0)),  # beyond the instrument
        replace(CHARGE, control=Control.VOLTAGE, value=1.5),
        replace(CHARGE, control=Control.VOLTAGE, value=7.0, safety=SafetyLimits(-9, 9, 1e-3)),
        replace(CHARGE, control=Control.VOLTAGE, value=math.nan),
        replace(CHARGE, sampling=Sampling(0.0)),
        replace(CHARGE, sampling=Sampling(1e-3)),
        replace(CHARGE, cutoffs=(Cutoff(Quantity.VOLTAGE, Side.ABOVE, 8.0),)),
        replace(CHARGE, cutoffs=(Cutoff(Quantity.VOLTAGE, Side.ABOVE, math.nan),)),
        replace(CHARGE, cutoffs=(Cutoff(Quantity.TIME, Side.BELOW, 8.0),)),
        replace(CHARGE, cutoffs=(Cutoff(Quantity.TIME, Side.ABOVE, -8.0),)),
        replace(CHARGE, cutoffs=(Cutoff(Quantity.TIME, Side.ABOVE, math.nan),)),
        replace(CHARGE, control=Control.REST, cutoffs=cutoffs(Quantity.CHARGE)),
        replace(CHARGE, control=Control.REST, cutoffs=cutoffs(Quantity.CURRENT)),
        replace(CHARGE, control=Control.VOLTAGE, value=0.5, cutoffs=cutoffs(Quantity.VOLTAGE_RATE)),
    ],
    ids=repr,
)
def test_what_cannot_be_held_is_refused(step: Step) -> None:
    with pytest.raises(CannotHold):
        compile_step(step, HR)


KINDS: dict[Control, list[Quantity]] = {
    Control.REST: [Quantity.TIME, Quantity.VOLTAGE, Quantity.VOLTAGE_RATE],
    Control.CURRENT: list(Quantity),
    Control.VOLTAGE: [q for q in Quantity if q is not Quantity.VOLTAGE_RATE],
    Control.POWER: list(Quantity),
    Control.RESISTANCE: list(Quantity),
    Control.PROFILE: list(Quantity),
    Control.SCAN: [q for q in Quantity if q not in (Quantity.VOLTAGE_RATE, Quantity.VOLTAGE)],
}
PROFILES = [
    Profile((1.0, 2.5, 60.0), (1e-4, -2e-4, 0.0), False, "drive.csv", "0" * 64),
    Profile((10.0, 3600.0), (1e-4, -5e-5), True, "power.csv", "0" * 64),
]
SCANS = [
    Scan(0.5, (-0.5,), 1, 1e-3, 1e-4),
    Scan(0.0, (0.5, -0.5), 1, 1e-2, 1e-3),
    Scan(None, (-0.5, 0.5), 7, 1e-3, 1e-2),
]


@st.composite
def steps(draw: st.DrawFn) -> Step:
    control = draw(st.sampled_from(list(Control)))
    chosen = draw(st.lists(st.sampled_from(KINDS[control]), min_size=1, max_size=4, unique=True))
    one_sided = (Quantity.TIME, Quantity.CHARGE, Quantity.ENERGY)
    conditions = tuple(
        Cutoff(
            quantity,
            Side.ABOVE if quantity in one_sided else draw(st.sampled_from(list(Side))),
            10.0 ** draw(st.floats(-5, -1)),
            draw(st.sampled_from([0.0, 3.0])),
        )
        for quantity in chosen
    )
    sign = draw(st.sampled_from([1.0, -1.0]))
    magnitude = 10.0 ** draw(st.floats(-8, -4))
    values = {
        Control.REST: 0.0,
        Control.CURRENT: sign * magnitude,
        Control.POWER: sign * magnitude,
        Control.RESISTANCE: 1.0 / magnitude,
    }
    value = values.get(control, sign * 0.5)
    change = draw(st.sampled_from([None, 1e-3]))
    sampling = Sampling(10.0 ** draw(st.floats(-1, 3)), change, change)
    if control is Control.PROFILE:
        profile = draw(st.sampled_from(PROFILES))
        return Step(control, 0.0, conditions, SAFETY, sampling, profile=profile)
    if control is Control.SCAN:
        scan = draw(st.sampled_from(SCANS))
        return Step(control, 0.0, conditions, SAFETY, Sampling(scan.interval_s), scan)
    return Step(control, value, conditions, SAFETY, sampling)


@given(steps())
def test_every_script_is_well_formed(step: Step) -> None:
    lines = compile_step(step, HR).text.decode("ascii").split("\n")
    assert lines[0] == "e"
    assert lines[-1] == ""
    assert all(0 < len(line) < 128 for line in lines[:-1])
    assert not re.search(r"\d\.|\de[-+]?\d", "\n".join(lines)), "a decimal point or an exponent"
    depth = {"if": 0, "loop": 0}
    declared = set()
    for line in lines:
        word = line.split(" ")[0]
        if word == "var":
            declared.add(line.split(" ")[1])
        depth["if"] += (word == "if") - (word == "endif")
        depth["loop"] += (word == "loop" or word.startswith("meas_loop")) - (word == "endloop")
        assert min(depth.values()) >= 0
        if word in ("copy_var", "add_var", "sub_var", "mul_var", "div_var", "store_var", "pck_add"):
            assert line.split(" ")[1] in declared
    assert depth == {"if": 0, "loop": 0}


def test_a_galvanostatic_sweep_is_written_with_the_rms_amplitude() -> None:
    text = compile_sweep(GEIS, HR).decode("ascii")
    assert "meas_loop_geis f r x 7071068p 100k 100m 61i 0\n" in text
    assert "set_pgstat_mode 6\n" in text


def test_a_potentiostatic_sweep_without_a_bias_measures_the_open_circuit_first() -> None:
    lines = compile_sweep(PEIS, HR).decode("ascii").split("\n")
    assert lines.index("meas_loop_ocp b 100m 500m") < lines.index("if b <= 990m") < lines.index("cell_on")
    assert "meas_loop_eis f r x 7071068n 100k 100m 61i b" in lines


@pytest.mark.parametrize(
    "spec",
    [
        replace(GEIS, high_Hz=1e6),
        replace(GEIS, low_Hz=0.0),
        replace(GEIS, low_Hz=-1.0),
        replace(GEIS, low_Hz=2e5),
        replace(GEIS, high_Hz=math.nan),
        replace(GEIS, points_per_decade=0),
        replace(GEIS, amplitude=0.0),
        replace(GEIS, amplitude=0.3),
        replace(GEIS, amplitude=math.nan),
        replace(GEIS, bias=0.995e-3),
        replace(PEIS, amplitude=1.3),
        replace(PEIS, bias=0.995),
        replace(PEIS, bias=math.nan),
    ],
    ids=repr,
)
def test_a_sweep_that_cannot_be_held_is_refused(spec: ImpedanceSpec) -> None:
    with pytest.raises(CannotHold):
        compile_sweep(spec, HR)
