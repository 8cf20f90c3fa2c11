"""ESPEC PR-3J temperature and humidity chamber, and others with a P-300 or SCP-220 controller.

Verified on hardware: no; on a simulated PR-3J. Line: TCP port 57732 (PR-3J), TCP 10001 or RS-232/485 9600 8N1 (older);
lines end with CR LF.
Sources: espec-pr3j 0.5.0, which drives a PR-3J; chamberconnectlibrary 2.2.5 by ESPEC North America (``p300.py``:
commands; ``especinteract.py``: what the words after ``NA:`` mean).

Quirks:

1. It wants to be left alone after a command: 0.2 s after a question, 0.5 s after a setting.
2. A set point alone changes nothing: the chamber holds it in the mode CONSTANT only.
3. Its own limits, which somebody set at the panel, bound the set point. They protect what lies in it: left as they are.
4. An alarm stops it. Only a person at the panel ends an alarm.
"""

import re

from labctl.clock import Clock
from labctl.errors import CannotHold, InstrumentRefused, LinkNonsense, WrongInstrument
from labctl.instrument.auxiliary import AuxiliaryDriver, Temperatures
from labctl.instrument.channel import Identity
from labctl.link import Deadline, Link

_ZERO_C = 273.15
_RANGE_C = (-20.0, 100.0)
_RESOLUTION_K = 0.1
_ANSWER = Deadline("the answer of the chamber", takes_s=0.5, slack_s=3.0)
_AFTER_QUESTION_S, _AFTER_SETTING_S = 0.2, 0.5

_NUMBER = r"([+-]?\d+(?:\.\d+)?)"
_STATE = re.compile(rf"{_NUMBER},({_NUMBER})?,(OFF|STANDBY|CONSTANT|RUN),(\d+)")
_TEMPERATURE = re.compile(",".join([_NUMBER] * 4))
_MODE = re.compile(r"OFF|STANDBY|CONSTANT|RUN")
_REFUSED = "NA:"
_REASONS = {
    "CMD ERR": "it does not know this command",
    "ADDR ERR": "wrong address",
    "PARA ERR": "a parameter is missing or not understood",
    "DATA OUT OF RANGE": "outside the range that it allows",
    "PROTECT ON": "changes are forbidden at its panel",
    "CHB NOT READY": "it cannot do so now; look at its panel",
    "INVALID REQ": "it cannot do this",
}


