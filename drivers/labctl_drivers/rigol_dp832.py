"""What is said to a Rigol DP832 or DP832A: channel 1 charges the cell.

Manual: DP800 Programming Guide PGH03109-1110; labmcp-bench-psu 0.1.3 and dcps 0.9.3 send the same.
"""

from typing import NamedTuple

from labctl_drivers.rigol_instrument import RigolInstrument
from labctl_drivers.rigol_pair_setup import SUPPLIES, Setup
from labctl_drivers.smu_setting import Readable, Setting, number, same


class OfChannel(NamedTuple):
    """A setting of channel 1, named before the value: ``:OUTP:OVP CH1,ON``, and asked for by ``:OUTP:OVP? CH1``."""

    header: str
    value: str

    @property
    def reads(self) -> str:
        """What it must read back as."""
        return self.value

    def set(self) -> bytes:
        """The command."""
        return f"{self.header} CH1,{self.value}".encode("ascii")

    def ask(self) -> bytes:
        """The query."""
        return f"{self.header}? CH1".encode("ascii")

    def matches(self, reply: str) -> bool:
        """Whether what was read back is what was set."""
        return same(reply, self.value)


class Dp832(RigolInstrument):
    """The supply of a pair."""

    what = "supply"
    models = SUPPLIES
    # :SOUR:VOLT:PROT:CLE would switch the output on as well; these only forget.
    clear = (b":OUTP:OVP:CLEAR CH1", b":OUTP:OCP:CLEAR CH1", b"*CLS")
    switch = (OfChannel(":OUTP", "OFF"), OfChannel(":OUTP", "ON"))

    def settings(self, setup: Setup) -> tuple[Readable, ...]:
        """Nothing that switches the output by itself; limit, protections."""
        limited = ":SOUR1:CURR" if setup.holds_voltage else ":SOUR1:VOLT"
        return (
            Setting(":INST:NSEL", "1", "1"),  # those that follow mean the selected channel
            Setting(":TIME:STAT", "OFF", "OFF"),
            Setting(":DELAY:STAT", "OFF", "OFF"),
            number(limited, setup.limit),
            OfChannel(":OUTP:OVP:VAL", f"{setup.overvoltage_V:.3f}"),
            OfChannel(":OUTP:OVP", "ON"),
            OfChannel(":OUTP:OCP:VAL", f"{setup.overcurrent_A:.3f}"),
            OfChannel(":OUTP:OCP", "ON"),
        )

    def level(self, setup: Setup, value: float) -> Setting:
        """The set point."""
        return number(":SOUR1:VOLT" if setup.holds_voltage else ":SOUR1:CURR", round(value, 3))

    async def read(self) -> tuple[float, float]:
        """Voltage at its terminals, and the current out of them."""
        voltage_V, current_A, _ = await self.figures(b":MEAS:ALL? CH1", 3)
        return voltage_V, current_A

    async def holds(self) -> str:
        """``CV``, ``CC`` or ``UR``: what it holds at the moment."""
        return (await self.ask(b":OUTP:CVCC? CH1")).upper()

    async def why_off(self) -> str:
        """Which protection has tripped."""
        for query, words in (
            (b":OUTP:OVP:QUES? CH1", "overvoltage"),
            (b":OUTP:OCP:QUES? CH1", "overcurrent"),
        ):
            if (await self.ask(query)).upper() == "YES":
                return f"its {words} protection has tripped"
        return ""
