"""The remote language of a simulated EC301: names, arguments, what each command does, and what it answers.

Theory of operation (EC301 manual sections 8.1 and 8.2). ``;`` joins commands, which run from left to right; any case,
any spaces. Integers and decimal numbers; one in scientific notation is no number. A command that is wrong is answered
with nothing: it posts an error and changes nothing. Assumed: an answer ends with CR LF, arguments may be separated by
commas, and of a line with several queries each is answered with a line.
"""

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from labctl_simulators.firmware.srs_ec301_status import (
    BAD_ARGUMENT,
    BAD_COMMAND,
    NOT_NOW,
    OPERATION_COMPLETE,
    OUT_OF_RANGE,
    PROGRAM_MISSING,
    WORDS,
    Refused,
    Register,
)

if TYPE_CHECKING:
    from labctl_simulators.firmware.srs_ec301 import SrsEc301
    from labctl_simulators.firmware.srs_ec301_stream import Ec301Port

Run = Callable[..., Any]
_COMMAND = re.compile(r"\s*(\*?[a-z]+)\s*(\??)\s*(.*?)\s*\Z", re.IGNORECASE | re.DOTALL)
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}\Z")
_REAL = re.compile(r"[+-]?([0-9]{1,12}\.?[0-9]{0,20}|\.[0-9]{1,20})\Z")


class _Form(NamedTuple):
    """What a command or query takes: ``i`` integer, ``x`` real, ``s`` text; of these, how many may be left out."""

    run: Run
    takes: str
    optional: int = 0


_SETS: dict[str, _Form] = {}
_ASKS: dict[str, _Form] = {}


def execute(device: "SrsEc301", port: "Ec301Port", line: bytes) -> bytes:
    """Run one line; the answers, each with its line end."""
    out = b""
    for text in line.decode("latin-1").split(";"):
        if text.strip():
            try:
                answer = _run(device, port, text)
            except Refused as error:
                device.status.post(error.code)
                continue
            if answer is not None:
                out += answer if isinstance(answer, bytes) else f"{answer}\r\n".encode("latin-1")
    return out


def _run(device: "SrsEc301", port: "Ec301Port", text: str) -> Any:
    match = _COMMAND.match(text)
    if match is None:
        raise Refused(BAD_COMMAND)
    name, query, rest = match[1].lower(), bool(match[2]), match[3]
    form = (_ASKS if query else _SETS).get(name)
    if form is None:
        raise Refused(BAD_COMMAND)
    answer = form.run(
        device, *_arguments(rest, form), **({"port": port} if name in ("getbda", "polbda") else {})
    )
    if not query:
        device.status.was_set()
        return None
    return answer


def _arguments(text: str, form: _Form) -> list[Any]:
    words = [word for word in re.split(r"[\s,]+", text) if word]
    if not len(form.takes) - form.optional <= len(words) <= len(form.takes):
        raise Refused(BAD_ARGUMENT)
    values: list[Any] = []
    for kind, word in zip(form.takes, words, strict=False):
        if kind == "s":
            values.append(word)
        elif kind == "i" and _INTEGER.match(word):
            values.append(int(word))
        elif kind == "x" and _REAL.match(word):
            values.append(float(word))
        else:
            raise Refused(BAD_ARGUMENT)
    return values


def _set(name: str, takes: str = "", optional: int = 0) -> Callable[[Run], Run]:
    def register(run: Run) -> Run:
        _SETS[name] = _Form(run, takes, optional)
        return run

    return register


def _ask(name: str, takes: str = "", optional: int = 0) -> Callable[[Run], Run]:
    def register(run: Run) -> Run:
        _ASKS[name] = _Form(run, takes, optional)
        return run

    return register


def _check(inside: bool) -> None:
    if not inside:
        raise Refused(OUT_OF_RANGE)


