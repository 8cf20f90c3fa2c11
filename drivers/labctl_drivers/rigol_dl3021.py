"""What is said to a Rigol DL3021 or DL3021A: it discharges the cell, and measures its voltage at all times.

Manual: DL3000 Programming Guide pp. 2-20 to 2-26; dcps 0.9.3, instro 1.22.0 send the same.
"""

from labctl_drivers.rigol_instrument import RigolInstrument
from labctl_drivers.rigol_pair_setup import LOADS, Setup
from labctl_drivers.smu_setting import Readable, Setting, number, words

_LOW_RANGE_A = 4.0  # it holds all that the supply can charge with


class Dl3021(RigolInstrument):
    """The load of a pair."""

    what = "load"
    models = dict.fromkeys(LOADS)
    clear = (b"*CLS",)
    switch = (Setting(":SOUR:INP:STAT", "OFF", "0"), Setting(":SOUR:INP:STAT", "ON", "1"))
    meter = (Setting(":SOUR:SENS", "ON", "1"),)
    """What it measures the cell's voltage with, whether its input is on or off."""

    def settings(self, setup: Setup) -> tuple[Readable, ...]:
        """A constant current that nothing else steers; range before what it bounds; limits."""
        return (
            words(":SOUR:FUNC:MODE", "FIX"),
            Setting(":SOUR:FUNC", "CURR", "CC"),
            Setting(":SOUR:TRAN", "OFF", "0"),
            number(":SOUR:CURR:RANG", _LOW_RANGE_A),
            number(":SOUR:CURR:VON", setup.starts_V),
            number(":SOUR:CURR:VLIM", setup.overvoltage_V),
            number(":SOUR:CURR:ILIM", setup.overcurrent_A),
        )

    def level(self, setup: Setup, value: float) -> Setting:
        """The set point: a magnitude, since a load knows no sign."""
        return number(":SOUR:CURR:LEV:IMM", round(abs(value), 3))

    async def voltage_V(self) -> float:
        """Of the cell, by the sense leads."""
        (voltage_V,) = await self.figures(b":MEAS:VOLT?")
        return voltage_V

    async def current_A(self) -> float:
        """Into the load."""
        (current_A,) = await self.figures(b":MEAS:CURR?")
        return current_A

    async def why_off(self) -> str:
        """It does not tell."""
        return ""
