"""Simulated ESPEC PR-3J temperature and humidity chamber (Platinous J, P-300 controller). Not verified on hardware.

Theory of operation. Lines end with CR LF. A monitor command (``TEMP?``) is answered with its data, a setting command
with ``OK:`` and the command as it was sent, a mistake with ``NA:`` and what is wrong. The chamber is OFF, in STANDBY,
holds CONSTANT conditions or would RUN a program; it always takes set points and limits, and acts on them in CONSTANT
only. Air beyond a limit while it operates is an alarm, which stops it until somebody at the panel clears it.

Sources: espec-pr3j 0.5.0 (answers of a PR-3J); chamberconnectlibrary 2.2.5, ``p300.py`` and ``especinteract.py``, by
ESPEC North America (command set and error words of the P-300); ESPEC EHS communication manual, chapters 1 and 3.
Assumed: range -20 to 100 degC; rates of 3 K/min up and 1 K/min down; numbers of alarms; what ``TYPE?`` and ``ROM?``
say of a PR-3J; that a set point has to lie within the limits. Not simulated: programs, timers, control of the product's
temperature, each of which is refused in the chamber's words.
"""

from datetime import datetime, timedelta
from random import Random

from labctl_simulators.firmware.chamber_air import ChamberAir, Machine
from labctl_simulators.firmware.espec_pr3j_commands import CONSTANT, RUN, STANDBY, Refusal, answer
from labctl_simulators.firmware.scpi import LineBuffer
from labctl_simulators.firmware.spoken_to import SpokenTo

OVER_LIMIT, UNDER_LIMIT = 1, 2
_MACHINE = Machine(
    heating_K_per_s=3.0 / 60.0, cooling_K_per_s=1.0 / 60.0, settling_s=120.0, drifting_s=7200.0
)
_HUMIDITY = Machine(
    heating_K_per_s=2.0 / 60.0, cooling_K_per_s=2.0 / 60.0, settling_s=120.0, drifting_s=7200.0
)
_MADE = datetime(2026, 1, 1)  # noqa: DTZ001 - the clock on its panel knows no zone


class EspecPr3j:
    """The chamber; ``port()`` opens a connection.

    Args:
        cell: of no concern to a chamber.
        seed: of the noise.

    Attributes:
        mode: OFF, STANDBY, CONSTANT or RUN.
        set_C, upper_C, lower_C: set point and limits as somebody has set them.
        set_humidity: None: humidity is not controlled.
        alarms: numbers of those that are occurring.
        protected: somebody has forbidden changes at the panel.
    """

    circuit_closed = False

    def __init__(self, cell: object = None, seed: int = 0) -> None:
        noise = Random(seed)
        self.air: ChamberAir = ChamberAir(_MACHINE, noise_K=0.03, seed=noise.getrandbits(32))
        self.moisture: ChamberAir = ChamberAir(
            _HUMIDITY, room_C=45.0, noise_K=0.2, seed=noise.getrandbits(32)
        )
        self.mode: str = STANDBY
        self.set_C: float = 25.0
        self.upper_C: float = 100.0
        self.lower_C: float = 0.0
        self.set_humidity: float | None = None
        self.upper_humidity: float = 100.0
        self.lower_humidity: float = 0.0
        self.refrigeration: str = "REF9"
        self.relays: set[int] = set()
        self.alarms: list[int] = []
        self.protected: bool = False
        self.keys_locked: bool = False
        self.mask: str = "00000000"
        self._clock_at_0 = _MADE
        self.now_s: float = 0.0

    def port(self) -> "EspecPort":
        """A further connection; what they say comes in turn."""
        return EspecPort(self)

    def answer(self, line: bytes, now_s: float) -> bytes:
        """The answer to one line, with its end."""
        self._live(now_s)
        text = line.decode("latin-1").strip()
        try:
            said = answer(self, text)
        except Refusal as refusal:
            said = f"NA:{refusal}"
        self._steer()
        return said.encode("latin-1") + b"\r\n"

    def enter(self, mode: str) -> None:
        """Change the operation mode."""
        if mode == CONSTANT and self.alarms:
            raise Refusal("CHB NOT READY")
        self.mode = mode
        self._steer()

    def fail(self, alarm: int) -> None:
        """An alarm occurs: the chamber stops."""
        self.alarms.append(alarm)
        self.mode = STANDBY
        self._steer()

    def clear_alarms(self) -> None:
        """Somebody pressed the key at the panel."""
        self.alarms.clear()

    @property
    def date_time(self) -> datetime:
        """Its own clock."""
        return self._clock_at_0 + timedelta(seconds=self.now_s)

    @date_time.setter
    def date_time(self, set_to: datetime) -> None:
        self._clock_at_0 = set_to - timedelta(seconds=self.now_s)

    def _live(self, now_s: float) -> None:
        self.now_s = max(self.now_s, now_s)
        self.air.live_until(self.now_s)
        self.moisture.live_until(self.now_s)
        if self.mode in (CONSTANT, RUN):
            air_C = self.air.temperature_C
            if air_C > self.upper_C or air_C < self.lower_C:
                self.fail(OVER_LIMIT if air_C > self.upper_C else UNDER_LIMIT)

    def _steer(self) -> None:
        """What air and moisture are driven to follows from the mode and the set points."""
        holding = self.mode == CONSTANT
        self.air.goal_C = self.set_C if holding else None
        self.moisture.goal_C = self.set_humidity if holding else None


class EspecPort(SpokenTo):
    """One connection."""

    def __init__(self, chamber: EspecPr3j) -> None:
        self._chamber = chamber
        self._lines = LineBuffer()

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived, answer every line that is whole by now."""
        overlong = self._lines.feed(data)
        said = b"NA:CMD ERR\r\n" * overlong
        while (line := self._lines.pop()) is not None:
            if line.strip():
                said += self._chamber.answer(line, now_s)
        return said

    def close(self, now_s: float) -> None:
        """The chamber goes on as it is."""
        self._lines.clear()