def scientific(value: float) -> str:
    """As the manual prints currents: ``5.43e-4``."""
    mantissa, _, exponent = f"{value:.5e}".partition("e")
    return f"{float(mantissa):.5g}e{int(exponent)}" if value else "0.0"


# ---- settings that are a number within limits ----


def _number(name: str, low: float, high: float, *, real: bool = False, during: str = "") -> None:
    """``name`` and ``name?``; ``during``: another setting without which it is refused."""

    def put(device: "SrsEc301", value: float) -> None:
        _check(low <= value <= high)
        if during and not device.settings[during]:
            raise Refused(NOT_NOW)
        device.settings[name] = value
        device.apply()

    _SETS[name] = _Form(put, "x" if real else "i")
    _ASKS[name] = _Form(lambda device: f"{device.settings[name]:g}", "")


for _name, _low, _high in (
    *(("clbwth", 0, 5), ("celimt", 0, 1), ("irenab", 0, 1), ("irtype", 0, 1), ("ciopen", 100, 1_000_000)),
    *(("ciperd", 1, 10_000), ("cicorr", 0, 200), ("trgarm", 0, 1), ("stsync", 0, 1), ("lpfile", 0, 1)),
    *(("lpfili", 0, 1), ("eadcrg", 0, 2), ("eadcfl", 0, 2), ("iadcfl", 0, 2), ("avgexp", 0, 8)),
    *(("addscn", 0, 1), ("verbmd", 0, 1), ("lockfp", 0, 1), ("brenab", 0, 1)),
):
    _number(_name, _low, _high)
_number("celimv", 500, 30_000, real=True)
_number("pfback", 0, 3e9, real=True)
_number("rotate", 0, 10_000, real=True)
_number("bireje", -15_000, 15_000, real=True, during="brenab")
_number("bireji", -2, 2, real=True, during="brenab")


@_set("dcntrl", "i")
def _direct_control(device: "SrsEc301", on: int) -> None:
    """Nothing is connected to the external input: it holds 0."""
    _check(on in (0, 1))
    if on and (device.enabled or device.playing is not None):
        raise Refused(NOT_NOW)
    if on != device.settings["dcntrl"]:
        device.settings["dcntrl"], device.program = on, 0.0
        device.enable(bool(on))


_ASKS["dcntrl"] = _Form(lambda device: f"{device.settings['dcntrl']:g}", "")


@_set("cidlay", "ii")
def _interrupt_delay(device: "SrsEc301", which: int, delay_us: int) -> None:
    _check(which in (0, 1) and 0 <= delay_us <= 1_000_000)
    device.interrupt_delays_us[which] = delay_us


@_ask("cidlay", "i")
def _ask_interrupt_delay(device: "SrsEc301", which: int) -> int:
    _check(which in (0, 1))
    return device.interrupt_delays_us[which]


# ---- control loop ----


@_set("ecmode", "i")
def _mode(device: "SrsEc301", mode: int) -> None:
    _check(mode in (0, 1, 2))
    device.set_mode(mode)


_ASKS["ecmode"] = _Form(lambda device: device.mode, "")


@_set("ceenab", "i")
def _enable(device: "SrsEc301", on: int) -> None:
    _check(on in (0, 1))
    device.enable(bool(on))


_ASKS["ceenab"] = _Form(lambda device: int(device.enabled), "")
_ASKS["cellon"] = _Form(lambda device, *ignored: int(device.circuit_closed), "i", 1)
_ASKS["limitg"] = _Form(lambda device: int(device.limiting), "")
_SETS["setvol"] = _Form(lambda device, level: device.set_level(float(level), 0), "i")
_SETS["setcur"] = _Form(lambda device, fraction: device.set_level(1000.0 * fraction, 1), "x")


@_ask("setvol")
def _ask_voltage(device: "SrsEc301") -> str:
    if device.mode != 0:
        raise Refused(NOT_NOW)
    return f"{device.program:.0f}"


