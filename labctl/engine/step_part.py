"""Having the instrument do a step, or what remains of it."""

from contextlib import aclosing

from labctl.engine import circuit
from labctl.engine.gates import Gates
from labctl.engine.present_step import PresentStep
from labctl.engine.workplace import Workplace


async def take_part(work: Workplace, present: PresentStep, cycle: int) -> bool:
    """Execute the present part of a step and record it; whether it was left because of a pause.

    Raises:
        LabctlError: the instrument could not; the part is recorded as far as it went.
    """
    node, part, start_s = present.node, present.part, work.clock.now()
    number = work.record.begin_step(cycle=cycle, path=node.path, kind=node.kind, start_s=start_s)
    work.note(*circuit.of_step(node.path, part), circuit.PLAN)
    gates = Gates(part, number, cycle, work, pulse=node.pulse, bands=node.bands)
    present.begin_part(number, start_s, gates)
    try:
        async with aclosing(work.channel.run(part)) as samples:
            async for sample in samples:
                work.sample = sample
                if gates.pass_through(sample):
                    break
    finally:
        present.look()
        passed = gates.passed
        began_s = start_s if gates.began_s is None else gates.began_s
        over = present.cutoff is not None or present.skipped
        work.record.end_step(
            number,
            start_s=began_s,
            end_s=work.clock.now()
            if over
            else began_s + passed.time_s,  # what follows a last sample is a gap
            end_reason="paused by a person" if gates.paused else present.end_reason,
            charge_C=passed.charge_C,
            energy_J=passed.energy_J,
        )
    return gates.paused and not present.is_over
