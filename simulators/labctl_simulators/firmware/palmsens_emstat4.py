"""Simulated PalmSens EmStat4 (HR as in 4S and 4X, LR) and Nexus, speaking MethodSCRIPT. Not verified on hardware.

Theory of operation. A serial line (methodscript_line) takes commands and scripts; a script is compiled
(methodscript) and run by a machine (methodscript_machine) in the instrument's own time; its measurement loops
(methodscript_techniques, _sweeps, _impedance) act on a potentiostat (methodscript_potentiostat) with a cell.

Source: EmStat4 communication protocol v1.3, MethodSCRIPT manual v1.8.
"""

from __future__ import annotations

import random

from labctl_simulators.cells import Cell

from .methodscript_controller import Controller
from .methodscript_line import SerialLine
from .methodscript_models import MODELS
from .methodscript_potentiostat import Potentiostat


class EmStat4:
    """An instrument with one channel, one line, and a cell.

    Args:
        cell: What is connected to it.
        seed: Seed of its measurement noise.
        model: ``es4_hr``, ``es4_lr`` or ``nexus1``, as the instruments name themselves.
        serial: Serial number, the answer to ``i``.
    """

    def __init__(
        self, cell: Cell, seed: int = 0, *, model: str = "es4_hr", serial: str = "ES4SIM0001"
    ) -> None:
        self._front = Potentiostat(cell, MODELS[model], random.Random(seed))
        self._controller = Controller(self._front, serial)
        self._line_taken = False
        self._was_left = False

    def port(self) -> SerialLine:
        """The serial line; only one peer at a time can have it.

        Raises:
            ConnectionRefusedError: if its present peer has not closed it.
        """
        if self._line_taken:
            raise ConnectionRefusedError("the instrument has one serial line, and it is taken")
        self._line_taken = True
        return SerialLine(self._controller, self._leave, catch_up=self._was_left)

    def _leave(self) -> None:
        """The peer has left: a running script goes on, what it sends is lost."""
        self._line_taken = False
        self._was_left = True

    @property
    def circuit_closed(self) -> bool:
        """True while the relay connects the cell."""
        return self._front.cell_on
