"""Common, status and system commands of the 2450 (2461 Reference Manual pp. 6-111 to 6-155 and appendix B)."""

from typing import TYPE_CHECKING

from labctl_simulators.firmware.keithley_2450_settings import TREE, keyword
from labctl_simulators.firmware.keithley_2450_status import (
    ERROR,
    INFORMATION,
    NO_ERROR,
    OPERATION_COMPLETE,
    WARNING,
    Register,
)
from labctl_simulators.firmware.scpi_parameters import OUT_OF_RANGE, Number, ScpiError, Word

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2450 import Keithley2450
    from labctl_simulators.firmware.keithley_2450_port import Busy

WHOLE = Number(whole=True)


# ---- common ----


@TREE.query("*IDN")
def _identity(smu: "Keithley2450") -> str:
    return smu.identity


@TREE.query("*LANG")
def _get_language(smu: "Keithley2450") -> str:
    return "SCPI"


@TREE.command("*LANG", Word("SCPI"))
def _put_language(smu: "Keithley2450", language: str) -> None:
    """SCPI is the only language simulated; the others are refused."""


@TREE.query(":SYSTem:VERSion")
def _get_scpi_version(smu: "Keithley2450") -> str:
    return "1996.0"


@TREE.query(":SYSTem:POSetup")
def _get_power_on_setup(smu: "Keithley2450") -> str:
    return smu.power_on_setup


@TREE.command(":SYSTem:POSetup", Word("RST", "SAV0", "SAV1", "SAV2", "SAV3", "SAV4"))
def _put_power_on_setup(smu: "Keithley2450", setup: str) -> None:
    """Kept, and answered; power is never cut here, so nothing is restored."""
    smu.power_on_setup = setup


@TREE.command("*RST")
def _reset(smu: "Keithley2450") -> None:
    smu.reset()


@TREE.command("*CLS")
def _clear_status(smu: "Keithley2450") -> None:
    smu.status.clear_events()


@TREE.command("*OPC")
def _operation_complete(smu: "Keithley2450") -> None:
    smu.completion_asked = True


@TREE.query("*OPC")
def _ask_operation_complete(smu: "Keithley2450") -> "Busy | str | None":
    return smu.when_idle("1")


@TREE.command("*WAI")
def _wait(smu: "Keithley2450") -> "Busy | str | None":
    return smu.when_idle(None)


@TREE.query("*TST")
def _self_test(smu: "Keithley2450") -> str:
    return "0"


@TREE.query("*ESR")
def _get_standard_event(smu: "Keithley2450") -> str:
    _note_completion(smu)
    return str(smu.status.take_standard_event())


@TREE.query("*STB")
def _get_status_byte(smu: "Keithley2450") -> str:
    _note_completion(smu)
    return str(smu.status.byte())


def _note_completion(smu: "Keithley2450") -> None:
    if smu.completion_asked and not smu.trigger.running:
        smu.completion_asked = False
        smu.status.standard_event |= OPERATION_COMPLETE


def _declare_enable(header: str, attribute: str) -> None:
    @TREE.command(header, WHOLE)
    def put(smu: "Keithley2450", mask: int) -> None:
        if not 0 <= mask <= 255:
            raise ScpiError(*OUT_OF_RANGE)
        setattr(smu.status, attribute, mask)

    @TREE.query(header)
    def get(smu: "Keithley2450") -> str:
        return str(getattr(smu.status, attribute))


_declare_enable("*ESE", "standard_enable")
_declare_enable("*SRE", "request_enable")


# ---- :STATus ----


