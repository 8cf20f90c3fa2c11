"""JULABO heating and refrigerated circulators: CORIO, MAGIO, DYNEO, and older ones with the same commands.

Verified on hardware: no; on a simulated MAGIO. Line: RS-232 4800 7E1, or USB, which is a virtual serial line.
Sources: JULABO MAGIO MS operating manual 1.950.1700.us.V05 (05/2022) and CORIO CD 1.950.0800.us.V10, chapter 11, as
cited by labmcp-julabo 0.1.2; LC 6 manual section 11.3 (list of commands); SC manual p. 42 (times between commands).

Quirks:

1. A command ends with CR, an answer with LF, mostly after a CR. A command that sets is not answered at all: the
   next ``status`` tells whether it was refused, and forgets it.
2. Who asks for what a model does not have gets no answer.
3. 250 ms have to be between a command that sets and the next one, 10 ms after an answer.
4. Setting works only while remote control is switched on at the panel.
5. Some have three set points and hold the selected one. Only the first is used here.
6. Stopping it stops the pump as well. Its warning limits and its excess-temperature protection are left as they
   are.
"""

import re
from collections.abc import Mapping

from labctl.clock import Clock
from labctl.errors import CannotHold, InstrumentRefused, LinkNonsense, LinkTimeout, WrongInstrument
from labctl.instrument.auxiliary import AuxiliaryDriver, Temperatures
from labctl.instrument.channel import Identity
from labctl.link import Deadline, Link

_ZERO_C = 273.15
_RANGE_C = (-95.0, 360.0)
_TOLERANCE_K = 0.051  # some keep one decimal
_ANSWER = Deadline("the answer of the circulator", slack_s=2.0)
_AFTER_QUESTION_S, _AFTER_SETTING_S = 0.01, 0.25
_ATTEMPTS = 2
_XON_XOFF = b"\x11\x13"

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?")
_STATUS = re.compile(r"(-?\d+)(?:\s+(\S.*))?")
_MANUAL, _REMOTE = (0, 1), (2, 3)
_REFUSALS = {
    -8: "it does not know the command",
    -9: "it does not take the command in its present mode",
    -10: "the value is too small for it",
    -11: "the value is too large for it",
    -13: "the value is beyond its warning limits, which a person set at its panel",
}


