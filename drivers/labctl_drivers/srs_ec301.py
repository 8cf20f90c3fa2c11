"""SRS EC301 potentiostat/galvanostat with its EC19 electrometer: galvanostatic and potentiostatic steps, host-paced.

Verified on hardware: no; on a simulated EC301. Manual: EC301 Potentiostat/Galvanostat/ZRA (pages below).
Line: Ethernet, TCP port 1680 (as a client of others has it), or GPIB; text, a line ends with LF. WE and WE sense at the
working electrode, CE and RE at the counter electrode, or RE at a reference.

Quirks:

1. Signs are American (p. 22, figure 2): +1 V from WE to RE across 1 ohm is shown as -1 A. So each current changes its
   sign on the wire, the voltage does not.
2. A wrong command is answered with nothing, and so is a query of it (p. 75): each setting is read back, and silence is
   an error. ``errlst?`` tells the last error, until the next command that sets something (p. 109).
3. A current is set as a fraction of its range and read back in A (p. 77); numbers with an exponent are not understood.
   Another range would be another current at once: it is set only while the cell is disconnected.
4. A voltage is set in whole mV (p. 76). Enabled as it is at power-on, a potentiostat at 0 V, it discharges a cell.
5. ``ceenab 0`` disconnects CE; RE and WE sense stay, so a rest is a rest, at open circuit (figure 1). ``cellon?`` is 0
   as well while the red switch on the front is out (p. 81).
6. The limit of the CE voltage against ground (p. 79) is for both signs and within 0.25 V (1 V above 10 mA; p. 13). At
   constant voltage nothing limits the current but the 1 A of the amplifier: the computer watches it.
7. Beyond 15 V, or twice the current range, a reading is no reading (p. 105); the register that says so is read with
   each. A voltage beyond the 2 V or 5 V range that is in use reads as the end of that range.
8. In verbose mode it speaks unasked (p. 98): terse mode is set. After ``avgexp`` readings need 30 ms (p. 92): it is set
   first, some thirty exchanges before the first reading.
9. An external input that is added, direct control, IR compensation, bias rejection and a booster are switched off.
"""

from dataclasses import dataclass

from labctl.clock import Clock
from labctl.errors import CannotHold, InstrumentRefused, InvalidReading, WrongInstrument
from labctl.instrument.channel import Driver, Identity, ReadBack, Traits
from labctl.instrument.step import Control, Step
from labctl.link import Deadline, Link
from labctl_drivers.smu_channel import SmuChannel
from labctl_drivers.smu_rest import OpenRest
from labctl_drivers.smu_setting import Readable, Setting
from labctl_drivers.smu_setup import Ranges, Setup
from labctl_drivers.smu_step import Execution
from labctl_drivers.smu_talk import Reading
from labctl_drivers.smu_watched import Watched

_AMPERES = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
_VOLTS = (2.0, 5.0, 15.0)
_MODEL = "EC301"
MODELS = {_MODEL: Ranges(_AMPERES, _VOLTS, rest_A=1e-6, over=1.0)}

_POTENTIOSTAT, _GALVANOSTAT = 0, 1
_LIMITED, _OVERLOADED = 1 << 0 | 1 << 7, 1 << 1 | 1 << 2
_LEVEL_PART = (
    5e-4  # Assumed: how finely a current is set, as a part of its range; as 500 uV are for 1 V (p. 11)
)
_LOW_A, _LIMIT_OFF_V, _LIMIT_OFF_HIGH_V = 1e-2, 0.25, 1.0
_LIMIT_LOWEST_mV, _LIMIT_HIGHEST_mV = 500, 30_000
_ANSWER = Deadline("the answer to a question", takes_s=0.2)


