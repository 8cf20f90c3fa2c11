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

from labctl.clock import Clock
from labctl.errors import CellStateUnknown, InstrumentError, LinkError, WrongInstrument
from labctl.instrument.channel import Driver, Identity, Traits
from labctl.instrument.step import Step
from labctl.link import Link
from labctl_drivers.keithley_2450_codec import MODELS, Setup, parse_error, parse_identity, setup_for
from labctl_drivers.keithley_2450_read_back import read_back
from labctl_drivers.keithley_2450_step import Execution
from labctl_drivers.smu_conversation import Conversation
from labctl_drivers.smu_steps import Stepped

_LEAST_LIMIT = 2e-3  # of the measure range; a limit must be more than a thousandth of it; 2461 p. 6-94


class Keithley2450(Conversation[Setup], Stepped[Setup]):
    """One SourceMeter, with one cell at it, as a channel.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: the model to expect; None takes any known one.
    """

    maker = "Keithley"
    models = MODELS
    error_query = b":SYST:ERR?"
    challenge = b"*ESE N;*ESE?"

    def __init__(self, link: Link, clock: Clock, model: str | None = None) -> None:
        super().__init__(link, clock, expected=model)
        self.traits: Traits = DRIVER.traits[model or "2450"]

    def parse_identity(self, reply: str) -> Identity | None:
        """``KEITHLEY INSTRUMENTS,MODEL 2450,04412345,1.7.12b``."""
        return parse_identity(reply)

    def parse_error(self, reply: str) -> tuple[int, str]:
        """``0,"No error;0,0,0"``; 2461 p. 6-147."""
        return parse_error(reply)

    def is_echo(self, reply: str, number: int) -> bool:
        """To the letter: it gives the number back without sign, point or exponent."""
        return reply == str(number)

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

    def setup_for(self, step: Step) -> Setup:
        """What to arm for a step."""
        return setup_for(step, MODELS[self.traits.model], self.link.name)

    def execution(self, step: Step, setup: Setup, epoch: int, first: float) -> Execution:
        """How a step is executed that begins with a set point."""
        return Execution(self, setup, epoch, first)

    async def trip(self) -> None:
        """When OFF is not obeyed: no current, or as little as the limit allows; then OFF once more.

        Raises:
            CellStateUnknown: the output does not read back as open all the same.
        """
        self.link.fence.advance()
        try:
            await self.link.send_anyway(b":ABOR")
            if await self.ask(b":SOUR:FUNC?") == "CURR":
                await self.link.send_anyway(b":SOUR:CURR 0")
            else:
                least_A = _LEAST_LIMIT * float(await self.ask(b":SENS:CURR:RANG?"))
                await self.link.send_anyway(b":SOUR:VOLT:ILIM %.9g" % least_A)
            await self.switch_off()
            open_now, error = await self.is_open(), await self.ask(b":SYST:ERR?")
        except (LinkError, InstrumentError, ValueError) as problem:
            raise CellStateUnknown(
                f"not even its level could be changed: {problem}", self.link.name
            ) from problem
        if not open_now:
            raise CellStateUnknown(
                "its level has been taken to zero, but the output does not read back as off",
                self.link.name,
                "",
                error,
            )

    async def inspect(self) -> tuple[str, ...]:
        """What it is set to, as read back."""
        output = "on" if await self.ask(b":OUTP?") == "1" else "off"
        off_modes = await self.ask(b":OUTP:CURR:SMOD?"), await self.ask(b":OUTP:VOLT:SMOD?")
        if off_modes == ("HIMP", "HIMP"):
            off = "off mode HIMP: off opens the relay"
        else:
            off = f"off mode {'/'.join(off_modes)}: off does not open the relay; labctl sets HIMP first"
        source = await self.ask(b":SOUR:FUNC?")
        limit = b":SOUR:CURR:VLIM?" if source == "CURR" else b":SOUR:VOLT:ILIM?"
        held = f"source limit {float(await self.ask(limit)):g} {'V' if source == 'CURR' else 'A'}"
        protection = (await self.ask(b":SOUR:VOLT:PROT?")).replace("PROT", "")
        unit = "" if protection == "NONE" else " V"
        return f"output {output}", off, f"{held}, over-voltage protection {protection.lower()}{unit}"

    async def switch_off(self) -> None:
        """Open the relay, even on a line that is not in order."""
        await self.link.send_anyway(b":OUTP:SMOD HIMP")
        await self.link.send_anyway(b":OUTP OFF")

    async def is_open(self) -> bool:
        """Whether the relay reads back as open."""
        return (
            await self.ask(b":OUTP?") == "0"
            and await self.ask(b":OUTP:CURR:SMOD?") == "HIMP"
            and await self.ask(b":OUTP:VOLT:SMOD?") == "HIMP"
        )


def _open(
    link: Link, clock: Clock, model: str | None = None, watchdog_s: float | None = None
) -> Keithley2450:
    if watchdog_s is None:
        return Keithley2450(link, clock, model)
    from labctl_drivers.keithley_2450_watchdog import Keithley2450Watchdog

    return Keithley2450Watchdog(link, clock, model, watchdog_s)


def _with_watchdog(traits: Traits, watchdog_s: float) -> Traits:
    from labctl_drivers.keithley_2450_watchdog import with_watchdog

    return with_watchdog(traits, watchdog_s)


DRIVER = Driver(
    name="keithley-2450",
    summary="Keithley 2450, 2460, 2461, 2470 SourceMeters (SCPI over LAN, USB or GPIB); no impedance",
    traits={name: model.traits(name) for name, model in MODELS.items()},
    terminator=b"\n",
    open=_open,
    watchdog=_with_watchdog,
    read_back=read_back,
    wire="SCPI: LAN socket, VXI-11, USB, GPIB",
)
