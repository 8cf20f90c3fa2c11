"""Compiles impedance sweeps to MethodSCRIPT, and the two short scripts that open the circuit and prove it.

Source: MethodSCRIPT manual v1.8, chapter 14; command order as in PalmSens' own MSLoopExample012-EIS, 013-GEIS and
011-OCP. Amplitudes in a script are RMS (MSExample030: "Sine wave RMS"); ours are zero-to-peak. Assumed: the same
holds for the current amplitude of ``meas_loop_geis``.
"""

import math

from labctl.instrument.channel import Traits
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl_drivers.methodscript import literal, whole
from labctl_drivers.palmsens_limits import check_sweep

#: Opens the cell switch, whatever state the potentiostat is in; then a mode in which the next script can measure.
OPEN_CIRCUIT = b"e\nset_pgstat_chan 0\ncell_off\nset_pgstat_mode 3\n"

#: Measures the open-circuit potential once. The instrument refuses (error 0014) while the cell is on.
PROVE_OPEN = b"""e
var v
set_pgstat_chan 0
meas_loop_ocp v 50m 50m
pck_start
pck_add v
pck_end
endloop
"""


def compile_sweep(spec: ImpedanceSpec, traits: Traits) -> bytes:
    """Write the script of a sweep, with its ``e`` and without the empty line that ends it.

    Each point's package holds frequency, Z', Z'' and the time since the start. Where no bias is given, one package
    with the open-circuit potential comes first, and if that lies outside the safety window the circuit is not closed.

    Raises:
        CannotHold: frequency, amplitude or bias out of what the instrument or the safety window allow.
    """
    check_sweep(spec, traits)
    count = spec.point_count()
    grid = f"{literal(spec.high_Hz)} {literal(spec.low_Hz)} {whole(count)}"
    amplitude = literal(spec.amplitude / math.sqrt(2.0))
    body = _galvanostatic if spec.mode is ImpedanceMode.GALVANOSTATIC else _potentiostatic
    lines = [*(f"var {name}" for name in "frxtb"), *body(spec, traits, amplitude, grid)]
    return "\n".join(["e", *lines, "on_finished:", "cell_off", ""]).encode("ascii")


def _voltage_range(spec: ImpedanceSpec, traits: Traits) -> list[str]:
    window_V = 1.1 * max(abs(spec.safety.voltage_min_V), abs(spec.safety.voltage_max_V))
    highest_V = round(min(window_V, traits.voltage_max_V), 6)
    return [
        f"set_range ab {literal(highest_V)}",
        f"set_autoranging ab {literal(highest_V / 10)} {literal(highest_V)}",
    ]


def _galvanostatic(spec: ImpedanceSpec, traits: Traits, amplitude: str, grid: str) -> list[str]:
    bias_A = spec.bias or 0.0
    peak = literal(round(abs(bias_A) + spec.amplitude, 12))
    return [
        "set_pgstat_chan 0",
        "set_pgstat_mode 6",
        f"set_max_bandwidth {literal(spec.high_Hz)}",
        *_voltage_range(spec, traits),
        f"set_range db {peak}",
        f"set_autoranging db {peak} {peak}",
        "set_i 0",
        "cell_on",
        "timer_start",
        *_points(f"meas_loop_geis f r x {amplitude} {grid} {literal(bias_A)}"),
    ]


def _potentiostatic(spec: ImpedanceSpec, traits: Traits, amplitude: str, grid: str) -> list[str]:
    highest_A = min(spec.safety.current_max_A, traits.current_max_A)
    sweep = [
        f"set_max_bandwidth {literal(spec.high_Hz)}",
        "set_range_minmax da b b",
        f"set_range ba {literal(highest_A)}",
        f"set_autoranging ba {literal(highest_A / 1e4)} {literal(highest_A)}",
        "set_e b",
        "cell_on",
        *_points(f"meas_loop_eis f r x {amplitude} {grid} b"),
    ]
    start = ["set_pgstat_chan 0", "set_pgstat_mode 3", *_voltage_range(spec, traits), "timer_start"]
    if spec.bias is not None:
        return [f"store_var b {literal(spec.bias)} ab", *start, *sweep]
    highest = literal(spec.safety.voltage_max_V - spec.amplitude)
    lowest = literal(spec.safety.voltage_min_V + spec.amplitude)
    return [
        *start,
        "cell_off",
        *("meas_loop_ocp b 100m 500m", "endloop", "pck_start", "pck_add b", "pck_end"),
        *(f"if b <= {highest}", f"if b >= {lowest}"),
        *sweep,
        *("endif", "endif"),
    ]


def _points(loop: str) -> list[str]:
    packages = ["pck_start", "pck_add f", "pck_add r", "pck_add x", "pck_add t", "pck_end"]
    return [loop, "timer_get t", *packages, "endloop"]
