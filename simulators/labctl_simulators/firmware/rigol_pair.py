"""Simulated supply and load at one cell: a DP832, a diode behind its channel 1, and a DL3021. Not verified on hardware.

The supply is reached over the first line, the load over the second.
"""

from labctl_simulators.cells import Cell
from labctl_simulators.firmware.in_turn import TurnPort
from labctl_simulators.firmware.rigol_circuit import Circuit
from labctl_simulators.firmware.rigol_dl3021 import RigolDl3021
from labctl_simulators.firmware.rigol_dp832 import RigolDp832


class _SupplyPort(TurnPort):
    """A connection to the supply of a pair."""

    def __init__(self, pair: "RigolPair") -> None:
        super().__init__(pair.supply)
        self._pair = pair

    def beside(self) -> TurnPort:
        """A connection to the load."""
        return self._pair.second_port()


class RigolPair:
    """Two instruments and the cell that both are connected to.

    Args:
        cell: the cell.
        seed: of what is measured.
        supply, load: the models.
    """

    def __init__(self, cell: Cell, seed: int = 0, *, supply: str = "DP832", load: str = "DL3021") -> None:
        circuit = Circuit(cell)
        self.supply = RigolDp832(circuit, seed, model=supply)
        self.load = RigolDl3021(circuit, seed, model=load)

    def port(self) -> TurnPort:
        """A further connection to the supply."""
        return _SupplyPort(self)

    def second_port(self) -> TurnPort:
        """A further connection to the load."""
        return self.load.port()

    @property
    def circuit_closed(self) -> bool:
        """Whether either is on."""
        return self.supply.circuit_closed or self.load.circuit_closed
