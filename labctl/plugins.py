"""What is installed beside labctl: drivers, simulated instruments, cells and attachments, found by entry point."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from labctl.errors import UserError
from labctl.instrument.auxiliary import AuxiliaryDriver
from labctl.instrument.channel import Driver

_ONE = {"auxiliaries": "thermometer or chamber"}


def names(kind: str) -> list[str]:
    """Names registered in the group ``labctl.<kind>``: drivers, auxiliaries, simulators, cells, attachments."""
    return sorted(point.name for point in entries(kind))


def driver(name: str) -> Driver:
    """The driver of that name.

    Raises:
        UserError: there is none.
    """
    found: Driver = _entry("drivers", name).load()
    return found


def auxiliary(name: str) -> AuxiliaryDriver:
    """The driver of a thermometer or chamber of that name.

    Raises:
        UserError: there is none.
    """
    found: AuxiliaryDriver = _entry("auxiliaries", name).load()
    return found


def simulated_auxiliary(name: str, seed: int) -> Any:
    """A simulated thermometer or chamber; no cell lies in it.

    Raises:
        UserError: there is none.
    """
    make: Callable[[Any, int], Any] = _entry("simulators", name).load()
    return make(None, seed)


def cell(text: str, seed: int) -> Any:
    """The simulated cell that ``text`` names: ``na50k50``, ``resistor:100``.

    Raises:
        UserError: there is none, or its argument is not understood.
    """
    name, _, argument = text.partition(":")
    make: Callable[[str | None, int], Any] = _entry("cells", name).load()
    try:
        return make(argument or None, seed)
    except ValueError as error:
        raise UserError(f"cell {text!r}: {error}") from error


def simulator(name: str, cell_text: str, seed: int, history: Iterable[tuple[float, float]] = ()) -> Any:
    """A simulated instrument with a simulated cell connected to it.

    Args:
        name: of the instrument.
        cell_text: as for ``cell``.
        seed: of everything simulated.
        history: what the cell has lived through before: durations in s and currents in A.

    Raises:
        UserError: one of the two is not known.
    """
    make: Callable[[Any, int], Any] = _entry("simulators", name).load()
    lived = cell(cell_text, seed)
    for duration_s, current_A in history:
        lived.advance_current(duration_s, current_A)
    return make(lived, seed)


def simulated_pair(
    name: str, analyser: str, cell_text: str, seed: int, history: Iterable[tuple[float, float]] = ()
) -> tuple[Any, Any]:
    """A simulated instrument and a simulated analyser, behind a capacitor, at one simulated cell.

    Args:
        name: of the instrument that cycles.
        analyser: of the analyser.
        cell_text, seed, history: as for ``simulator``.

    Raises:
        UserError: one of the three is not known.
    """
    make: Callable[[Any, int], Any] = _entry("simulators", name).load()
    make_analyser: Callable[[Any, int], Any] = _entry("analysers", analyser).load()
    share: Callable[[Any], tuple[Any, Any]] = _entry("wirings", "shared").load()
    lived = cell(cell_text, seed)
    for duration_s, current_A in history:
        lived.advance_current(duration_s, current_A)
    first, second = share(lived)
    return make(first, seed), make_analyser(second, seed)


def troubled_simulator(name: str, cell_text: str, seed: int, faults: str) -> Any:
    """A simulated instrument to which ``faults`` happen: ``late=0.02,mute@30+5``.

    Raises:
        UserError: one of the three is not known.
    """
    make: Callable[[Any, int, str], Any] = _entry("chaos", name).load()
    try:
        return make(cell(cell_text, seed), seed, faults)
    except ValueError as error:
        raise UserError(f"--chaos {faults}: {error}") from error


def attachment(kind: str) -> Callable[..., Any]:
    """The coroutine function that serves a simulated instrument over ``tcp`` or ``pty``."""
    serve: Callable[..., Any] = _entry("attachments", kind).load()
    return serve


@cache
def entries(kind: str) -> tuple[EntryPoint, ...]:
    """What is registered in ``labctl.<kind>``; to find it, the metadata of every installed package is read."""
    return tuple(entry_points(group=f"labctl.{kind}"))


def _entry(kind: str, name: str) -> EntryPoint:
    for point in entries(kind):
        if point.name == name:
            return point
    known = names(kind)
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
    raise UserError(f"no {_ONE.get(kind, kind[:-1])} is called {name!r}; {hint}")
