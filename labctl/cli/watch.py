"""``labctl watch``: all channels of a station, live on a terminal, as lines of JSON for a program."""

import json as json_text
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from labctl.cli import options
from labctl.cli.screen import drawn_on
from labctl.cli.station import Served
from labctl.invisible import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

_EVERY_S = 0.5
_WIDE = 200
_STYLES = {
    "running": "green",
    "last step": "green",
    "skipping": "green",
    "held": "bold red",
    "unsafe": "bold white on red",
    "paused": "yellow",
    "pausing": "yellow",
    "idle": "dim",
}

_WHAT_NOW = "; labctl resume {channel} goes on with it, labctl skip {channel} gives it up"


def watch(station: Served = None, json: options.Json = False) -> None:
    """Show all channels of a station until Ctrl-C; where there is no terminal, once.

    With --json one line for each look, twice a second, until the reader goes away.
    """
    from labctl.station.client import StationClient

    with StationClient(station) as client:
        if json:
            _lines(client)
        elif sys.stdout.isatty():
            _live(client)
        else:
            from rich.console import Console

            console = Console(width=_WIDE, file=drawn_on(sys.stdout))
            console.print(_picture(client.ask("status"), _WIDE))


def _lines(client: Any) -> None:
    while True:
        print(json_text.dumps(client.ask("status"), ensure_ascii=False), flush=True)
        _wait()


def _live(client: Any) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(file=drawn_on(sys.stdout))
    with suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            live.update(_picture(client.ask("status"), console.width), refresh=True)
            _wait()


def _wait() -> None:
    time.sleep(_EVERY_S)  # noqa: TID251  a person's eyes, not an instrument


class _Column(NamedTuple):
    """A column of the picture; it is left out on a terminal that is narrower than ``from_width`` characters."""

    name: str
    cell: Callable[[dict[str, Any]], str]
    from_width: int = 0
    justify: Literal["left", "right"] = "left"


def _figure(key: str, scale: float, unit: str, form: str = "+.4f") -> Callable[[dict[str, Any]], str]:
    return lambda channel: "" if channel[key] is None else f"{channel[key] * scale:{form}} {unit}"


def _text(key: str) -> Callable[[dict[str, Any]], str]:
    return lambda channel: str(channel[key] or "")


def _time(channel: dict[str, Any]) -> str:
    from labctl.cli.output import duration

    return "" if channel["time_s"] is None else duration(channel["time_s"])


def _temperature(channel: dict[str, Any]) -> str:
    from labctl.units import show_celsius

    kelvin = channel.get("temperature_K")  # a station of an earlier labctl says none
    return "" if kelvin is None else show_celsius(kelvin)


_COLUMNS = (
    _Column("channel", _text("channel")),
    _Column("state", _text("state")),
    _Column("run", _text("run_id")),
    _Column("cell", _text("cell"), 90),
    _Column("protocol", _text("protocol"), 110),
    _Column("cycle", _text("cycle"), 0, "right"),
    _Column("time", _time, 0, "right"),
    _Column("voltage", _figure("voltage_V", 1.0, "V"), 0, "right"),
    _Column("current", _figure("current_A", 1e3, "mA"), 0, "right"),
    _Column("charge", _figure("charge_C", 1.0 / 3.6, "mAh", ".4f"), 90, "right"),
    _Column("temperature", _temperature, 0, "right"),
    _Column("queue", _text("queued"), 0, "right"),
    _Column("doing", _text("doing"), 140),
)


def _picture(status: dict[str, Any], width: int) -> "RenderableType":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    known = any(map(_temperature, status["channels"]))
    shown = [column for column in _COLUMNS if known or column.cell is not _temperature]
    columns = [column for column in shown if column.from_width <= width]
    table = Table(
        title=f"station {status['station']}",
        title_justify="left",
        box=None,
        pad_edge=False,
        expand=width >= 140,
    )
    for column in columns:
        table.add_column(
            column.name, justify=column.justify, no_wrap=True, ratio=1 if column.name == "doing" else None
        )
    reasons = [Text(visible(status["notice"]), "yellow")] if status.get("notice") else []
    for channel in status["channels"]:
        style = _STYLES.get(channel["state"], "")
        table.add_row(*(Text(visible(column.cell(channel)), style) for column in columns))
        if channel["reason"]:
            what_now = _WHAT_NOW.format(**channel) if channel["state"] == "held" else ""
            reasons.append(Text(visible(f"{channel['channel']}: {channel['reason']}{what_now}"), style))
    return Group(table, Text(), *reasons)
