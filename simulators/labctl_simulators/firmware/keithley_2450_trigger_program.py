"""The program of a trigger model: numbered blocks, and the events that they may name."""

from typing import NamedTuple

from labctl_simulators.firmware.scpi_parameters import OUT_OF_RANGE, ScpiError

MOST_BLOCKS = 63

EVENTS = (
    "NONE",
    "COMMand",
    "DISPlay",
    "SLIMit",
    *(f"NOTify{n}" for n in range(1, 9)),
    *(f"DIGio{n}" for n in range(1, 7)),
    *(f"TSPLink{n}" for n in range(1, 4)),
    *(f"LAN{n}" for n in range(1, 9)),
    *(f"BLENder{n}" for n in range(1, 3)),
    *(f"TIMer{n}" for n in range(1, 5)),
)
"""Events that a block may name. Those of lines, keys and timers that nothing drives here never occur."""


class Block(NamedTuple):
    """A block: its kind, as :TRIG:BLOC:LIST? names it, and its parameters in the order of its command."""

    kind: str
    arguments: tuple[object, ...] = ()


class TriggerProgram:
    """Up to 63 blocks by number; ``state`` is the one in which the last edit or run left it."""

    def __init__(self) -> None:
        self.blocks: dict[int, Block] = {}
        self.state = "EMPTY"

    def load(self, *blocks: Block) -> None:
        """Replace the program."""
        self.blocks = dict(enumerate(blocks, start=1))
        self.state = "BUILDING" if blocks else "EMPTY"

    def set_block(self, number: int, block: Block) -> None:
        """Define or replace one block."""
        if not 1 <= number <= MOST_BLOCKS:
            raise ScpiError(*OUT_OF_RANGE)
        self.blocks[number] = block
        self.state = "BUILDING"

    def listing(self) -> str:
        """Reply to :TRIG:BLOC:LIST?. Assumed: on one line, as ``n) KIND parameters`` joined by semicolons."""
        lines = (
            f"{n}) {b.kind} {', '.join(map(str, b.arguments))}".rstrip()
            for n, b in sorted(self.blocks.items())
        )
        return "; ".join(lines) or "Empty"
