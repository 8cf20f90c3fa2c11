"""The command tree of the 2400 series (2400S-900-01 Rev. K chapter 18), filled by the modules of its branches."""

from typing import TYPE_CHECKING

from labctl_simulators.firmware.scpi import CommandTree
from labctl_simulators.firmware.scpi_settings import Declarations
from labctl_simulators.firmware.scpi_status import declare_common, declare_whole_queue

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2400 import Keithley2400 as Smu

TREE = CommandTree()
declare = Declarations(TREE, lambda value: f"{value:+.6E}")
declare_common(TREE)
declare_whole_queue(TREE)


def most(smu: "Smu", function: str) -> float:
    """The largest voltage or current that can be set, in V or A."""
    return smu.model.maximum_current_A if function == "CURR" else smu.model.maximum_voltage_V