class Julabo:
    """One circulator.

    Args:
        link: for binary frames, since questions and answers end differently.
        clock: the time it lives in.
        external: a Pt100 is connected, and read as the sensor ``external``.
    """

    def __init__(self, link: Link, clock: Clock, *, external: bool = False) -> None:
        self._link = link
        self._clock = clock
        self._questions = {"bath": "in_pv_00"} | ({"external": "in_pv_02"} if external else {})
        self._has_several_set_points = False
        self._ready_s = 0.0

    async def connect(self) -> Identity:
        """Ask for its version, and whether it has several set points; what it does, it goes on doing.

        Raises:
            WrongInstrument: no JULABO answers.
            LinkError: nothing sensible answers.
        """
        if self._link.poisoned:
            await self._link.resynchronise()
        else:
            await self._link.open()
        version = await self._ask("version")
        maker, _, rest = version.partition(" ")
        if maker.upper() != "JULABO":
            raise WrongInstrument("no JULABO circulator answers", self._link.name, "version", version)
        self._has_several_set_points = await self._answers("in_mode_01")
        model, _, firmware = rest.partition(" VERSION ")
        return Identity("JULABO", model.strip() or "circulator", "unknown", firmware.strip())

    async def read(self) -> Temperatures:
        """The bath, and the external sensor if it is there.

        Raises:
            LinkError, InstrumentError: they could not be read.
        """
        asked_s = self._clock.now()
        read = {name: await self._number(question) for name, question in self._questions.items()}
        return Temperatures(asked_s, {name: read_C + _ZERO_C for name, read_C in read.items()})

    async def set_point_K(self) -> float | None:
        """The set point as read back; None: it is stopped, or holds another of its set points."""
        if await self._number("in_mode_05") != 1 or await self._another_is_selected():
            return None
        return await self._number("in_sp_00") + _ZERO_C

    async def set_temperature_K(self, temperature_K: float) -> None:
        """Hold a temperature, with the pump running, and read back that it does.

        Raises:
            CannotHold: no circulator goes there; no byte has left.
            InstrumentRefused: not in remote control, in an alarm, outside its limits, or not taken.
            LinkError: nobody knows which temperature it holds.
        """
        wanted_C = round(temperature_K - _ZERO_C, 2)
        low_C, high_C = _RANGE_C
        if not low_C <= wanted_C <= high_C:
            raise CannotHold(f"{wanted_C:g} degC; it holds {low_C:g} to {high_C:g} degC", self._link.name)
        if await self._another_is_selected():
            raise self._refusal("another set point than the first is selected: select the first at its panel")
        await self._forget_refusals()
        await self._set(f"out_sp_00 {wanted_C:.2f}")
        found_C = await self._number("in_sp_00")
        if abs(found_C - wanted_C) > _TOLERANCE_K:
            raise self._refusal(f"{wanted_C:g} degC were set, {found_C:g} degC are read back", "in_sp_00")
        await self._set("out_mode_05 1")
        if await self._number("in_mode_05") != 1:
            raise self._refusal("it does not start", "in_mode_05")

    async def close(self) -> None:
        """Give the port back; the circulator goes on."""
        await self._link.close()

    # ---- what is said ----

    async def _another_is_selected(self) -> bool:
        return self._has_several_set_points and await self._number("in_mode_01") != 0

    async def _forget_refusals(self) -> None:
        """What somebody else was refused is told once; what remains is its state."""
        code, _ = await self._status()
        if code in _REFUSALS:
            code, _ = await self._status()
        await self._refuse_unless_remote(code, "status")

    async def _set(self, command: str) -> None:
        """Send a setting and ask whether it was taken."""
        await self._clock.sleep_until(self._ready_s)
        await self._link.send(command.encode() + b"\r")
        self._ready_s = self._clock.now() + _AFTER_SETTING_S
        code, _ = await self._status()
        await self._refuse_unless_remote(code, command)

    async def _refuse_unless_remote(self, code: int, sent: str) -> None:
        if code in _REMOTE:
            return
        if code in _MANUAL:
            raise self._refusal("remote control is off: switch it on at the panel of the circulator", sent)
        raise self._refusal(_REFUSALS.get(code, f"alarm {code}: look at the circulator"), sent)

    async def _status(self) -> tuple[int, str]:
        reply = await self._ask("status")
        found = _STATUS.fullmatch(reply)
        if found is None:
            raise self._nonsense("status", reply)
        return int(found[1]), found[2] or ""

    async def _number(self, question: str) -> float:
        reply = await self._ask(question)
        if _NUMBER.fullmatch(reply) is None:
            raise self._nonsense(question, reply)
        return float(reply)

    async def _answers(self, question: str) -> bool:
        """Whether a model has what is asked for: without an answer, twice, it has not."""
        for _ in range(_ATTEMPTS):
            try:
                await self._number(question)
            except LinkTimeout:
                await self._link.resynchronise(reopen=False)
                await self._status()
            else:
                return True
        return False

    async def _ask(self, question: str) -> str:
        """One command and the line that answers it."""
        await self._clock.sleep_until(self._ready_s)
        reply = await self._link.exchange(question.encode() + b"\r", _line, _ANSWER)
        self._ready_s = self._clock.now() + _AFTER_QUESTION_S
        return reply.translate(None, _XON_XOFF).decode("ascii", "replace").strip()

    def _refusal(self, problem: str, sent: str = "") -> InstrumentRefused:
        return InstrumentRefused(problem, self._link.name, sent)

    def _nonsense(self, sent: str, received: str) -> LinkNonsense:
        self._link.poison()
        return LinkNonsense("the answer does not fit the question", self._link.name, sent, received)


def _line(received: bytes) -> int:
    """An answer ends with LF."""
    return received.find(b"\n") + 1


def _external(settings: Mapping[str, str]) -> bool:
    text = settings.get("external", "no").strip().lower()
    if text not in ("yes", "no"):
        raise ValueError(f"external: {text!r} is neither yes nor no")
    return text == "yes"


def _open(link: Link, clock: Clock, **settings: str) -> Julabo:
    return Julabo(link, clock, external=_external(settings))


def _sensors(settings: Mapping[str, str]) -> tuple[str, ...]:
    return ("bath", "external") if _external(settings) else ("bath",)


DRIVER = AuxiliaryDriver(
    name="julabo",
    summary="JULABO heating and refrigerated circulators: CORIO, MAGIO, DYNEO and older (text over USB or RS-232)",
    open=_open,
    range_K=(_RANGE_C[0] + _ZERO_C, _RANGE_C[1] + _ZERO_C),
    sensors=_sensors,
    terminator=b"",
    serial={"baudrate": 4800, "bytesize": 7, "parity": "E"},
    wire="text lines: USB, RS-232",
    settings={"external": "yes if an external Pt100 is connected: it is read as the sensor `external`"},
)
