"""``labctl watch``: all channels of a station, live on a terminal, as lines of JSON for a program."""

import json as json_text
import sys
import time
from typing import TYPE_CHECKING, Any

from labctl.cli import options
from labctl.cli.screen import drawn_on
from labctl.cli.station import Served
from labctl.invisible import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

_EVERY_S = 0.5
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

            Console(width=200, file=drawn_on(sys.stdout)).print(_picture(client.ask("status")))


def _lines(client: Any) -> None:
    while True:
        print(json_text.dumps(client.ask("status"), ensure_ascii=False), flush=True)
        _wait()


def _live(client: Any) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(file=drawn_on(sys.stdout))
    with Live(_picture(client.ask("status")), console=console, auto_refresh=False, screen=True) as live:
        while True:
            _wait()
            live.update(_picture(client.ask("status")), refresh=True)


def _wait() -> None:
    time.sleep(_EVERY_S)  # noqa: TID251  a person's eyes, not an instrument


def _picture(status: dict[str, Any]) -> "RenderableType":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=f"station {status['station']}", title_justify="left", box=None, pad_edge=False, expand=True
    )
    for name in ("channel", "state", "run", "cell", "protocol"):
        table.add_column(name, no_wrap=True)
    for name in ("cycle", "time", "voltage", "current", "charge", "queue"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("doing", no_wrap=True, overflow="ellipsis", ratio=1)
    reasons = []
    for channel in status["channels"]:
        style = _STYLES.get(channel["state"], "")
        table.add_row(*(Text(visible(text), style) for text in _cells(channel)))
        if channel["reason"]:
            what_now = _WHAT_NOW.format(**channel) if channel["state"] == "held" else ""
            reasons.append(Text(visible(f"{channel['channel']}: {channel['reason']}{what_now}"), style))
    return Group(table, Text(), *reasons)


def _cells(channel: dict[str, Any]) -> list[str]:
    from labctl.cli.output import duration

    def figure(key: str, scale: float, unit: str) -> str:
        value = channel[key]
        return "" if value is None else f"{value * scale:+.4f} {unit}"

    return [
        channel["channel"],
        channel["state"],
        str(channel["run_id"] or ""),
        channel["cell"],
        channel["protocol"],
        str(channel["cycle"] or ""),
        "" if channel["time_s"] is None else duration(channel["time_s"]),
        figure("voltage_V", 1.0, "V"),
        figure("current_A", 1e3, "mA"),
        "" if channel["charge_C"] is None else f"{channel['charge_C'] / 3.6:.4f} mAh",
        str(channel["queued"] or ""),
        channel["doing"],
    ]
