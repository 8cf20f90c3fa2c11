"""Keysight E4980A and E4980AL LCR meters as impedance analysers: spectra of cells that another instrument cycles.

Verified on hardware: no; on a simulated E4980A. Believed the same: E4980AL, which ends at 300 kHz, 500 kHz or 1 MHz.
Manual: E4980A/AL User's Guide (signal p. 197, commands from p. 316). Line: LAN raw socket 5025, USB or GPIB; a message
ends with LF. Four terminals: Hcur and Hpot at the working electrode, through a capacitor that blocks direct current.

Quirks:

1. The generator, 100 ohm behind 0 V, stays at the terminals whatever is switched off (p. 197): a cell without the
   capacitor is discharged through it. Nothing here can disconnect it.
2. The capacitor is part of what is measured unless the short correction was taken behind it. That it is on is asked
   for before a sweep; whether it was taken, nobody can ask.
3. A value out of range is set to the nearest in range (E4981A User's Guide p. 209): every setting is read back.
4. A current level is what flows into a short. Only the automatic level control makes it what flows through the cell,
   and only within its range; outside, the cell is modulated less than asked for, never more.
5. Levels are rms; labctl's amplitudes are zero-to-peak.
"""

import math
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace

from labctl.clock import Clock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    LinkNonsense,
    WrongInstrument,
)
from labctl.instrument.channel import Driver, Identity, Sample, Traits
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Step
from labctl.link import Deadline, Link
from labctl_drivers.keysight_e4980a_codec import (
    MODELS,
    OVERLOADS,
    Setting,
    frequency_setting,
    parse_identity,
    parse_point,
    refused,
    setup_for,
    traits_of,
)

_ANSWER = Deadline("the answer to a setting")
_POINT = Deadline("a measurement of one frequency", takes_s=2.0)
_ATTEMPTS = 3
_CANNOT_CYCLE = "it measures impedance and cannot cycle: name it as the analyser of a channel that can"


