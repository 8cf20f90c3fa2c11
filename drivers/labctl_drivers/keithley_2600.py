"""Keithley 2601B to 2636B SourceMeters, channel A: galvanostatic and potentiostatic steps, host-paced, in TSP.

Verified on hardware: no; on a simulated 2601B. Manual: 2600BS-901-01 Rev. F section 9, as other people's drivers cite
it. Assumed: ranges as in the data sheet; a line ``abort`` ends a script that runs.
Line: TCPIP raw socket port 5025, GPIB or USB; a line of Lua ends with LF. Positive current leaves HI: with HI at the
working electrode, the instrument's sign is labctl's.

Quirks:

1. There are no queries: an attribute is read with ``print``; numbers come as ``1.00000e-01``, with six digits unless
   ``format.asciiprecision`` says more, booleans as ``true`` and ``false``, several values with a TAB between
   them. Where several are wanted, ``string.format`` puts commas there.
2. The off mode is a 0 V source by default, which discharges a cell. HIGH_Z (2) opens the relay: set and read back
   before the first ON, and again by ``make_safe``.
3. The limit counts for both signs, so it does not guard a window that is not symmetric about 0 V.
4. A mistake ends its line, and nothing is heard of it: the error queue is asked, and each setting read back.
5. With the relay open there is no measurement: a rest is a source of 0 A on the smallest range that is used, 1 uA.
6. ``measure.iv()`` returns current, then voltage; ``source.compliance``, asked for ahead of it, tells whether the limit
   holds the output.
7. It has no overvoltage protection beside the limit.
"""

from labctl.clock import Clock
from labctl.instrument.channel import Driver, Identity, ReadBack, Traits
from labctl.link import Link
from labctl_drivers.smu_channel import SmuChannel
from labctl_drivers.smu_read_back import output_and_off_state
from labctl_drivers.smu_setting import Attribute
from labctl_drivers.smu_setup import Ranges, Setup
from labctl_drivers.smu_talk import Reading

_DCAMPS, _DCVOLTS = 0, 1
_OFF, _ON, _HIGH_Z = 0, 1, 2
_REMOTE = 1
_ASCII, _DIGITS = 1, 10

_DECADES_A = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
_LOW_V = Ranges((*_DECADES_A, 3.0), (0.1, 1.0, 6.0, 40.0), 1e-6, over=1.01)
_HIGH_V = Ranges((*_DECADES_A, 1.5), (0.2, 2.0, 20.0, 200.0), 1e-6, over=1.01)
_LOW_A = Ranges((1e-9, 1e-8, *_DECADES_A, 1.5), (0.2, 2.0, 20.0, 200.0), 1e-6, over=1.01)

MODELS = {
    **dict.fromkeys(("2601B", "2602B", "2604B"), _LOW_V),
    **dict.fromkeys(("2611B", "2612B", "2614B"), _HIGH_V),
    **dict.fromkeys(("2634B", "2635B", "2636B"), _LOW_A),
}


def _traits(model: str) -> Traits:
    return Traits(
        model=model,
        voltage_max_V=MODELS[model].largest_V,
        current_max_A=MODELS[model].largest_A,
        shortest_interval_s=0.1,
        autonomous=False,
        off_mode="high impedance (output relay open)",
        holds=(
            "voltage limit at constant current: 5 %, at least 20 mV, beyond the safety window, for both signs",
            "current limit at constant voltage: 1 % inside the safety limit",
        ),
        host_silence=None,
        second_session=False,
        impedance=None,
    )


def _attribute(name: str, value: float) -> Attribute:
    return Attribute(name, f"{value:.9g}")


class Keithley2600(SmuChannel):
    """Channel A of one SourceMeter, with one cell at it, as a channel.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: the model to expect; None takes any known one.
    """

    maker = "Keithley"
    models = MODELS
    quieten = (b"abort",)
    off = (b"smua.source.offmode = 2", b"smua.source.output = 0")
    opened = (_attribute("smua.source.output", _OFF), _attribute("smua.source.offmode", _HIGH_Z))
    on = b"smua.source.output = 1"
    output_on = _attribute("smua.source.output", _ON)
    clear_errors = b"errorqueue.clear()"
    error_query = b"print(string.format('%d,%s', errorqueue.next()))"
    challenge = b"print(N)"

    def __init__(self, link: Link, clock: Clock, model: str | None = None) -> None:
        super().__init__(link, clock, model)
        self.traits = DRIVER.traits[model or "2601B"]

    def traits_of(self, model: str) -> Traits:
        """The traits of a model."""
        return DRIVER.traits[model]

    def parse_identity(self, reply: str) -> Identity | None:
        """``Keithley Instruments Inc., Model 2602B, 4388888, 3.0.4``."""
        return parse_identity(reply)

    def settings(self, setup: Setup) -> tuple[Attribute, ...]:
        """Function first, for a change of it may switch off; a range ends automatic ranging."""
        source, sense = ("i", "v") if setup.source == "CURR" else ("v", "i")
        return (
            _attribute("smua.source.func", _DCAMPS if setup.source == "CURR" else _DCVOLTS),
            _attribute("smua.source.offmode", _HIGH_Z),
            _attribute("smua.sense", _REMOTE),
            _attribute("format.data", _ASCII),
            _attribute("format.asciiprecision", _DIGITS),
            _attribute("smua.measure.nplc", 1),
            _attribute("smua.measure.count", 1),
            _attribute(f"smua.source.range{source}", setup.source_range),
            _attribute(f"smua.measure.range{sense}", setup.sense_range),
            _attribute(f"smua.source.limit{sense}", setup.limit),
        )

    def level(self, setup: Setup, value: float) -> Attribute:
        """The set point."""
        return _attribute(f"smua.source.level{'i' if setup.source == 'CURR' else 'v'}", value)

    def reading_queries(self, setup: Setup) -> tuple[bytes, ...]:
        """Whether the limit holds, then one reading."""
        return (b"print(string.format('%s,%.9e,%.9e', tostring(smua.source.compliance), smua.measure.iv()))",)

    def parse_reading(self, reply: str) -> Reading:
        """``false,1.000000000e-03,1.000000000e-01``: compliance, current, voltage."""
        compliance, current, voltage = reply.split(",")
        if compliance not in ("true", "false"):
            raise ValueError("neither true nor false")
        return Reading(float(voltage), float(current), compliance == "true")

    def parse_error(self, reply: str) -> tuple[int, str]:
        """``-286,TSP Runtime error at line 1: ...``, or ``0,Queue Is Empty``."""
        code, _, text = reply.partition(",")
        return int(code), text


def parse_identity(reply: str) -> Identity | None:
    """The reply to ``*IDN?``, or None if it is not one of a Keithley."""
    fields = [field.strip() for field in reply.split(",")]
    if len(fields) != 4 or "KEITHLEY" not in fields[0].upper():
        return None
    return Identity(fields[0], fields[1].upper().removeprefix("MODEL").strip(), fields[2], fields[3])


async def _read_back(link: Link) -> tuple[ReadBack, ...]:
    off_mode = _attribute("smua.source.offmode", _HIGH_Z)
    return await output_and_off_state(link, parse_identity, Keithley2600.output_on, off_mode)


DRIVER = Driver(
    name="keithley-2600",
    summary="Keithley 2601B to 2636B SourceMeters, channel A (TSP over LAN, USB or GPIB); no impedance",
    traits={name: _traits(name) for name in MODELS},
    terminator=b"\n",
    open=Keithley2600,
    read_back=_read_back,
    wire="TSP: LAN socket, VXI-11, USB, GPIB",
)
