"""Keysight B2901A, B2902A, B2911A, B2912A, channel 1: galvanostatic and potentiostatic steps, host-paced.

Verified on hardware: no; on a simulated B2901A. Manual: B2900 Series SCPI Command Reference. Assumed: ranges as in the
data sheet, held to 101 %; the models with a B at their end answer in the same way.
Line: TCPIP raw socket port 5025, USB or GPIB; a message ends with LF. Positive current leaves High Force: with that at
the working electrode, the instrument's sign is labctl's.

Quirks:

1. The output-off state is a 0 V source by default, which discharges a cell. HIZ opens the switch (p. 205): set and read
   back before the first ON, and again by ``make_safe``. In an emergency the instrument takes 0 V and opens the switch.
2. ``:OUTP:ON:AUTO`` is on by default: ``:INIT`` and ``:READ?`` switch the output ON by themselves. It is switched off.
   labctl reads with ``:MEAS?``, a spot measurement, and on the output only.
3. The limit of a current source is ``:SENS:VOLT:PROT`` (p. 228). With ``:OUTP:PROT`` on the output goes off the moment
   the limit is reached: on for a current source, where that is an end of charge in hardware; off for a voltage source,
   which begins in its limit.
4. A reading is voltage, current, time and status, always in that order whatever the order of ``:FORM:ELEM:SENS``; bits
   1 and 2 of the status say that a limit holds the output (p. 190). No data is +9.91E+37 (p. 166): no reading.
5. A rest is a source of 0 A on the 1 uA range: with the switch open the cell cannot be measured.
"""

from labctl.clock import Clock
from labctl.instrument.channel import Driver, Identity, ReadBack, Traits
from labctl.link import Link
from labctl_drivers.smu_channel import SmuChannel
from labctl_drivers.smu_read_back import output_and_off_state
from labctl_drivers.smu_setting import Setting, number, words
from labctl_drivers.smu_setup import Ranges, Setup
from labctl_drivers.smu_talk import Reading

_VOLTS = (0.2, 2.0, 20.0, 200.0)
_AMPERES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 1.5, 3.0)
_COMPLIANCE = 0b110

MODELS = {
    **dict.fromkeys(("B2901A", "B2902A"), Ranges(_AMPERES, _VOLTS, 1e-6, over=1.01)),
    **dict.fromkeys(("B2911A", "B2912A"), Ranges((1e-8, *_AMPERES), _VOLTS, 1e-6, over=1.01)),
}


def _traits(model: str) -> Traits:
    return Traits(
        model=model,
        voltage_max_V=MODELS[model].largest_V,
        current_max_A=MODELS[model].largest_A,
        shortest_interval_s=0.1,
        autonomous=False,
        off_mode="high impedance (output switch open)",
        holds=(
            "voltage limit at constant current: 5 %, at least 20 mV, beyond the safety window, for both signs; "
            "the output goes off there",
            "current limit at constant voltage: 1 % inside the safety limit",
        ),
        host_silence=None,
        second_session=False,
        impedance=None,
    )


class KeysightB2900(SmuChannel):
    """Channel 1 of one source-measure unit, with one cell at it, as a channel.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: the model to expect; None takes any known one.
    """

    maker = "Keysight"
    models = MODELS
    quieten = (b":ABOR",)
    off = (b":OUTP:OFF:MODE HIZ", b":OUTP OFF")
    opened = (Setting(":OUTP", "OFF", "0"), words(":OUTP:OFF:MODE", "HIZ"))
    on = b":OUTP ON"
    output_on = Setting(":OUTP", "ON", "1")
    clear_errors = b"*CLS"
    prepare = (b':SENS:FUNC "VOLT","CURR"',)
    goes_off_by_itself = "by its protection at the voltage limit, or by somebody else"
    error_query = b":SYST:ERR?"
    challenge = b"*ESE N;*ESE?"

    def __init__(self, link: Link, clock: Clock, model: str | None = None) -> None:
        super().__init__(link, clock, model)
        self.traits = DRIVER.traits[model or "B2901A"]

    def traits_of(self, model: str) -> Traits:
        """The traits of a model."""
        return DRIVER.traits[model]

    def parse_identity(self, reply: str) -> Identity | None:
        """``Keysight Technologies,B2912A,MY12345678,3.4``; older ones say ``Agilent Technologies``."""
        return parse_identity(reply)

    def settings(self, setup: Setup) -> tuple[Setting, ...]:
        """Function first, for a change of it may switch off; ranges before the limit."""
        source, sense = f":SOUR:{setup.source}", f":SENS:{setup.sense}"
        galvanostatic = setup.source == "CURR"
        return (
            words(":SOUR:FUNC:MODE", setup.source),
            words(":OUTP:OFF:MODE", "HIZ"),
            Setting(":OUTP:ON:AUTO", "OFF", "0"),
            Setting(":OUTP:OFF:AUTO", "OFF", "0"),
            Setting(":OUTP:PROT", "ON", "1") if galvanostatic else Setting(":OUTP:PROT", "OFF", "0"),
            Setting(":SENS:REM", "ON", "1"),
            words(":FORM", "ASC"),
            words(":FORM:ELEM:SENS", "VOLT,CURR,TIME,STAT"),
            number(":SENS:VOLT:NPLC", 1.0),
            number(":SENS:CURR:NPLC", 1.0),
            words(f"{source}:MODE", "FIX"),
            number(f"{source}:RANG", setup.source_range),
            number(f"{sense}:RANG", setup.sense_range),
            number(f"{sense}:PROT", setup.limit),
        )

    def level(self, setup: Setup, value: float) -> Setting:
        """The set point."""
        return number(f":SOUR:{setup.source}", value)

    def reading_queries(self, setup: Setup) -> tuple[bytes, ...]:
        """One spot measurement."""
        return (b":MEAS? (@1)",)

    def parse_reading(self, reply: str) -> Reading:
        """``+1.000000E-01,+1.000000E-03,+7.282600E+01,+1.000000E+00``."""
        voltage_V, current_A, time_s, status = map(float, reply.split(","))
        return Reading(voltage_V, current_A, bool(int(status) & _COMPLIANCE), time_s)

    def parse_error(self, reply: str) -> tuple[int, str]:
        """``+0,"No error"`` or ``-113,"Undefined header"``."""
        code, _, text = reply.partition(",")
        return int(code), text.strip('"')


def parse_identity(reply: str) -> Identity | None:
    """The reply to ``*IDN?``, or None if it is not one of Keysight's."""
    fields = [field.strip() for field in reply.split(",")]
    if len(fields) != 4 or not fields[0].upper().startswith(("KEYSIGHT", "AGILENT")):
        return None
    return Identity(fields[0], fields[1].upper(), fields[2], fields[3])


async def _read_back(link: Link) -> tuple[ReadBack, ...]:
    return await output_and_off_state(
        link, parse_identity, KeysightB2900.output_on, words(":OUTP:OFF:MODE", "HIZ")
    )


DRIVER = Driver(
    name="keysight-b2900",
    summary="Keysight B2901A, B2902A, B2911A, B2912A, channel 1 (SCPI over LAN, USB or GPIB); no impedance",
    traits={name: _traits(name) for name in MODELS},
    terminator=b"\n",
    open=KeysightB2900,
    read_back=_read_back,
    wire="SCPI: LAN socket, VXI-11, USB, GPIB",
)
