"""What binding needs everywhere: the cell, the safety window, and a place for problems."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as FilePath

from labctl.instrument.step import SafetyLimits, Sampling
from labctl.instrument.temperature import Band
from labctl.protocol import bind_temperature, model
from labctl.protocol.bind_cell import current_A, describe_cell
from labctl.protocol.document import Node, Path
from labctl.protocol.plan import CellDescription, StepNode
from labctl.protocol.problems import Mark, Problems
from labctl.protocol.scheduled import Record
from labctl.units import Quantity, QuantityError, show

SHORTEST_INTERVAL_s = 1e-3
LONGEST_INTERVAL_s = 3600.0


@dataclass(frozen=True, slots=True)
class Frame:
    """The surroundings in which steps are bound.

    A value that cannot be bound is noted in ``problems`` and goes on as NaN, which compares false with everything:
    one mistake is told once. No plan is made while there are problems.
    """

    root: Node
    problems: Problems
    cell: CellDescription
    safety: SafetyLimits
    directory: FilePath | None
    temperature: Band | None = None

    def refuse(self, path: Path, problem: str, remedy: str) -> None:
        """Note a problem with the value at ``path``."""
        self.problems.add(self.root.find(path).mark, problem, remedy)

    def mark_of(self, node: StepNode) -> Mark:
        """Where the step of a plan stands."""
        parts = re.findall(r"(\w+)|\[(\d+)\]", node.path)
        return self.root.key_mark(tuple(word or int(index) for word, index in parts))

    def amperes(self, quantity: Quantity, path: Path) -> float:
        """A current on this cell, with its sign."""
        return self.bound(current_A, quantity, path)

    def bound(
        self, convert: Callable[[Quantity, CellDescription], float], quantity: Quantity, path: Path
    ) -> float:
        """A quantity on this cell."""
        try:
            return convert(quantity, self.cell)
        except QuantityError as error:
            self.refuse(path, error.problem, error.remedy)
            return math.nan

    def inside_window(self, voltage_V: float, path: Path) -> None:
        """Refuse a voltage at or beyond the safety limits, where it would end as a fault."""
        low, high = self.safety.voltage_min_V, self.safety.voltage_max_V
        if voltage_V <= low or voltage_V >= high:
            self.refuse(
                path,
                f"{show(voltage_V, 'V')} is not inside the safety window, {show(low, 'V')} to {show(high, 'V')}",
                "stay inside, or widen `safety: {voltage: [...]}` if the cell allows it",
            )

    def below_limit(self, current: float, path: Path) -> None:
        """Refuse a current at or beyond the safety limit."""
        if abs(current) >= self.safety.current_max_A:
            self.refuse(
                path,
                f"{show(current, 'A')} is not below the safety current, {show(self.safety.current_max_A, 'A')}",
                "mA or uA meant? Lower it, or raise `safety: {current: ...}` if the cell allows it",
            )

    def sampling(self, record: Record, path: Path) -> Sampling:
        """When to keep a sample."""
        every_s = record.every.value
        if not SHORTEST_INTERVAL_s <= every_s <= LONGEST_INTERVAL_s:
            self.refuse(
                (*path, "every"),
                f"a sample every {record.every.text} is out of range",
                f"write {show(SHORTEST_INTERVAL_s, 's')} to {show(LONGEST_INTERVAL_s, 's')}",
            )
            every_s = math.nan
        change = record.current_change
        return Sampling(
            every_s=every_s,
            voltage_change_V=None if record.voltage_change is None else record.voltage_change.value,
            current_change_A=None if change is None else self.amperes(change, (*path, "current_change")),
        )


def make_frame(protocol: model.Protocol, root: Node, problems: Problems, directory: FilePath | None) -> Frame:
    """Bind the cell and the safety window; ``directory`` is where the files are that it names."""
    low, high = (voltage.value for voltage in protocol.safety.voltage)
    equilibrium = protocol.cell.equilibrium_voltage
    # A window symmetric about 0 V is that of a symmetric cell.
    equilibrium_V = equilibrium.value if equilibrium is not None else 0.0 if low == -high else None
    try:
        cell = describe_cell(protocol.cell, equilibrium_V)
    except QuantityError as error:
        problems.fatal(root.find(("cell", "nominal_capacity")).mark, error.problem, error.remedy)
    unlimited = Frame(root, problems, cell, SafetyLimits(low, high, math.inf), directory)
    current_max_A = unlimited.amperes(protocol.safety.current, ("safety", "current"))
    temperature = bind_temperature.limits(protocol.safety, unlimited)
    frame = Frame(root, problems, cell, SafetyLimits(low, high, current_max_A), directory, temperature)
    if low >= high:
        upper = root.find(("safety", "voltage", 1)).mark
        problems.fatal(upper, "the upper voltage is not above the lower", "write [lowest, highest]")
    if equilibrium is not None:
        frame.inside_window(equilibrium.value, ("cell", "equilibrium_voltage"))
    return frame
