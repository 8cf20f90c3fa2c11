"""Taking a spectrum: the plan's own, or the one that a rule asked for."""

import math
from contextlib import aclosing

from labctl.engine import circuit
from labctl.engine.workplace import Workplace
from labctl.errors import SpectrumLost
from labctl.instrument.impedance import ImpedancePoint, Spectrum
from labctl.protocol.plan import ImpedanceNode


async def take_spectrum(work: Workplace, node: ImpedanceNode, cycle: int, by: str) -> Spectrum | None:
    """Measure and record a spectrum; ends early when a person asks for something that does not wait.

    Args:
        work: the run's surroundings.
        node: which.
        cycle: cycle of the run.
        by: who wants it.

    Returns:
        What was measured; None if it holds no valid point, a shared analyser could not, or a pause came and it is to
        be taken again.
    """
    spec, start_s = node.spec, work.clock.now()
    number = work.record.begin_step(cycle=cycle, path=node.path, kind="impedance", start_s=start_s)
    work.note(*circuit.of_sweep(node.path, spec), by)
    points: list[ImpedancePoint] = []
    reason, whole, lost = "interrupted", False, ""
    try:
        async with aclosing(work.channel.sweep(spec)) as sweep:
            async for point in sweep:
                if not (math.isfinite(point.real_ohm) and math.isfinite(point.imaginary_ohm)):
                    continue
                points.append(point)
                if work.control.at_once:
                    break
        whole = len(points) == spec.point_count()
        reason = "sweep finished" if whole else f"{len(points)} of {spec.point_count()} points"
    except SpectrumLost as error:  # the analyser's, not the cell's
        reason, lost = f"lost after {len(points)} of {spec.point_count()} points", str(error)
    finally:
        work.record.end_step(
            number,
            start_s=start_s,
            end_s=work.clock.now(),
            end_reason=reason,
            charge_C=0.0,
            energy_J=0.0,
        )
    if work.control.pause_wanted and not whole:
        work.note("no_spectrum", f"{node.path}: interrupted after {reason}, it will be taken again")
        return None
    if lost:
        work.note("no_spectrum", f"{node.path}: {lost}")
        work.tell("spectrum", f"cycle {cycle}: no spectrum: {lost}")
        return None
    if not points:
        work.note("no_spectrum", f"{node.path}: the sweep gave no valid point")
        return None
    spectrum = Spectrum(spec, cycle, start_s, tuple(points), work.temperature_K())
    work.record.spectrum(number, spectrum, None)
    work.tell(
        "spectrum", f"cycle {cycle}: |Z| {spectrum.total_ohm():.4g} ohm at {points[-1].frequency_Hz:g} Hz"
    )
    return spectrum
