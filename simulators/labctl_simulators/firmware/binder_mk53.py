"""Simulated BINDER MK 53 alternating climate chamber with an MB1 controller. Not verified on hardware.

Theory of operation. Registers of 16 bits; a temperature is an IEEE single in two of them, the low one first. The
chamber is idle, holds the set point of its manual or of its basic mode, or would run a program. An alarm stops it
until somebody at the panel resets it. Functions 3 and 4 read the same registers, 6 and 16 write.

Source: BINDER Interface Technical Specifications (Art. No. 7001-0242) sections 2.7 to 2.11, as cited by ovenctl
(Solarflare Communications) and basil's ``binder_mk53``; ovenctl for the addresses of door, alarm and texts; BINDER
MK operating manual (-40 to 180 degC).
Assumed: rates of 4 K/min up and 2 K/min down; exception 3 for half a temperature and for the start of a program, of
which there are none; in idle mode the set point that is shown is that of the manual mode.
"""

import struct
from collections.abc import Sequence

from labctl_simulators.firmware.chamber_air import ChamberAir, Machine
from labctl_simulators.firmware.modbus import ADDRESS, VALUE, ModbusFault, ModbusPort

LEAST_C, MOST_C = -40.0, 180.0
IDLE, BASIC, MANUAL, AUTOMATIC = 0, 0x1000, 0x0800, 0x0400
AIR, SHOWN, MANUAL_SET, BASIC_SET = 0x11A9, 0x1077, 0x1581, 0x156F
MODE, TRACKS, DOOR, LIMIT, ALARM, NOTE = 0x1A22, 0x158B, 0x1007, 0x10BD, 0x123D, 0x123E
TEXT, TEXT_WORDS = 0x1228, 0x14
BROKEN_C = 200001.0
DENIED = 5
_MACHINE = Machine(heating_K_per_s=4.0 / 60.0, cooling_K_per_s=2.0 / 60.0, settling_s=90.0, drifting_s=5400.0)


class BinderMk53:
    """The chamber; ``port()`` opens a connection.

    Args:
        cell: of no concern to a chamber.
        seed: of the noise.
        unit: its Modbus address.

    Attributes:
        mode: a bit for manual, basic or automatic; 0: idle.
        set_C: set points by register.
        alarm: text of the alarm that occurs; empty: none.
        broken: its sensor has a broken wire.
    """

    circuit_closed = False
    functions = frozenset({3, 4, 6, 16})

    def __init__(self, cell: object = None, seed: int = 0, *, unit: int = 1) -> None:
        self.air = ChamberAir(_MACHINE, noise_K=0.01, seed=seed)
        self.unit = unit
        self.mode = IDLE
        self.set_C = {MANUAL_SET: 25.0, BASIC_SET: 25.0}
        self.tracks = 0
        self.alarm = ""
        self.broken = False
        self.door_open = False

    def port(self) -> ModbusPort:
        """A further connection."""
        return ModbusPort(self, self.unit, "rtu")

    def fail(self, text: str) -> None:
        """An alarm occurs: the chamber stops."""
        self.alarm = text
        self._steer()

    def reset(self) -> None:
        """Somebody pressed RESET at the panel."""
        self.alarm = ""
        self._steer()

    # ---- registers ----

    def read(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Holding and input registers are the same."""
        self.air.live_until(now_s)
        known = self._registers()
        wanted = range(address, address + count)
        if not all(number in known for number in wanted):
            raise ModbusFault(ADDRESS)
        return [known[number] for number in wanted]

    def write(self, address: int, words: Sequence[int], now_s: float) -> None:
        """One value in one request."""
        self.air.live_until(now_s)
        if address in self.set_C:
            self._set_temperature(address, words)
        elif address in (MODE, TRACKS):
            self._set_word(address, words)
        elif address in self._registers():
            raise ModbusFault(DENIED)
        else:
            raise ModbusFault(ADDRESS)
        self._steer()

    def _set_temperature(self, address: int, words: Sequence[int]) -> None:
        if len(words) != 2:
            raise ModbusFault(VALUE)
        (wanted_C,) = struct.unpack(">f", struct.pack(">HH", words[1], words[0]))
        if not LEAST_C <= wanted_C <= MOST_C:
            raise ModbusFault(VALUE)
        self.set_C[address] = wanted_C

    def _set_word(self, address: int, words: Sequence[int]) -> None:
        if (
            len(words) != 1
            or (address == MODE and words[0] not in (IDLE, BASIC, MANUAL))
            or words[0] > 0x1FFF
        ):
            raise ModbusFault(VALUE)
        if address == MODE:
            self.mode = words[0]
        else:
            self.tracks = words[0]

    def _registers(self) -> dict[int, int]:
        floats = {AIR: self._shown_air_C(), SHOWN: self._held_C(), **self.set_C}
        words = {
            MODE: self.mode,
            TRACKS: self.tracks,
            DOOR: int(self.door_open),
            LIMIT: 0,
            ALARM: int(bool(self.alarm)),
            NOTE: int(self.door_open),
        }
        for address, value in floats.items():
            words[address + 1], words[address] = struct.unpack(">HH", struct.pack(">f", value))
        for place, letter in enumerate(self.alarm.ljust(TEXT_WORDS)[:TEXT_WORDS]):
            words[TEXT + place] = ord(letter)
        return words

    def _shown_air_C(self) -> float:
        return BROKEN_C if self.broken else round(self.air.reading_C(), 2)

    def _held_C(self) -> float:
        return self.set_C[BASIC_SET if self.mode == BASIC else MANUAL_SET]

    def _steer(self) -> None:
        holding = self.mode in (BASIC, MANUAL) and not self.alarm
        self.air.goal_C = self._held_C() if holding else None
