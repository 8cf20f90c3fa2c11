"""Solartron 1287 electrochemical interface: galvanostatic and potentiostatic steps, host-paced.

Verified on hardware: no; on a simulated 1287, and no client of others accepted that. Manual: SI 1287 User Guide, Issue
CSB (pages below), of which only some pages were at hand. Line: GPIB (address 6 in others' programs) or RS423; two
letters and a number, a line ends with LF, an answer with CR LF.

Quirks:

1. No query of a setting is known, only ``?ER``, the last error: it is asked after each command and has to be 00. So a
   setting is accepted, not read back; what decides is seen in the readings, which are held against the set point.
2. A positive current leaves CE and enters WE (p. 39), the reverse of labctl's if WE is at the working electrode. The
   voltage is RE1 against RE2; Assumed: with RE1 at CE's electrode, so that its sign is the reverse as well. With CE and
   RE1 at the working electrode (``working_at: CE``) both signs are labctl's. ``labctl conformance`` with a resistor
   tells whether the assumption holds.
3. Off is standby: in half standby (``BY1``, p. 91) RE1, RE2 and I are measured still, so a rest is at open circuit, and
   that the circuit is open is confirmed by a current of zero.
4. A result comes by itself when the voltmeter has run (``TR0``, ``RU1``); the long form ends with the time of day
   (p. 88). That is the fence: the clock is set to a nonce, and the next result has to carry it.
5. Ranges are 200 mV across 10^(n-2) ohm (``RRn``, p. 39); another program numbers them otherwise. With ``OL1`` the
   current is limited to the range. Nothing limits the voltage of a galvanostat: the computer watches it.
6. One digit in an exponent, as others write them: a second one was not understood.
7. No watchdog is known: polarisation stays on if the computer dies.
"""

from typing import NamedTuple

from labctl.clock import Clock
from labctl.errors import (
    InstrumentRefused,
    InvalidReading,
    UserError,
    WrongInstrument,
)
from labctl.instrument.channel import Driver, Identity, Traits
from labctl.instrument.step import Control, Step
from labctl.link import Deadline, Link
from labctl_drivers.smu_channel import SmuChannel
from labctl_drivers.smu_rest import OpenRest
from labctl_drivers.smu_setting import Readable
from labctl_drivers.smu_setup import Ranges, Setup
from labctl_drivers.smu_step import Execution
from labctl_drivers.smu_talk import Reading
from labctl_drivers.smu_watched import Watched

_AMPERES = (2e-7, 2e-6, 2e-5, 2e-4, 2e-3, 2e-2, 0.2, 2.0)
_MODEL = "1287"
_REST_A = 2e-4
MODELS = {_MODEL: Ranges(_AMPERES, (14.5,), rest_A=_REST_A, over=1.0)}

_NO_CURRENT = 1e-3  # of the range: what is read at open circuit
_AT_LIMIT = 0.98
_DAY_s = 86_400.0
_NONCE_HOLDS_S = 60.0
_RESULT = Deadline("a result of the voltmeter", takes_s=1.0, slack_s=2.0)

TRAITS = Traits(
    model=_MODEL,
    voltage_max_V=14.5,
    current_max_A=2.0,
    shortest_interval_s=0.1,  # Assumed: two parameters of 4 1/2 digits at 60 Hz, and what GPIB takes
    autonomous=False,
    off_mode="standby (counter electrode disconnected; RE1 and RE2 stay)",
    holds=(
        "current at constant voltage: limited to full scale of the range, 2 and a power of ten, above the limit",
    ),
    host_silence=None,
    second_session=False,
    impedance=None,
)


def number(value: float) -> str:
    """``+1.1310E-4``: five digits, one in the exponent."""
    mantissa, _, exponent = f"{value + 0.0:+.4E}".partition("E")
    return f"{mantissa}E{int(exponent):+d}"


