"""Keithley 2400, 2401, 2410, 2420 and 2440 SourceMeters: galvanostatic and potentiostatic steps, host-paced.

Verified on hardware: no; on a simulated 2400. Manual: 2400S-900-01 Rev. K. Assumed: the ranges of the 2401, 2410, 2420
and 2440, as in the series' data sheet.
Line: RS-232 (9600 8N1, terminator LF: set it in the MENU) or GPIB address 24, also behind a Prologix or VXI-11 gateway;
there is no LAN. Positive current leaves HI: with HI at the working electrode, the instrument's sign is labctl's.

Quirks:

1. The output-off state is a 0 V source by default, which discharges a cell (p. 13-9). HIMP opens the relay: set and
   read back before the first ON, and again by ``make_safe``.
2. The limit of a current source is the compliance of the measured voltage, ``:SENS:VOLT:PROT`` (p. 18-13), for both
   signs: it does not guard a window that is not symmetric about 0 V. A fixed measure range limits as well.
3. With the relay open there is no measurement: ``:READ?`` with the output off is error +803 and no answer, and
   ``:MEAS?`` switches the output ON by itself (p. 18-120); labctl never sends it. A rest is therefore a source of 0 A
   on the smallest range.
4. Auto output-off (``:SOUR:CLE:AUTO``) would open the circuit after each reading: off.
5. Enabled functions are measured in turn; ohms in its automatic mode takes the source over, so it is off. A reading
   is voltage, current, time and status, always in that order whatever the order of ``:FORM:ELEM``; bits 3 and 16 of the
   status say that a compliance, the set one or that of the range, holds the output (p. 18-50).
6. The overvoltage protection has no level below 20 V (2440: 4 V), and between levels the documentation says nothing
   (p. 18-81): a level of the list is armed, or none. Those of the 2410 and 2420 are not known here: none.
7. Between ``:INIT`` and the end of a measurement nearly everything is ignored (p. 16-3), so ``:ABOR`` comes first.
"""

from labctl.clock import Clock
from labctl.instrument.channel import Driver, Identity, ReadBack, Traits
from labctl.link import Link
from labctl_drivers.smu_channel import SmuChannel
from labctl_drivers.smu_read_back import output_and_off_state
from labctl_drivers.smu_setting import Setting, number, words
from labctl_drivers.smu_setup import Ranges, Setup
from labctl_drivers.smu_talk import Reading

_SMALL_A = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
_LARGE_A = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
_COMPLIANCE = 1 << 3 | 1 << 16

MODELS = {
    "2400": Ranges(_SMALL_A, (0.2, 2.0, 20.0, 200.0), 1e-6, (20, 40, 60, 80, 100, 120, 160)),
    "2401": Ranges(_SMALL_A, (0.2, 2.0, 20.0), 1e-6, (20,)),
    "2410": Ranges((*_SMALL_A[:4], 0.02, 0.1, 1.0), (0.2, 2.0, 20.0, 1000.0), 1e-6),
    "2420": Ranges((*_LARGE_A, 3.0), (0.2, 2.0, 20.0, 60.0), 1e-5),
    "2440": Ranges((*_LARGE_A, 5.0), (0.2, 2.0, 10.0, 40.0), 1e-5, (4, 8, 12, 16, 20, 24, 28, 32)),
}


def _traits(model: str) -> Traits:
    protected = ("overvoltage protection at the next level above",) if MODELS[model].protections_V else ()
    return Traits(
        model=model,
        voltage_max_V=MODELS[model].largest_V,
        current_max_A=MODELS[model].largest_A,
        shortest_interval_s=0.15,  # Assumed: 70 ms to measure, 70 ms for question and answer at 9600 baud
        autonomous=False,
        off_mode="high impedance (output relay open)",
        holds=(
            "voltage compliance at constant current: 5 %, at least 20 mV, beyond the safety window, for both signs",
            "current compliance at constant voltage: 1 % inside the safety limit",
            *protected,
        ),
        host_silence=None,
        second_session=False,
        impedance=None,
    )