class KeysightE4980A:
    """One LCR meter.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: whose frequencies hold until the instrument has been asked; None: those of the E4980A.
    """

    def __init__(self, link: Link, clock: Clock, model: str | None = None) -> None:
        self.traits: Traits = DRIVER.traits[model or "E4980A"]
        self.step_began_s = 0.0
        self._link = link
        self._clock = clock
        self._identity: Identity | None = None

    async def connect(self) -> Identity:
        """Identify the instrument and ask how high its frequencies go; what it does, it goes on doing.

        Raises:
            WrongInstrument: another model.
            LinkError: nothing sensible answers.
        """
        await self._link.open()
        self._identity = None
        identity = self._identity = await self._identify()
        largest_Hz = await self._number(b":FREQ? MAX")
        able = self.traits.impedance
        assert able is not None
        if not able.low_Hz < largest_Hz <= MODELS["E4980A"]:
            raise WrongInstrument(
                "frequencies of no E4980A", self._link.name, ":FREQ? MAX", f"{largest_Hz:g}"
            )
        self.traits = replace(self.traits, impedance=replace(able, high_Hz=largest_Hz))
        return identity

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Refuse: it cannot cycle.

        Raises:
            CannotHold: always.
        """
        raise CannotHold(_CANNOT_CYCLE, self._link.name)

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Measure a spectrum about open circuit; what it sends belongs to the epoch of this call.

        Raises:
            CannotHold: at once, before a byte has left.
        """
        if reason := refused(spec, self.traits):
            raise CannotHold(reason, self._link.name)
        return self._sweep(spec, self._link.fence.epoch)

    async def _sweep(self, spec: ImpedanceSpec, epoch: int) -> AsyncGenerator[ImpedancePoint, None]:
        await self._arm(spec, epoch)
        self.step_began_s = self._clock.now()
        for asked_Hz in spec.frequencies_Hz():
            await self._set(frequency_setting(asked_Hz), epoch)
            made_Hz = await self._number(b":FREQ?")
            await self._link.send(b":TRIG:IMM", epoch=epoch)
            reply = await self._ask(b":FETC?", _POINT)
            point = parse_point(reply)
            if point is None:
                raise self._nonsense(":FETC?", reply)
            if point.status in OVERLOADS:
                raise InvalidReading(
                    f"{OVERLOADS[point.status]} at {made_Hz:g} Hz", self._link.name, ":FETC?", reply
                )
            yield ImpedancePoint(self._clock.now(), made_Hz, point.first, point.second, point.status)
        await self._quiet()

    async def _arm(self, spec: ImpedanceSpec, epoch: int) -> None:
        """Everything with its read-back; the level, which modulates the cell, last."""
        if await self._ask(b":CORR:SHOR:STAT?") != "1":
            raise InstrumentRefused(
                "its short correction is off, so the capacitor before the cell would be taken for the cell: "
                "take it with the capacitor in place and switch it on",
                self._link.name,
                ":CORR:SHOR:STAT?",
                "0",
            )
        await self._link.send(b":ABOR")
        await self._link.send(b"*CLS")
        for setting in setup_for(spec):
            await self._set(setting, epoch)
        await self._refuse_errors("the setup of a sweep")

    async def make_safe(self) -> None:
        """No signal and no bias, read back; its source resistance stays at the terminals.

        Raises:
            CellStateUnknown: three attempts did not show it.
        """
        self._link.fence.advance()
        problem = ""
        for attempt in range(_ATTEMPTS):
            try:
                if attempt or self._link.poisoned:
                    with suppress(LinkError):
                        await self._send_quiet()
                    await self._link.resynchronise()
                    if await self._identify() != self._identity and self._identity is not None:
                        raise WrongInstrument("another instrument answers than before", self._link.name)
                await self._quiet()
                return
            except (LinkError, InstrumentError) as error:
                problem = error.words
        raise CellStateUnknown(
            problem, self._link.name, ":BIAS:STAT OFF", cell="unknown, look at the analyser"
        )

    async def inspect(self) -> tuple[str, ...]:
        """What it is set to, as read back."""
        bias = "on" if await self._ask(b":BIAS:STAT?") == "1" else "off"
        short = "on" if await self._ask(b":CORR:SHOR:STAT?") == "1" else "off: labctl will not sweep"
        return f"bias {bias}", f"short correction {short}", f"options {await self._ask(b'*OPT?')}"

    async def close(self) -> None:
        """Give the port back."""
        await self._link.close()

    # ---- what is said ----

    async def _send_quiet(self) -> None:
        for command in (b":ABOR", b":BIAS:STAT OFF", b":VOLT 0", b":TRIG:SOUR HOLD"):
            await self._link.send_anyway(command)

    async def _quiet(self) -> None:
        await self._send_quiet()
        bias, level_V = await self._ask(b":BIAS:STAT?"), await self._number(b":VOLT?")
        if bias != "0" or level_V != 0.0:
            raise InstrumentRefused(
                "bias and signal do not read back as off",
                self._link.name,
                ":BIAS:STAT?;:VOLT?",
                f"{bias};{level_V:g}",
            )

    async def _ask(self, query: bytes, deadline: Deadline = _ANSWER) -> str:
        return (await self._link.ask(query, deadline)).decode("ascii", "replace").strip()

    async def _number(self, query: bytes) -> float:
        reply = await self._ask(query)
        try:
            value = float(reply)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self._nonsense(query.decode(), reply)
        return value

    async def _set(self, setting: Setting, epoch: int) -> None:
        await self._link.send(setting.set(), epoch=epoch)
        reply = await self._ask(setting.ask())
        if not setting.matches(reply):
            await self._refuse_errors(setting.set().decode())
            raise InstrumentRefused(
                "the setting was not taken", self._link.name, setting.set().decode(), reply
            )

    async def _refuse_errors(self, sent: str) -> None:
        reply = await self._ask(b":SYST:ERR?")
        code, _, words = reply.partition(",")
        if not code.lstrip("+-").isdigit():
            raise self._nonsense(":SYST:ERR?", reply)
        if int(code):
            raise InstrumentRefused(f"error {int(code)}, {words}", self._link.name, sent, reply)

    async def _identify(self) -> Identity:
        reply = await self._ask(b"*IDN?")
        identity = parse_identity(reply)
        if identity is None:
            raise WrongInstrument(
                "this driver knows the Keysight E4980A and E4980AL", self._link.name, "*IDN?", reply
            )
        return identity

    def _nonsense(self, sent: str, reply: str) -> LinkNonsense:
        self._link.poison()
        return LinkNonsense("the answer does not fit the question", self._link.name, sent, reply)


def _refuse_step(step: Step, traits: Traits) -> None:
    """No step of any kind.

    Raises:
        CannotHold: always.
    """
    raise CannotHold(_CANNOT_CYCLE)


DRIVER = Driver(
    name="keysight-e4980a",
    summary="Keysight E4980A, E4980AL LCR meters (SCPI over LAN, USB or GPIB); impedance only, as an analyser",
    traits={name: traits_of(name) for name in MODELS},
    terminator=b"\n",
    open=KeysightE4980A,
    wire="SCPI: LAN socket, USB, GPIB",
    check_step=_refuse_step,
)
