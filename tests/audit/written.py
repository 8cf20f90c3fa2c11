"""A database in which everything has happened that a database can hold."""

from pathlib import Path
from typing import Any

from labctl.half_cycle import HalfCycle
from labctl.instrument.channel import Identity
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec, Spectrum
from labctl.instrument.step import SafetyLimits, Sampling
from labctl.protocol.plan import CellDescription, Plan
from labctl.store.records import RunState
from labctl.store.store import Store
from labctl.store.writer import RunWriter

SAFETY = SafetyLimits(-1.0, 1.0, 5e-4)
SPEC = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, 0.0, 1e5, 0.1, 10, SAFETY)


def plan(name: str) -> Plan:
    cell = CellDescription(name, 0.2827, 0.0028, 1.0, "1 M NaClO4", 0.0, "na50k50")
    return Plan("symmetric", "protocol: symmetric\n", "5a" * 32, cell, SAFETY, Sampling(10.0), (), ())


def open_run(store: Store, name: str = "A7", **changes: Any) -> RunWriter:
    identity = Identity("KEITHLEY INSTRUMENTS", "MODEL 2450", "04612345", "1.7.12b")
    options: dict[str, Any] = {
        "identity": identity,
        "driver": "keithley-2450",
        "resource": "TCPIP::127.0.0.1::5025::SOCKET",
        "channel": "1",
        "seed": 7,
        "speed": 60.0,
        "started_unix_s": 1_790_000_000.0,
    }
    return store.open_run(plan(name), **options | changes)


def half_cycle(writer: RunWriter, cycle: int, sign: int, start_s: float) -> None:
    """One step of one direction, with its samples and figures."""
    step = writer.begin_step(cycle=cycle, path="steps[0]", kind="constant_current", start_s=start_s)
    writer.event("circuit_closed", start_s, "plan", "steps[0]", {"value": sign * 1e-4})
    for n in range(1, 6):
        temperature_K = 298.15 + n if cycle == 2 else None
        writer.sample(step, start_s + n, sign * 0.05 * cycle + 0.001 * n, sign * 1e-4, n % 2, temperature_K)
    figures = {"start_s": start_s, "end_s": start_s + 5, "charge_C": 5e-4, "energy_J": 2.5e-5}
    writer.end_step(step, **figures, end_reason="capacity >= 1 mAh")
    figures |= {"overpotential_median_V": 0.05, "overpotential_end_V": 0.06, "overpotential_max_V": 0.07}
    writer.half_cycle(
        HalfCycle(cycle, sign, mean_voltage_V=0.05, end_reason="capacity", complete=True, **figures)
    )


def sweep(writer: RunWriter, cycle: int, start_s: float) -> None:
    step = writer.begin_step(cycle=cycle, path="steps[1]", kind="impedance", start_s=start_s)
    points = tuple(ImpedancePoint(start_s + n, 1e3 / 10**n, 100.0 * n, -10.0 * n, n) for n in range(1, 5))
    writer.end_step(
        step, start_s=start_s, end_s=start_s + 9, end_reason="sweep finished", charge_C=0.0, energy_J=0.0
    )
    writer.spectrum(step, Spectrum(SPEC, cycle, start_s, points), {"lin_kk": 0.01})


def live(writer: RunWriter, cycles: int = 2, state: RunState = RunState.STOPPED) -> None:
    """A whole run."""
    for cycle in range(1, cycles + 1):
        half_cycle(writer, cycle, 1, 100.0 * cycle)
        half_cycle(writer, cycle, -1, 100.0 * cycle + 20.0)
        sweep(writer, cycle, 100.0 * cycle + 50.0)
    writer.event("decision", 100.0 * cycles + 70.0, "overpotential_jump", "doubled", {"threshold": 0.1})
    writer.event("circuit_opened", 100.0 * cycles + 70.0, "stop rule", "the circuit is open, confirmed")
    writer.finish(state, "overpotential_jump: doubled", 100.0 * cycles + 71.0)
    writer.close()


def write(path: Path) -> None:
    """Three runs on two cells."""
    with Store(path) as store:
        for name in ("A7", "A8", "A7"):
            live(open_run(store, name))