class Keithley2400(SmuChannel):
    """One SourceMeter, with one cell at it, as a channel.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: the model to expect; None takes any known one.
    """

    maker = "Keithley"
    models = MODELS
    quieten = (b":ABOR",)
    off = (b":OUTP:SMOD HIMP", b":OUTP OFF")
    opened = (Setting(":OUTP", "OFF", "0"), words(":OUTP:SMOD", "HIMP"))
    on = b":OUTP ON"
    output_on = Setting(":OUTP", "ON", "1")
    clear_errors = b"*CLS"
    prepare = (b':SENS:FUNC:OFF "RES"',)
    error_query = b":SYST:ERR?"
    challenge = b"*ESE N;*ESE?"

    def __init__(self, link: Link, clock: Clock, model: str | None = None) -> None:
        super().__init__(link, clock, model)
        self.traits = DRIVER.traits[model or "2400"]

    def traits_of(self, model: str) -> Traits:
        """The traits of a model."""
        return DRIVER.traits[model]

    def parse_identity(self, reply: str) -> Identity | None:
        """``KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C30   Mar 17 2006 ...``; p. 16-3."""
        return parse_identity(reply)

    def settings(self, setup: Setup) -> tuple[Setting, ...]:
        """Function first, for a change of it may switch off; ranges before the limits that they bound."""
        source, sense = f":SOUR:{setup.source}", f":SENS:{setup.sense}"
        level_V = setup.protection_V
        protection = () if level_V is None else (number(":SOUR:VOLT:PROT", level_V),)
        return (
            words(":SOUR:FUNC", setup.source),
            words(":OUTP:SMOD", "HIMP"),
            Setting(":SOUR:CLE:AUTO", "OFF", "0"),
            Setting(":SYST:RSEN", "ON", "1"),
            words(":FORM", "ASC"),
            words(":FORM:ELEM", "VOLT,CURR,TIME,STAT"),
            Setting(":SENS:FUNC:CONC", "ON", "1"),
            Setting(":SENS:FUNC", '"VOLT","CURR"', '"VOLT:DC","CURR:DC"'),
            number(":SENS:VOLT:NPLC", 1.0),
            number(":ARM:COUN", 1),
            number(":TRIG:COUN", 1),
            words(f"{source}:MODE", "FIX"),
            number(f"{source}:RANG", setup.source_range),
            number(f"{sense}:RANG", setup.sense_range),
            *protection,
            number(f"{sense}:PROT", setup.limit),
        )

    def level(self, setup: Setup, value: float) -> Setting:
        """The set point."""
        return number(f":SOUR:{setup.source}", value)

    def reading_queries(self, setup: Setup) -> tuple[bytes, ...]:
        """One reading; the output is on."""
        return (b":READ?",)

    def parse_reading(self, reply: str) -> Reading:
        """``+1.000000E-01,+1.000000E-03,+7.282600E+01,+4.301200E+04``."""
        voltage_V, current_A, time_s, status = map(float, reply.split(","))
        return Reading(voltage_V, current_A, bool(int(status) & _COMPLIANCE), time_s)

    def parse_error(self, reply: str) -> tuple[int, str]:
        """``-113,"Undefined header"`` or ``+803,"Not permitted with OUTPUT off"``; appendix B."""
        code, _, text = reply.partition(",")
        return int(code), text.strip('"')


def parse_identity(reply: str) -> Identity | None:
    """The reply to ``*IDN?``, or None if it is not one of a Keithley 24xx."""
    fields = [field.strip() for field in reply.split(",")]
    if len(fields) != 4 or "KEITHLEY" not in fields[0].upper():
        return None
    return Identity(fields[0], fields[1].upper().removeprefix("MODEL").strip(), fields[2], fields[3])


async def _read_back(link: Link) -> tuple[ReadBack, ...]:
    return await output_and_off_state(
        link, parse_identity, Keithley2400.output_on, words(":OUTP:SMOD", "HIMP")
    )


DRIVER = Driver(
    name="keithley-2400",
    summary="Keithley 2400, 2401, 2410, 2420, 2440 SourceMeters (SCPI over RS-232 or GPIB); no impedance",
    traits={name: _traits(name) for name in MODELS},
    terminator=b"\n",
    open=Keithley2400,
    serial={"baudrate": 9600},
    read_back=_read_back,
    wire="SCPI: RS-232, GPIB (also by a gateway)",
)