@_ask("setcur")
def _ask_current(device: "SrsEc301") -> str:
    if device.mode != 1:
        raise Refused(NOT_NOW)
    return scientific(1e-3 * device.program * device.range_A)


_ASKS["progrm"] = _Form(lambda device: f"{1e-3 * device.program:+.3f}", "")
_SETS["irange"] = _Form(lambda device, number: device.set_range(number), "i")
_ASKS["irange"] = _Form(lambda device: device.range, "")


@_set("irnaut", "i")
def _autorange(device: "SrsEc301", on: int) -> None:
    _check(on in (0, 1))
    device.set_autorange(bool(on))


_ASKS["irnaut"] = _Form(lambda device: int(device.autorange), "")


# ---- measurement ----

_ASKS["vlevel"] = _Form(lambda device: f"{device.measure_V():.6f}", "")
_ASKS["ilevel"] = _Form(lambda device: scientific(device.measure_A()), "")


@_ask("getaux", "i")
def _auxiliary(device: "SrsEc301", which: int) -> str:
    _check(1 <= which <= 4)
    return ", ".join(["0.000000"] * (3 if which == 4 else 1))


@_set("getbda", "i")
def _stream(device: "SrsEc301", on: int, port: "Ec301Port") -> None:
    _check(on in (0, 1))
    port.stream(bool(on))


_ASKS["polbda"] = _Form(lambda device, port: port.poll(), "")
_ASKS["getbdp"] = _Form(lambda device, *which: 2, "i", 1)
_ASKS["anyrtd"] = _Form(lambda device: 0, "")
_ASKS["getrtd"] = _ASKS["rtdohm"] = _Form(lambda device: "0.00", "")
_ASKS["scntrg"] = _Form(lambda device: int(device.playing is not None), "")

# ---- what the instrument is, and its interface ----

_ASKS["*idn"] = _Form(lambda device: device.identity, "")
_ASKS["*tst"] = _ASKS["nulcmd"] = _ASKS["bstrty"] = _ASKS["bstren"] = _Form(lambda device: 0, "")
_SETS["*rst"] = _Form(lambda device: device.reset(), "")
_SETS["nulcmd"] = _Form(lambda device, *ignored: None, "i", 1)
_SETS["*wai"] = _SETS["ifcclr"] = _Form(lambda device: None, "")
_ASKS["*opc"] = _Form(lambda device: 1, "")
_ASKS["fpgarv"] = _Form(lambda device: 9, "")
_ASKS["macadr"] = _Form(lambda device: "00:19:B3:00:0B:C4", "")
_ASKS["exttmb"] = _Form(lambda device, *ignored: 0, "i", 1)


@_set("*opc")
def _operation_complete(device: "SrsEc301") -> None:
    device.status.standard.value |= OPERATION_COMPLETE


@_set("autotb", "i")
def _timebase(device: "SrsEc301", on: int) -> None:
    _check(on in (0, 1))
    device.settings["autotb"] = on


@_set("bstren", "i")
def _booster(device: "SrsEc301", on: int) -> None:
    """There is none; and not with the loop closed (p. 128)."""
    _check(on in (0, 1))
    if on or device.enabled:
        raise Refused(NOT_NOW)


@_set("vfdmsg", "isssss", 4)
def _display(device: "SrsEc301", line: int, *words: str) -> None:
    _check(line in (0, 1) and len("".join(words)) < 24)


# ---- status ----


def _register(name: str, enable: str, of: Callable[[Any], Register]) -> None:
    _ASKS[name] = _Form(lambda device, bit=None: of(device).take(bit), "i", 1)
    _declare_enable(enable, of)


def _declare_enable(enable: str, of: Callable[[Any], Register]) -> None:
    _ASKS[enable] = _Form(lambda device, bit=None: of(device).enabled(bit), "i", 1)
    _SETS[enable] = _Form(lambda device, first, second=None: of(device).set_enabled(first, second), "ii", 1)


