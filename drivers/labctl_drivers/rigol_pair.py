"""A Rigol DP832 supply and a DL3021 load at one cell, as a poor laboratory's cycler: amperes, one polarity, host-paced.

Verified on hardware: no; on a simulated pair. Manuals: DP800 Programming Guide PGH03109-1110, DL3000 Programming Guide.
Line: LAN socket 5555 of each, USB or GPIB; the supply is the channel's ``resource``, the load its setting ``load``.
Wiring: channel 1 of the supply through an ideal diode to the cell, the load's input and sense leads at the cell.

Quirks:

1. Neither has a relay. What a DP832 lets through backwards while its output is off is not stated, so that a cell must
   not be connected to it without a diode; the load's input leaks below its resolution.
2. The supply cannot take current, the load cannot give any: the one that is to act is switched on after the other one
   was read back as off, and a current cannot turn within a step.
3. The load measures the cell's voltage whether its input is on or off: a rest is both off, and read there.
4. The supply's overvoltage and overcurrent protections switch its output off; ``:SOUR:VOLT:PROT:CLE`` would switch it
   on again, so only ``:OUTP:OVP:CLEAR`` is sent.
5. Below its starting voltage the load takes nothing, and goes on as soon as the voltage is above it: armed just below
   the safety window (p. 2-24).
6. The load's current comes 0.7 s after its input was switched on. Once it has left the mode FIXed it may not come back
   to it before it is switched off and on at the mains: then the setting is not taken, which is told.
"""

from contextlib import suppress

from labctl.clock import Clock, LoopClock
from labctl.errors import CellStateUnknown, LinkError, LinkLost
from labctl.instrument.channel import Driver, Identity, ReadBack, Traits
from labctl.instrument.step import Step
from labctl.link import Link
from labctl.link.port import HasSecond
from labctl_drivers.rigol_dl3021 import Dl3021
from labctl_drivers.rigol_dp832 import Dp832
from labctl_drivers.rigol_pair_setup import JOINED, MODELS, MOST_A, MOST_V, Setup, check_step, setup_for
from labctl_drivers.rigol_pair_step import Execution
from labctl_drivers.smu_steps import Stepped, why_not_open


def _traits(model: str) -> Traits:
    return Traits(
        model=model,
        voltage_max_V=MOST_V,
        current_max_A=MOST_A,
        shortest_interval_s=1.0,  # Assumed: 0.2 s for a reading of the load, less for one of the supply, and the LAN
        autonomous=False,
        off_mode="no relay: supply off behind a diode of yours, load's input off",
        holds=(
            "charging: the supply's voltage limit 5 %, at least 50 mV, beyond the safety window, and its overvoltage "
            "and overcurrent protections",
            "discharging: the load takes nothing 2 %, at least 20 mV, below the safety window",
        ),
        host_silence=None,
        second_session=False,
        impedance=None,
    )