def _declare_register(node: str, attribute: str) -> None:
    def register(smu: "Keithley2450") -> Register:
        found = getattr(smu.status, attribute)
        assert isinstance(found, Register)
        return found

    @TREE.query(f"{node}:CONDition")
    def condition(smu: "Keithley2450") -> str:
        return str(register(smu).condition)

    @TREE.query(f"{node}[:EVENt]")
    def event(smu: "Keithley2450") -> str:
        return str(register(smu).take_event())

    @TREE.command(f"{node}:ENABle", WHOLE)
    def put_enable(smu: "Keithley2450", mask: int) -> None:
        if not 0 <= mask <= 65535:
            raise ScpiError(*OUT_OF_RANGE)
        register(smu).enable = mask

    @TREE.query(f"{node}:ENABle")
    def get_enable(smu: "Keithley2450") -> str:
        return str(register(smu).enable)

    @TREE.command(f"{node}:MAP", WHOLE, WHOLE, Number(whole=True, required=False, default=0))
    def put_map(smu: "Keithley2450", bit: int, set_event: int, clear_event: int) -> None:
        if not 0 <= bit <= 14:
            raise ScpiError(*OUT_OF_RANGE)
        register(smu).set_by[bit] = set_event
        register(smu).cleared_by[bit] = clear_event

    @TREE.query(f"{node}:MAP", WHOLE)
    def get_map(smu: "Keithley2450", bit: int) -> str:
        return f"{register(smu).set_by.get(bit, 0)},{register(smu).cleared_by.get(bit, 0)}"


_declare_register(":STATus:OPERation", "operation")
_declare_register(":STATus:QUEStionable", "questionable")


@TREE.command(":STATus:PRESet")
def _preset(smu: "Keithley2450") -> None:
    smu.status.preset()


@TREE.command(":STATus:CLEar")
def _clear_registers(smu: "Keithley2450") -> None:
    smu.status.operation.event = smu.status.questionable.event = smu.status.standard_event = 0


# ---- :SYSTem ----

_SEVERITIES = {"ERR": ERROR, "WARN": WARNING, "INF": INFORMATION, "ALL": ERROR | WARNING | INFORMATION}
_SEVERITY = Word("ERRor", "WARNing", "INFormation", "ALL", required=False, default="ALL")


@TREE.query(":SYSTem:ERRor[:NEXT]")
def _next_error(smu: "Keithley2450") -> str:
    event = smu.status.pop()
    return NO_ERROR if event is None else event.as_error


@TREE.query(":SYSTem:ERRor:CODE[:NEXT]")
def _next_error_code(smu: "Keithley2450") -> str:
    event = smu.status.pop()
    return "0" if event is None else str(event.code)


@TREE.query(":SYSTem:ERRor:COUNt")
def _error_count(smu: "Keithley2450") -> str:
    return str(smu.status.count())


@TREE.query(":SYSTem:EVENtlog:NEXT", _SEVERITY)
@TREE.query(":SYSTem:EVENt:NEXT", _SEVERITY)
def _next_event(smu: "Keithley2450", severity: str) -> str:
    event = smu.status.pop(_SEVERITIES[severity])
    return NO_ERROR if event is None else event.as_event


@TREE.query(":SYSTem:EVENtlog:COUNt", _SEVERITY)
@TREE.query(":SYSTem:EVENt:COUNt", _SEVERITY)
def _event_count(smu: "Keithley2450", severity: str) -> str:
    return str(smu.status.count(_SEVERITIES[severity]))


@TREE.command(":SYSTem:CLEar")
def _clear_log(smu: "Keithley2450") -> None:
    smu.status.log.clear()


keyword(
    ":SYSTem:ACCess",
    ("FULL", "EXCLusive", "PROTected", "LOCKout"),
    lambda smu: smu.access,
    lambda smu, word: setattr(smu, "access", word),
)


@TREE.command(":SYSTem:BEEPer[:IMMediate]", Number(), Number())
def _beep(smu: "Keithley2450", frequency_Hz: float, duration_s: float) -> None:
    """Nobody hears it; the ranges are kept (2461 Reference Manual p. 6-141)."""
    if not (20 <= frequency_Hz <= 8000 and 0.001 <= duration_s <= 100):
        raise ScpiError(*OUT_OF_RANGE)