class Accepted(NamedTuple):
    """A command that cannot be read back: no error after it is all that is known."""

    code: str

    @property
    def header(self) -> str:
        """What it is called on the wire."""
        return self.code

    @property
    def reads(self) -> str:
        """It reads back as nothing: the command itself, for messages."""
        return self.code

    def set(self) -> bytes:
        """The command."""
        return self.code.encode("ascii")

    def ask(self) -> bytes:
        """The last error."""
        return b"?ER"

    def matches(self, reply: str) -> bool:
        """Whether there is none."""
        return reply == "00"


_MEASURING = tuple(Accepted(code) for code in ("BY1", "PX3", "PY5", "GP1", "DG2", "RG0", "TR0"))


class Solartron1287(SmuChannel):
    """One 1287, with one cell at it, as a channel.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: the model to expect; there is one.
        working_at: the terminal at the working electrode: ``WE`` with RE2, or ``CE`` with RE1.
    """

    maker = "Solartron"
    models = MODELS
    own_model = _MODEL
    own_traits = TRAITS
    quieten = (b"SW0", b"RU0")
    off = (b"PW0",)
    opened = ()
    on = b"PW1"
    output_on = Accepted("PW1")
    goes_off_by_itself = "perhaps cut out"
    clear_errors = b"CE"
    error_query = b"?ER"
    challenge = b""

    def __init__(self, link: Link, clock: Clock, model: str | None = None, working_at: str = "WE") -> None:
        if working_at not in ("WE", "CE"):
            raise UserError(f"working_at is {working_at!r}: WE or CE is at the working electrode")
        super().__init__(link, clock, model)
        self.traits = self.own_traits
        self._sign = -1.0 if working_at == "WE" else 1.0
        self._full_A = _REST_A
        self._time_of_day_s = 0.0
        self._stamp_s = 0.0

    # ---- who it is ----

    def traits_of(self, model: str) -> Traits:
        """The traits of a model."""
        return self.own_traits

    def parse_identity(self, reply: str) -> Identity | None:
        """It tells no more of itself than an error number of two digits."""
        if len(reply) != 2 or not reply.isdigit():
            return None
        return Identity("Solartron", self.own_model, "not told", "not told")

    async def identify(self) -> Identity:
        """Ask for the last error: nothing that tells who it is, is known.

        Raises:
            WrongInstrument: what answers is no two-digit number.
        """
        reply = await self.ask(b"?ER")
        identity = self.parse_identity(reply)
        if identity is None:
            raise WrongInstrument("a 1287 answers with two digits", self.link.name, "?ER", reply)
        return identity

    async def prove(self) -> None:
        """Set its clock to a nonce, and let a result carry it: question and answer belong together.

        Raises:
            LinkNonsense: the result carries another time.
        """
        self._nonce = (self._nonce + 37) % (24 * 59)
        hours, minutes = divmod(self._nonce, 59)
        for setting in (*_MEASURING, Accepted(f"TM{hours},{minutes}")):
            await self._command(setting)
        reply = await self.ask(b"RU1", _RESULT)
        try:
            since_s = _time_of_day_s(reply) - 3600.0 * hours - 60.0 * minutes
        except ValueError as error:
            raise self.nonsense("RU1", reply) from error
        if not 0.0 <= since_s < _NONCE_HOLDS_S:
            raise self.nonsense("RU1", reply)

    # ---- a step ----

    def execution(self, step: Step, setup: Setup, epoch: int, first: float) -> Execution:
        """A rest stays in standby."""
        self._full_A = setup.source_range if setup.source == "CURR" else setup.sense_range
        if step.control is Control.REST:
            return OpenRest(self, setup, epoch, first)
        return Watched(self, setup, epoch, first, step.safety)

    def settings(self, setup: Setup) -> tuple[Readable, ...]:
        """The mode first; all of it in standby."""
        galvanostat = setup.source == "CURR"
        range_A = setup.source_range if galvanostat else setup.sense_range
        return (
            Accepted("PO1" if galvanostat else "PO0"),
            Accepted("ON0"),
            *_MEASURING,
            *(
                Accepted(code)
                for code in ("PI1", "VX0", "IX0", "CC0", "BR0", "FI0", "DC1", "AV0", "NU0", "OL1")
            ),
            Accepted(f"RR{len(_AMPERES) - _AMPERES.index(range_A)}"),
        )

    def level(self, setup: Setup, value: float) -> Readable:
        """The set point."""
        return Accepted(("PC" if setup.source == "CURR" else "PV") + number(self._sign * value))

    def reading_queries(self, setup: Setup) -> tuple[bytes, ...]:
        """The voltmeter runs once; its result comes by itself."""
        return (b"RU1",)

    def parse_reading(self, reply: str) -> Reading:
        """``+2.07035E-03,+1.51106E-08,00,00,13,37,05,20``: voltage, current, their errors, time of day."""
        time_s = _time_of_day_s(reply)
        voltage, current, *errors = reply.split(",")[:4]
        if errors != ["00", "00"]:
            raise InvalidReading(f"errors {', '.join(errors)} with a result", self.link.name, "RU1", reply)
        self._stamp_s += (time_s - self._time_of_day_s) % _DAY_s  # midnight, and a clock that was set, go on
        self._time_of_day_s = time_s
        current_A = self._sign * float(current)
        return Reading(
            self._sign * float(voltage), current_A, abs(current_A) >= _AT_LIMIT * self._full_A, self._stamp_s
        )

    def parse_error(self, reply: str) -> tuple[int, str]:
        """``00``, or a number of the manual's list."""
        return int(reply), "see the 1287 manual"

    async def compare(self, settings: object) -> None:
        """Nothing can be read back: no error, and the readings that follow are held against the set point."""
        await self.refuse_errors("what was armed")

    # ---- on and off ----

    async def found_closed(self) -> None:  # type: ignore[override]
        """It cannot be asked."""

    async def output_is_on(self) -> bool:
        """Whether the last command was accepted: whether a current flows is seen in the readings."""
        return await self.ask(b"?ER") == "00"

    async def output_is_off(self) -> bool:
        """Whether, after ``PW0`` was accepted, the current is zero on a range that shows one."""
        try:
            for setting in (Accepted("CE"), Accepted("PW0"), *_MEASURING, Accepted("RR5")):
                await self._command(setting)
        except InstrumentRefused:
            return False
        reply = await self.ask(b"RU1", _RESULT)
        try:
            _, current, *_ = reply.split(",")
            return abs(float(current)) <= _NO_CURRENT * _REST_A
        except ValueError as error:
            raise self.nonsense("RU1", reply) from error

    async def is_open(self) -> bool:
        """Whether the circuit reads as open."""
        return await self.output_is_off()

    async def inspect(self) -> tuple[str, ...]:
        """What can be asked: the last error."""
        return (f"last error {await self.ask(b'?ER')}; nothing else of a 1287 can be asked",)

    async def _command(self, setting: Accepted) -> None:
        await self.link.send(setting.set())
        reply = await self.ask(setting.ask())
        if not setting.matches(reply):
            raise InstrumentRefused("the command was not taken", self.link.name, setting.code, reply)


def _time_of_day_s(reply: str) -> float:
    """The time that a long result ends with.

    Raises:
        ValueError: it is no long result.
    """
    fields = reply.split(",")
    if len(fields) != 8:
        raise ValueError("not a long result")
    hours, minutes, seconds, hundredths = map(int, fields[4:])
    return 3600.0 * hours + 60.0 * minutes + seconds + 0.01 * hundredths


DRIVER = Driver(
    name="solartron-1287",
    summary="Solartron 1287 electrochemical interface (GPIB, RS423); a 1260 beside it measures impedance",
    traits={_MODEL: TRAITS},
    terminator=b"\n",
    open=Solartron1287,
    serial={"baudrate": 9600},
    wire="two-letter codes: GPIB (also by a gateway), RS423",
    answered=(b"RU1",),
    settings={"working_at": "which terminal is at the working electrode: WE (with RE2), or CE (with RE1)"},
)
