"""Drives an IO Rodeo Rodeostat: a potentiostat that holds voltages and reads open circuit; it has no galvanostat.

Written for firmware 0.1.0 on hardware V0.2; not verified on hardware.
Line: USB-CDC, any baud rate; lines end with a line feed. WRK goes to the working electrode, REF and CTR to the other.

Quirks:
 1. Nothing limits the current: it is read, and a reading at an end of its range ends the step.
 2. A voltage outside the output range is cut off without a word; a change of the range makes the voltage jump. So a
    step is a ``constant`` test, which chooses the range before it connects the electrodes; ``quietValue``, held for no
    time, makes that range wide enough for all that follows.
 3. A test disconnects the electrodes when its duration has passed: that is what opens the circuit if the computer dies.
    So a step needs a time limit. The test ends a moment after it, if nobody has ended it before.
 4. Parameters that are set while a test runs take effect at once: so a scan moves its level.
 5. ``v`` of a sample is what was asked for. Voltages are read at the reference electrode, with ``getRefVolt``.
 6. ``stopTest`` is answered, and followed by ``{}`` although nothing may have run.
 7. With CTR disconnected no current flows, and REF still reads: so a rest is measured.
 8. Hardware V0.1 has no switches and cannot open its circuit: refused.

Source: iorodeo/potentiostat, documentation of the JSON commands and tests, firmware 0.1.0 (2025-08-28).
Assumed: a positive current flows into WRK, as a resistor shows it at a positive voltage.
"""

from collections.abc import Awaitable, Callable

from labctl.clock import Clock
from labctl.errors import LinkNonsense, WrongInstrument
from labctl.instrument.channel import Driver, Identity, ReadBack
from labctl.instrument.step import Control, Step
from labctl.link import Link
from labctl_drivers.iorodeo_rodeostat_models import MODELS, RANGES_uA, check_step
from labctl_drivers.iorodeo_rodeostat_step import Execution, Rest, Setup
from labctl_drivers.iorodeo_rodeostat_talk import Talk, as_line
from labctl_drivers.smu_conversation import regain
from labctl_drivers.smu_setup import refuse_too_fast
from labctl_drivers.smu_steps import Stepped


