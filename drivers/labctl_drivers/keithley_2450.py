"""Keithley 2450, 2460, 2461 and 2470 SourceMeters in SCPI mode: galvanostatic and potentiostatic steps, host-paced.

Verified on hardware: no; on a simulated 2450. Believed the same: 2460, 2461, 2470, which differ in ranges and
protection levels. Manuals: 2450 Reference Manual 2450-901-01 Rev. B; 2461-901-01 Rev. A; 2470-901-01 Rev. A.
Line: TCPIP raw socket port 5025, USB or GPIB; a message ends with LF. Positive current leaves HI: with HI at the
working electrode, the instrument's sign is labctl's.

Quirks:

1. The output-off state is a 0 V source by default, which discharges a cell (2450 p. 2-82). HIMP opens the relay: set
   and read back for both functions before the first ON, and again by ``make_safe``.
2. With the relay open there is no measurement, and output-off forces two wires (2450 p. 2-83). A rest is therefore a
   source of 0 A on the 1 uA range, off by less than 1 nA, as in Keithley's open-circuit-potential script for the
   2450-EC. ``make_safe`` is what opens the relay.
3. An invalid command makes the rest of its message be ignored (2461 p. 5-1): each command is a message of its own.
4. One quantity is measured, the other is the source's. With read-back on that one is measured as well, and in
   compliance only read-back tells the true current (2461 p. 6-99).
5. Four-wire sense is a setting of each measure function; on the 2470, changing it switches the output off (2470
   p. 445). So function, ranges and wires are changed with the output off, and only the level while it is on.
6. The source limits count for both signs, so they do not guard a window that is not symmetric about 0 V: the lower
   voltage of a full cell is the host's to guard.
"""

from collections.abc import AsyncGenerator
from contextlib import suppress

from labctl.clock import Clock
from labctl.errors import CannotHold, CellStateUnknown, InstrumentError, LinkError, WrongInstrument
from labctl.instrument.channel import Driver, Identity, Sample, Traits
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.pacing import pace
from labctl.instrument.step import Step
from labctl.link import Link
from labctl_drivers.keithley_2450_codec import MODELS, setup_for
from labctl_drivers.keithley_2450_step import Execution
from labctl_drivers.keithley_2450_talk import SourceMeter

_ATTEMPTS = 3


class Keithley2450(SourceMeter):
    """One SourceMeter, with one cell at it, as a channel.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: the model to expect; None takes any known one.
    """

    def __init__(self, link: Link, clock: Clock, model: str | None = None) -> None:
        super().__init__(link, clock, expected=model)
        self.traits: Traits = DRIVER.traits[model or "2450"]

    async def connect(self) -> Identity:
        """Identify the instrument; whatever it does at this moment it goes on doing.

        Raises:
            WrongInstrument: another model, or not in SCPI mode.
            LinkError: nothing sensible answers.
        """
        await self.link.open()
        self.armed = None
        identity = await self.identify()
        if (language := await self.ask(b"*LANG?")) != "SCPI":
            raise WrongInstrument(
                "it is not in SCPI mode: choose SCPI in its settings menu and restart it",
                self.link.name,
                "*LANG?",
                language,
            )
        self.identity = identity
        self.traits = DRIVER.traits[identity.model]
        return identity

    async def found_closed(self) -> bool:
        """Whether the output is on."""
        return await self.ask(b":OUTP?") != "0"

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; what it sends belongs to the epoch of this call.

        Raises:
            CannotHold: at once, before a byte has left.
        """
        setup = setup_for(step, MODELS[self.traits.model], self.link.name)
        return pace(step, Execution(self, setup, self.link.fence.epoch), self.clock, self.traits)

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Refuse: it cannot measure impedance.

        Raises:
            CannotHold: always.
        """
        raise CannotHold("it cannot measure impedance", self.link.name)

    async def make_safe(self) -> None:
        """Open the output relay and read back that it is open; needs no healthy link to try.

        Raises:
            CellStateUnknown: three attempts did not show it open.
        """
        self.link.fence.advance()
        self.armed = None
        problem = ""
        for attempt in range(_ATTEMPTS):
            try:
                if attempt or self.link.poisoned:
                    if not self.stranger:
                        with suppress(LinkError):
                            await self._switch_off()  # at once, before the line is in order again
                    await self.link.resynchronise()
                    await self.prove()
                await self._switch_off()
                if await self._is_open():
                    return
                problem = "the output does not read back as off with the relay open"
            except (LinkError, InstrumentError) as error:
                problem = str(error)
        raise CellStateUnknown(problem, self.link.name, ":OUTP OFF", cell="unknown, look at the instrument")

    async def close(self) -> None:
        """Give the port back."""
        await self.link.close()

    async def _switch_off(self) -> None:
        await self.link.send_anyway(b":OUTP:SMOD HIMP")
        await self.link.send_anyway(b":OUTP OFF")

    async def _is_open(self) -> bool:
        return (
            await self.ask(b":OUTP?") == "0"
            and await self.ask(b":OUTP:CURR:SMOD?") == "HIMP"
            and await self.ask(b":OUTP:VOLT:SMOD?") == "HIMP"
        )


DRIVER = Driver(
    name="keithley-2450",
    summary="Keithley 2450, 2460, 2461, 2470 SourceMeters (SCPI over LAN, USB or GPIB); no impedance",
    traits={name: model.traits(name) for name, model in MODELS.items()},
    terminator=b"\n",
    open=Keithley2450,
)