_register("*esr", "*ese", lambda device: device.status.standard)
_register("insr", "inse", lambda device: device.status.instrument)
_register("mesr", "mese", lambda device: device.status.measurement)
_declare_enable("*sre", lambda device: device.status.service)
_ASKS["*stb"] = _Form(lambda device, bit=None: device.status.byte(bit), "i", 1)
_ASKS["errlst"] = _Form(lambda device: device.status.error, "")
_ASKS["errdcd"] = _Form(lambda device, code: WORDS.get(code, "Unknown error"), "i")


@_set("*cls")
def _clear(device: "SrsEc301") -> None:
    device.status.clear()
    device.stop()
    device.apply()


@_ask("errmsg", "i")
def _front_panel_error(device: "SrsEc301", which: int) -> str:
    """Nobody is at the front panel."""
    _check(which in (0, 1, 2))
    return "0" if which == 0 else WORDS[0]


# ---- waveforms ----


def _indexed(
    name: str, of: Callable[[Any], list[Any]], low: float, high: float, *, levels: bool = False
) -> None:
    """``name i,x`` and ``name? i`` for a list of parameters."""

    def put(device: "SrsEc301", index: int, value: float) -> None:
        _check(0 <= index < len(of(device)) and low <= value <= high)
        if levels:
            device.check_level(value)
        of(device)[index] = value

    def get(device: "SrsEc301", index: int) -> str:
        _check(0 <= index < len(of(device)))
        return f"{of(device)[index] or 0:.10g}"

    _SETS[name] = _Form(put, "ix")
    _ASKS[name] = _Form(get, "i")


_indexed("ramppt", lambda device: device.ramp.points, -15_000, 15_000, levels=True)
_indexed("ramprt", lambda device: device.ramp.rates, 1, 1e8)
_indexed("rampdt", lambda device: device.ramp.delays, 0, 2**32 - 1)
_indexed("pdatap", lambda device: device.pulse.values, -15_000, 15_000, levels=True)
_indexed("pholdt", lambda device: device.pulse.holds, 1, 2**24 - 1)


def _parameter(name: str, of: Callable[[Any], Any], field: str, low: float, high: float) -> None:
    """``name x`` and ``name?`` for one parameter of a program."""

    def put(device: "SrsEc301", value: int) -> None:
        _check(low <= value <= high)
        setattr(of(device), field, value)

    def get(device: "SrsEc301") -> str:
        return f"{getattr(of(device), field) or 0:d}"

    _SETS[name] = _Form(put, "i")
    _ASKS[name] = _Form(get, "")


_parameter("rampcy", lambda device: device.ramp, "cycles", 1, 254)
_parameter("scantp", lambda device: device.ramp, "single", 0, 1)
_parameter("scanem", lambda device: device.ramp, "holds_at_end", 0, 1)
_parameter("ppoint", lambda device: device.pulse, "points", 1, 15)
_parameter("psteps", lambda device: device.pulse, "step", -15_000, 15_000)
_parameter("plimit", lambda device: device.pulse, "limit", 1, 2**20 - 1)
_parameter("plendm", lambda device: device.pulse, "stops", 0, 1)
_parameter("arbdly", lambda device: device.arbitrary, "delay_s", 0, 1023)
_parameter("arbdiv", lambda device: device.arbitrary, "divider", 1, 1024)
_parameter("arbcyc", lambda device: device.arbitrary, "cycles", 0, 1024)
_parameter("arbend", lambda device: device.arbitrary, "opens_at_end", 0, 1)


@_set("ramprs")
def _reset_ramp(device: "SrsEc301") -> None:
    device.stop()
    device.ramp = type(device.ramp)()
    device.apply()


@_ask("ramppg", "i")
def _ramp_missing(device: "SrsEc301", kind: int) -> int:
    _check(0 <= kind <= 4)
    return device.ramp.missing(kind)