class Rodeostat(Stepped[Setup]):
    """One Rodeostat with one cell.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: the hardware variant to expect; None takes any known one.

    Attributes:
        talk: with the instrument.
        identity: who it was when it was connected.
        step_began_s: experiment time at which the present step's voltage took effect.
    """

    def __init__(self, link: Link, clock: Clock, model: str | None = None) -> None:
        self.link = link
        self.clock = clock
        self.traits = MODELS[model or next(iter(MODELS))]
        self.talk = Talk(link)
        self.armed: Setup | None = None
        self.stranger = False
        self.identity: Identity | None = None
        self.step_began_s = 0.0
        self._expected = model
        self._found_closed = False

    async def connect(self) -> Identity:
        """Identify it; a test that runs goes on.

        Raises:
            WrongInstrument: a variant that cannot be driven.
            LinkError: nothing sensible answers.
        """
        await self.link.open()
        self.armed = None
        try:
            identity = await self.talk.identify()
        except LinkNonsense:  # a sample of a running test may have been cut in two
            await self.link.resynchronise(0.0, reopen=False)
            identity = await self.talk.identify()
        if identity.model not in MODELS or self._expected not in (None, identity.model):
            switchless = " (hardware V0.1 has no switches: it cannot open its circuit)"
            raise WrongInstrument(
                f"this driver knows {self._expected or ', '.join(MODELS)}"
                + (switchless if identity.model.endswith("V0.1") else ""),
                self.link.name, "getVariant", identity.model,
            )  # fmt: skip
        self.identity, self.traits = identity, MODELS[identity.model]
        self._found_closed = not await self.is_open()
        return identity

    async def found_closed(self) -> bool:
        """Whether ``connect`` found the counter and the working electrode connected."""
        return self._found_closed

    def setup_for(self, step: Step) -> Setup:
        """What to arm for a step."""
        check_step(step, self.traits)
        refuse_too_fast(step, self.traits, self.link.name)
        safety = step.safety
        if step.control is Control.REST:
            widest_V = max(abs(safety.voltage_min_V), abs(safety.voltage_max_V))
            return Setup(False, min(widest_V, self.traits.voltage_max_V), "", 0.0)
        low_V, high_V = (step.value, step.value) if step.scan is None else step.scan.extremes_V
        ranges = RANGES_uA[self.traits.model]
        names = (name for name, most_uA in ranges.items() if safety.current_max_A <= 1e-6 * most_uA)
        return Setup(True, max(low_V, high_V, key=abs), next(names), step.time_limit_s() or 0.0)

    def execution(self, step: Step, setup: Setup, epoch: int, first: float) -> Execution | Rest:
        """How a step is executed that begins with a voltage."""
        return Execution(self, setup, epoch, first) if setup.held else Rest(self, setup, epoch, first)

    async def regain(self, proof: Callable[[], Awaitable[None]]) -> None:
        """Reopen the line until ``proof`` succeeds on it; samples may be coming all the time."""
        await regain(self.link, self.clock, proof, quiet_s=0.0)

    async def prove(self) -> None:
        """Show that question and answer belong together, and that it is the instrument it was.

        Raises:
            WrongInstrument: another one answers.
        """
        identity = await self.talk.identify()
        self.stranger = self.identity is not None and identity != self.identity
        if self.stranger:
            self.link.poison()  # what it answers says nothing about our circuit
            raise WrongInstrument(f"{identity} answers where {self.identity} was", self.link.name)

    async def switch_off(self) -> None:
        """Disconnect the counter electrode, stop, disconnect the others; even on a line that is not in order."""
        off = {"connected": False}
        commands: tuple[tuple[str, dict[str, bool]], ...] = (
            ("setCtrElectConnected", off),
            ("stopTest", {}),
            ("setAllElectConnected", off),
        )
        for command, arguments in commands:
            if self.link.poisoned:
                await self.link.send_anyway(as_line(command, **arguments))
            else:
                await self.talk.tell(command, **arguments)

    async def is_open(self) -> bool:
        """Whether the counter or the working electrode reads back as disconnected."""
        for command in ("getCtrElectConnected", "getWrkElectConnected"):
            if not await self.talk.ask(command, "connected", bool):
                return True
        return False

    async def inspect(self) -> tuple[str, ...]:
        """What it is set to, as read back."""
        ask = self.talk.ask
        return (
            f"electrodes {'disconnected' if await self.is_open() else 'connected'}",
            f"current range {await ask('getCurrRange', 'currRange', str)}, nothing limits the current",
            f"output range {await ask('getVoltRange', 'voltRange', str)}, "
            f"set to {await ask('getVolt', 'v', float):g} V",
        )


async def _read_back(link: Link) -> tuple[ReadBack, ...]:
    """Ask who it is and what is connected; changes nothing."""
    talk = Talk(link)
    identity = await talk.identify()
    if not await talk.ask("getCtrElectConnected", "connected", bool):
        return ReadBack("identity", str(identity)), ReadBack("electrodes", "counter electrode disconnected")
    found = ReadBack(
        "electrodes", "CONNECTED", "find out who connected them, and look at the cell", harmful=True
    )
    return ReadBack("identity", str(identity)), found


DRIVER = Driver(
    name="iorodeo-rodeostat",
    summary="IO Rodeo Rodeostat (JSON over USB): holds and scans voltages, reads open circuit; no galvanostat",
    traits=MODELS,
    terminator=b"\n",
    open=Rodeostat,
    serial={"baudrate": 115200},
    read_back=_read_back,
    wire="JSON lines: USB-CDC",
    usb=("16c0:0483", "239a:802b", "Rodeostat"),
    check_step=check_step,
)