@dataclass(frozen=True, slots=True)
class CurrentLevel:
    """The set point of a galvanostat: a signed fraction of the range, read back in A; both in the American sign."""

    range_A: float
    current_A: float
    header = "setcur"

    @property
    def reads(self) -> str:
        """What it must read back as."""
        return f"{0.0 - self.current_A:g} A"

    def set(self) -> bytes:
        """The command; without an exponent."""
        return f"setcur {0.0 - self.current_A / self.range_A:.6f}".encode("ascii")

    def ask(self) -> bytes:
        """The query."""
        return b"setcur?"

    def matches(self, reply: str) -> bool:
        """Whether it is as it was set, as finely as it can be set."""
        try:
            return abs(float(reply) + self.current_A) <= _LEVEL_PART * self.range_A
        except ValueError:
            return False


def _choice(header: str, number: int) -> Setting:
    return Setting(header, str(number), str(number))


CELL_ON, CELL_OFF = Setting("cellon", "1", "1"), Setting("cellon", "0", "0")
DISABLED = _choice("ceenab", 0)

TRAITS = Traits(
    model=_MODEL,
    voltage_max_V=MODELS[_MODEL].largest_V,
    current_max_A=MODELS[_MODEL].largest_A,
    shortest_interval_s=0.05,
    autonomous=False,
    off_mode="counter electrode disconnected (reference and sense stay)",
    holds=(
        "counter electrode's voltage against ground, for both signs: at constant current 0.25 V (1 V above 10 mA) "
        "more than 5 %, at least 20 mV, beyond the safety window, and at least 0.5 V",
    ),
    host_silence=None,
    second_session=False,
    impedance=None,
)


class SrsEc301(SmuChannel):
    """One EC301, with one cell at it, as a channel.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: the model to expect; there is one.
    """

    maker = "SRS"
    models = MODELS
    quieten = (b"rampen", b"plstop")
    off = (b"ceenab 0",)
    opened = (CELL_OFF, DISABLED)
    on = b"ceenab 1"
    output_on = CELL_ON
    goes_off_by_itself = "perhaps by the red switch on its front"
    clear_errors = b"*CLS"
    prepare = (b"avgexp 8", b"verbmd 0", b"irnaut 0", b"brenab 0", b"dcntrl 0")
    error_query = b"errlst?"
    challenge = b"*ESE N;*ESE?"

    def __init__(self, link: Link, clock: Clock, model: str | None = None) -> None:
        super().__init__(link, clock, model)
        self.traits = TRAITS

    def traits_of(self, model: str) -> Traits:
        """The traits of a model."""
        return TRAITS

    def parse_identity(self, reply: str) -> Identity | None:
        """See below."""
        return parse_identity(reply)

    def setup_for(self, step: Step) -> Setup:
        """What to arm for a step."""
        check_step(step, self.traits)
        return super().setup_for(step)

    def execution(self, step: Step, setup: Setup, epoch: int, first: float) -> Execution:
        """A rest leaves the cell disconnected."""
        if step.control is Control.REST:
            return OpenRest(self, setup, epoch, first)
        return Watched(self, setup, epoch, first, step.safety)

    def settings(self, setup: Setup) -> tuple[Readable, ...]:
        """The mode first; ranges before the levels that they scale. All of it while the cell is disconnected."""
        galvanostat = setup.source == "CURR"
        range_A = setup.source_range if galvanostat else setup.sense_range
        range_V = setup.sense_range if galvanostat else setup.source_range
        return (
            _choice("ecmode", _GALVANOSTAT if galvanostat else _POTENTIOSTAT),
            _choice("avgexp", 8),  # 256 points of 4 us
            _choice("verbmd", 0),
            *(
                _choice(name, 0)
                for name in ("bstren", "addscn", "dcntrl", "irenab", "brenab", "irnaut", "trgarm")
            ),
            _choice("irange", len(_AMPERES) - _AMPERES.index(range_A)),
            _choice("eadcrg", _VOLTS.index(range_V)),
            _choice("eadcfl", 1),  # 10 Hz, p. 88
            _choice("iadcfl", 0),  # 10 Hz, p. 89
            _choice("clbwth", 3),  # 1 kHz, p. 79; Assumed: fast enough, and stable with any cell
            _choice("celimt", 1),
            _choice("celimv", _limit_mV(setup.limit if galvanostat else range_V, range_A)),
        )

    def level(self, setup: Setup, value: float) -> Readable:
        """The set point."""
        if setup.source == "CURR":
            return CurrentLevel(setup.source_range, value)
        return _choice("setvol", round(value * 1e3))

    def reading_queries(self, setup: Setup) -> tuple[bytes, ...]:
        """One query at a time: a second before the answer to the first is refused (p. 98)."""
        return b"vlevel?", b"ilevel?", b"mesr?"

    def parse_reading(self, reply: str) -> Reading:
        """``-1.543,-1.543e-3,0``: voltage, current in the American sign, measurement status (table 8)."""
        voltage, current, status = reply.split(",")
        if int(status) & _OVERLOADED:
            raise InvalidReading("an overload of voltage or current", self.link.name, "mesr?", reply)
        return Reading(float(voltage), 0.0 - float(current), bool(int(status) & _LIMITED))

    def parse_error(self, reply: str) -> tuple[int, str]:
        """``114``; its words are asked for."""
        return int(reply), ""

    async def refuse_errors(self, sent: str) -> None:
        """Ask for the error of the last command that set something.

        Raises:
            InstrumentRefused: there is one.
        """
        reply = await self.ask(self.error_query)
        if not reply.isdigit():
            raise self.nonsense(self.error_query.decode(), reply)
        if int(reply):
            words = await self.ask(b"errdcd? " + reply.encode("ascii"))
            raise InstrumentRefused(f"error {reply}, {words}", self.link.name, sent, reply)