@_set("rampst", "i")
def _start_ramp(device: "SrsEc301", kind: int) -> None:
    """Armed, it waits for a trigger at the rear panel, which is not connected."""
    _check(0 <= kind <= 5)
    if device.mode == 2 or device.ramp.missing(kind % 4):
        raise Refused(PROGRAM_MISSING)
    if kind >= 4:
        device.settings["trgarm"] = 1
        return
    waveform = device.ramp.waveform(kind, device.units_per_level)
    device.play("ramp", waveform, ends_open=not device.ramp.holds_at_end)


def _halt(device: "SrsEc301", kind: str) -> None:
    if device.playing_kind == kind:
        device.stop()
        device.apply()


_SETS["rampen"] = _Form(lambda device, *ignored: _halt(device, "ramp"), "x", 1)
_SETS["plstop"] = _Form(lambda device: _halt(device, "pulse"), "")


@_set("plinit")
def _reset_pulse(device: "SrsEc301") -> None:
    _halt(device, "pulse")
    device.pulse = type(device.pulse)()


@_set("pincrm", "iii")
def _increments(device: "SrsEc301", index: int, adds: int, moves: int) -> None:
    """Those of point 0 are ignored (p. 114)."""
    _check(0 <= index < len(device.pulse.increments) and adds in (0, 1) and moves in (0, 1))
    if index:
        device.pulse.increments[index] = (adds, moves)


@_ask("pincrm", "i")
def _ask_increments(device: "SrsEc301", index: int) -> str:
    _check(0 <= index < len(device.pulse.increments))
    adds, moves = device.pulse.increments[index]
    return f"{index} {adds} {moves}"


_ASKS["pprogm"] = _Form(lambda device: device.pulse.missing(), "")


@_set("pstart", "i", 1)
def _start_pulse(device: "SrsEc301", triggered: int = 0) -> None:
    """With 1 it waits for a trigger, as the only client there is has it; the manual gives no argument."""
    if device.mode == 2 or device.pulse.missing():
        raise Refused(PROGRAM_MISSING)
    if triggered:
        device.settings["trgarm"] = 1
        return
    device.play("pulse", device.pulse.waveform(), ends_open=False)


@_set("arbrst")
def _reset_arbitrary(device: "SrsEc301") -> None:
    _halt(device, "arbitrary")
    device.arbitrary = type(device.arbitrary)()


@_set("arbtyp", "i")
def _arbitrary_type(device: "SrsEc301", kind: int) -> None:
    """Once only, until it is reset; 11 to 13 need a booster."""
    _check(0 <= kind <= 10)
    if device.arbitrary.kind is not None:
        raise Refused(NOT_NOW)
    device.arbitrary.kind = kind


_ASKS["arbtyp"] = _Form(lambda device: device.arbitrary.kind or 0, "")
_ASKS["arbpts"] = _Form(lambda device: len(device.arbitrary.points), "")
_ASKS["arbset"] = _Form(lambda device, index, datum: device.arbitrary.put(index, datum), "ii")
_ASKS["arbget"] = _Form(lambda device, index: device.arbitrary.get(index), "i")


@_set("arbrun", "i")
def _run_arbitrary(device: "SrsEc301", what: int) -> None:
    _check(0 <= what <= 2)
    if what == 0:
        _halt(device, "arbitrary")
        device.settings["trgarm"] = 0
        device.enable(False)
        return
    kind, waveform = device.arbitrary.kind, device.arbitrary.waveform()
    if kind is None or waveform is None or not math.isfinite(waveform.each_s):
        raise Refused(PROGRAM_MISSING)
    device.autorange = False
    device.set_mode(1 if kind else 0)
    if kind:
        device.set_range(kind)
    if what == 2:
        device.settings["trgarm"] = 1
        return
    device.play("arbitrary", waveform, ends_open=bool(device.arbitrary.opens_at_end))