class RigolPair(Stepped[Setup]):
    """A supply that charges and a load that discharges, with one cell at them.

    Args:
        link: to the supply.
        clock: the time both live in.
        model: those to expect, ``DP832+DL3021``; None takes any that are known.
        load: the load's resource; empty: the port that follows the supply's, as the simulated pair has it.
    """

    def __init__(self, link: Link, clock: Clock, model: str | None = None, load: str = "") -> None:
        self.link = link
        self.clock = clock
        self.traits = DRIVER.traits[model or next(iter(MODELS))]
        self.armed: Setup | None = None
        self.stranger = False
        self.step_began_s = 0.0
        supply_model, load_model = model.split(JOINED) if model else (None, None)
        self.supply = Dp832(link, clock, supply_model)
        self._load: Dl3021 | None = None
        self._load_model, self._load_resource = load_model, load

    @property
    def load(self) -> Dl3021:
        """The load.

        Raises:
            LinkLost: nobody has said where it is.
        """
        if self._load is None:
            port = self.link.port
            if not isinstance(port, HasSecond):
                raise LinkLost("a second instrument cannot be reached this way", self.link.name)
            link = Link(port.beside(self._load_resource), self.clock, DRIVER.terminator, self.link.fence)
            self._load = Dl3021(link, self.clock, self._load_model)
        return self._load

    async def connect(self) -> Identity:
        """Identify both; whatever they do at this moment they go on doing.

        Raises:
            WrongInstrument: another model, or the two are mixed up.
            LinkError: nothing sensible answers.
        """
        self.armed = None
        found = []
        for instrument in (self.supply, self.load):
            try:
                await instrument.link.open()
            except LinkLost as error:
                if instrument is self.supply or self._load_resource:
                    raise
                raise LinkLost(
                    f"no load here ({error.words}): name it in the station file, `load: ...`",
                    error.instrument,
                ) from error
            instrument.identity = await instrument.identify()
            found.append(instrument.identity)
        both = Identity(
            found[0].manufacturer,
            JOINED.join(each.model for each in found),
            JOINED.join(each.serial for each in found),
            JOINED.join(each.firmware for each in found),
        )
        self.traits = DRIVER.traits[both.model]
        return both

    async def found_closed(self) -> bool:
        """Whether either is on."""
        return not (await self.supply.is_off() and await self.load.is_off())

    def setup_for(self, step: Step) -> Setup:
        """What to arm for a step."""
        return setup_for(step, MODELS[self.traits.model], self.link.name)

    def execution(self, step: Step, setup: Setup, epoch: int, first: float) -> Execution:
        """How a step is executed that begins with a set point."""
        return Execution(self, setup, epoch, first)

    async def inspect(self) -> tuple[str, ...]:
        """What both are set to, as read back."""
        found = []
        for instrument in (self.supply, self.load):
            state = "off" if await instrument.is_off() else "on"
            found.append(f"the {instrument.what} is {state}")
        return tuple(found)

    async def prove(self) -> None:
        """Show of both that question and answer belong together, and that they are those that they were."""
        for instrument in (self.supply, self.load):
            await instrument.prove()

    async def switch_off(self) -> None:
        """Both, even on lines that are not in order."""
        for instrument in (self.load, self.supply):
            await instrument.switch_off()

    async def is_open(self) -> bool:
        """Whether both read back as off."""
        return await self.supply.is_off() and await self.load.is_off()

    async def make_safe(self) -> None:
        """Both off at once, then each read back; one that does not answer does not keep the other one on.

        Raises:
            CellStateUnknown: three attempts did not show both off.
        """
        self.link.fence.advance()
        self.armed = None
        for name in ("load", "supply"):  # both at once, before either is waited for
            with suppress(LinkError):
                await self._named(name).switch_off()
        problems = []
        for name in ("load", "supply"):
            try:
                problem = await why_not_open(self._named(name))
            except LinkError as error:
                problem = error.words
            problems += [f"{name}: {problem}"] * bool(problem)
        if problems:
            raise CellStateUnknown(
                "; ".join(problems), self.link.name, "", cell="unknown, look at the instruments"
            )

    def _named(self, name: str) -> Dp832 | Dl3021:
        return self.supply if name == "supply" else self.load

    async def close(self) -> None:
        """Give both ports back."""
        if self._load is not None:
            await self._load.link.close()
        await self.link.close()


async def _read_back(link: Link) -> tuple[ReadBack, ...]:
    """Of the supply alone: the load has a port of its own, which is not opened for this."""
    supply = Dp832(link, LoopClock(), None)
    identity = await supply.identify()
    output = ReadBack("supply", "off")
    if not await supply.is_off():
        output = ReadBack("supply", "ON", "find out who switched it on, and look at the cell", harmful=True)
    load = ReadBack("load", "not asked", "labctl safety reads back both")
    return ReadBack("identity", str(identity)), output, load


DRIVER = Driver(
    name="rigol-pair",
    summary="Rigol DP832 supply and DL3021 load at one cell: amperes in one polarity, no impedance",
    traits={model: _traits(model) for model in MODELS},
    terminator=b"\n",
    open=RigolPair,
    wire="SCPI: LAN socket 5555 of each, USB",
    read_back=_read_back,
    check_step=check_step,
    settings={"load": "resource of the load; `resource` is the supply's"},
    ports=("load",),
)