def _limit_mV(voltage_V: float, range_A: float) -> int:
    """Limit of the counter electrode for a cell that may reach a voltage."""
    off_V = _LIMIT_OFF_V if range_A <= _LOW_A else _LIMIT_OFF_HIGH_V
    return min(max(round(1e3 * (voltage_V + off_V)), _LIMIT_LOWEST_mV), _LIMIT_HIGHEST_mV)


def check_step(step: Step, traits: Traits) -> None:
    """A held voltage is a whole number of millivolts; the levels of a scan are rounded to one.

    Raises:
        CannotHold: it is not.
    """
    if step.control is Control.VOLTAGE and step.scan is None:
        level_mV = 1e3 * step.value
        if not abs(level_mV - round(level_mV)) <= 1e-3:
            raise CannotHold(f"{step.value:g} V: a voltage is held to whole millivolts, {round(level_mV)} mV")


def parse_identity(reply: str) -> Identity | None:
    """``Stanford_Research_Systems,EC301,s/n...,ver...``; Assumed: as other instruments of the maker answer."""
    fields = [field.strip() for field in reply.split(",")]
    if len(fields) != 4 or "STANFORD" not in fields[0].upper():
        return None
    return Identity(fields[0], fields[1].upper(), fields[2], fields[3])


async def _read_back(link: Link) -> tuple[ReadBack, ...]:
    """Whether the cell is connected; off is always open."""
    reply = (await link.ask(b"*IDN?", _ANSWER)).decode("ascii", "replace").strip()
    identity = parse_identity(reply)
    if identity is None:
        raise WrongInstrument("another instrument answers", link.name, "*IDN?", reply)
    connected = (await link.ask(CELL_ON.ask(), _ANSWER)).decode("ascii", "replace").strip()
    cell = ReadBack("cell", "disconnected")
    if not CELL_OFF.matches(connected):
        cell = ReadBack("cell", "CONNECTED", "find out who enabled it, and look at the cell", harmful=True)
    return ReadBack("identity", str(identity)), cell


DRIVER = Driver(
    name="srs-ec301",
    summary="SRS EC301 potentiostat/galvanostat (text over LAN or GPIB); rests at open circuit, no impedance",
    traits={_MODEL: TRAITS},
    terminator=b"\n",
    open=SrsEc301,
    read_back=_read_back,
    wire="text: LAN socket 1680, GPIB",
    check_step=check_step,
)