class EspecPr3j:
    """One chamber.

    Args:
        link: lines end with CR LF.
        clock: the time it lives in.
        address: of its controller on an RS-485 line; empty: it is alone.
    """

    def __init__(self, link: Link, clock: Clock, address: str = "") -> None:
        self._link = link
        self._clock = clock
        self._prefix = f"{address}," if address else ""
        self._ready_s = 0.0

    async def connect(self) -> Identity:
        """Ask for conditions, type and version; what it does, it goes on doing.

        Raises:
            WrongInstrument: it does not answer as such a chamber does.
            LinkError: nothing sensible answers.
        """
        if self._link.poisoned:
            await self._link.resynchronise()
        else:
            await self._link.open()
        reply = await self._exchange("MON?", _AFTER_QUESTION_S)
        if not _STATE.fullmatch(reply):
            raise WrongInstrument(
                "this is no answer of an ESPEC chamber to the question for its state",
                self._link.name,
                "MON?",
                reply,
            )
        kind, version = await self._if_known("TYPE?"), await self._if_known("ROM?")
        return Identity("ESPEC", f"chamber ({kind})" if kind else "chamber", "unknown", version)

    async def read(self) -> Temperatures:
        """The air in it.

        Raises:
            LinkError, InstrumentError: it could not be read.
        """
        asked_s = self._clock.now()
        temperature_C, _, _ = await self._state()
        return Temperatures(asked_s, {"temperature": temperature_C + _ZERO_C})

    async def set_point_K(self) -> float | None:
        """The set point as read back; None: it is off, stopped by an alarm, or in a program."""
        _, mode, alarms = await self._state()
        if mode != "CONSTANT" or alarms:
            return None
        set_C, _, _ = await self._settings()
        return set_C + _ZERO_C

    async def set_temperature_K(self, temperature_K: float) -> None:
        """Hold a temperature, in steps of 0.1 K, and read back that it does.

        Raises:
            CannotHold: outside its range; no byte has left.
            InstrumentRefused: outside its limits, in a program, stopped by an alarm, or not taken.
            LinkError: nobody knows which temperature it holds.
        """
        wanted_C = round(temperature_K - _ZERO_C, 1)
        low_C, high_C = _RANGE_C
        if not low_C <= wanted_C <= high_C:
            raise CannotHold(f"{wanted_C:g} degC; it holds {low_C:g} to {high_C:g} degC", self._link.name)
        await self._refuse_if_busy()
        _, upper_C, lower_C = await self._settings()
        if not lower_C <= wanted_C <= upper_C:
            raise self._refusal(
                f"its own limits are {lower_C:g} and {upper_C:g} degC, so it does not go to {wanted_C:g} degC: "
                "change them at its panel if that is right for all that lies in it",
                "TEMP?",
                f"{upper_C:g},{lower_C:g}",
            )
        await self._set(f"TEMP, S{wanted_C:.1f}")
        set_C, _, _ = await self._settings()
        if abs(set_C - wanted_C) >= _RESOLUTION_K / 2:
            raise self._refusal("another set point is read back", f"TEMP, S{wanted_C:.1f}", f"{set_C:g}")
        await self._set("MODE, CONSTANT")
        mode = await self._ask("MODE?", _MODE)
        if mode[0] != "CONSTANT":
            raise self._refusal("it does not hold the temperature", "MODE?", mode[0])

    async def close(self) -> None:
        """Give the port back; the chamber goes on."""
        await self._link.close()

    # ---- what is said ----

    async def _refuse_if_busy(self) -> None:
        _, mode, alarms = await self._state()
        if alarms:
            raise self._refusal("an alarm occurs: clear it at the panel of the chamber", "MON?", f"{alarms}")
        if mode == "RUN":
            raise self._refusal("a program runs in the chamber: end it at the panel", "MON?", mode)

    async def _state(self) -> tuple[float, str, int]:
        """Temperature in degC, operation mode, number of alarms."""
        found = await self._ask("MON?", _STATE)
        return float(found[1]), found[4], int(found[5])

    async def _settings(self) -> tuple[float, float, float]:
        """Set point, upper and lower limit in degC."""
        found = await self._ask("TEMP?", _TEMPERATURE)
        return float(found[2]), float(found[3]), float(found[4])

    async def _ask(self, question: str, pattern: re.Pattern[str]) -> re.Match[str]:
        reply = await self._accepted(question, _AFTER_QUESTION_S)
        found = pattern.fullmatch(reply)
        if found is None:
            raise self._nonsense(question, reply)
        return found

    async def _if_known(self, question: str) -> str:
        """The answer to what not every controller can be asked; empty if this one cannot."""
        reply = await self._exchange(question, _AFTER_QUESTION_S)
        return "" if reply.startswith(_REFUSED) else reply

    async def _set(self, command: str) -> None:
        """It answers with the command as it has understood it."""
        reply = await self._accepted(command, _AFTER_SETTING_S)
        if reply.replace(" ", "") != f"OK:{self._prefix}{command}".replace(" ", ""):
            raise self._nonsense(command, reply)

    async def _accepted(self, command: str, pause_s: float) -> str:
        reply = await self._exchange(command, pause_s)
        if reply.startswith(_REFUSED):
            word = reply.removeprefix(_REFUSED).strip()
            raise self._refusal(_REASONS.get(word, f"it refuses: {word}"), command, reply)
        return reply

    async def _exchange(self, command: str, pause_s: float) -> str:
        """One line and the line that answers it, as soon as the chamber may be spoken to again."""
        await self._clock.sleep_until(self._ready_s)
        reply = await self._link.ask(f"{self._prefix}{command}".encode(), _ANSWER)
        self._ready_s = self._clock.now() + pause_s
        return reply.decode("ascii", "replace").strip()

    def _refusal(self, problem: str, sent: str, received: str) -> InstrumentRefused:
        return InstrumentRefused(problem, self._link.name, sent, received)

    def _nonsense(self, sent: str, received: str) -> LinkNonsense:
        self._link.poison()
        return LinkNonsense("the answer does not fit the question", self._link.name, sent, received)


def _open(link: Link, clock: Clock, **settings: str) -> EspecPr3j:
    return EspecPr3j(link, clock, **settings)


DRIVER = AuxiliaryDriver(
    name="espec-pr3j",
    summary="ESPEC PR-3J and other chambers with a P-300 controller (text over LAN, RS-232, RS-485)",
    open=_open,
    range_K=(_RANGE_C[0] + _ZERO_C, _RANGE_C[1] + _ZERO_C),
    terminator=b"\r\n",
    serial={"baudrate": 9600},
    wire="text lines: LAN socket 57732, RS-232, RS-485",
    settings={"address": "number of its controller on an RS-485 line"},
)
