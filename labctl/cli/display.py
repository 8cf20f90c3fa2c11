"""What a person sees while a run goes on: a live panel on a terminal, a plain log elsewhere."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from labctl.cli.output import duration
from labctl.cli.screen import drawn_on
from labctl.engine.run import Run
from labctl.instrument.channel import Identity
from labctl.invisible import visible
from labctl.protocol import estimate
from labctl.protocol.plan import Node, Plan, StepNode
from labctl.station.connect import ChannelSpec
from labctl.units import show_celsius

if TYPE_CHECKING:
    from rich.console import RenderableType

_LOGGED_HALF_CYCLES = 10
_SAFETY = (
    "labctl is not a rated safety function: cells that can burn need their own over-voltage and "
    "over-temperature relay, and containment"
)


class Display:
    """Shows one run on standard error. Reads the run's present state a few times a second; never slows it.

    Args:
        plan: what is run.
        channel: where.
        quiet: show nothing (for machines).
    """

    def __init__(self, plan: Plan, channel: ChannelSpec, *, quiet: bool) -> None:
        self._plan = plan
        self._channel = channel
        self._quiet = quiet
        self._run: Run | None = None
        self._heading = ""
        self._expected_s = estimate(plan).duration_s
        self._last_lines: list[str] = []
        self._live = None
        if not quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                get_renderable=self._panel,
                console=Console(file=drawn_on(sys.stderr)),
                refresh_per_second=8,
                transient=True,
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def started(self, run: Run, run_id: int, identity: Identity) -> None:
        """The run begins."""
        self._run = run
        self._heading = f"run {run_id}: {self._plan.protocol} on {identity}"
        if self._live is None:
            self._line(self._heading)
        self._line(_SAFETY)

    def tell(self, kind: str, sentence: str) -> None:
        """Something worth a line; of the half-cycles only some, or a log of weeks would be unreadable."""
        if kind == "half_cycle" and self._live is None and not self._worth_logging():
            return
        self._line(sentence)

    def _worth_logging(self) -> bool:
        cycle = self._run.place.cycle if self._run is not None and self._run.place is not None else 0
        return cycle <= 1 or cycle % _LOGGED_HALF_CYCLES == 0

    def _line(self, text: str) -> None:
        if self._quiet:
            return
        if self._live is not None:
            self._last_lines = [*self._last_lines, visible(text)][-6:]
        else:
            print(text, file=sys.stderr, flush=True)

    def _panel(self) -> "RenderableType":
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 3))
        for name, value in self._figures():
            table.add_row(Text(name, style="dim"), Text(visible(value), style="bold"))
        lines = Text("\n".join(self._last_lines), style="dim")
        body = Table.grid()
        body.add_row(table)
        body.add_row(lines)
        return Panel(body, title=Text(visible(self._heading or self._plan.protocol)), expand=False)

    def _figures(self) -> list[tuple[str, str]]:
        run = self._run
        if run is None or run.place is None or run.sample is None:
            return [("state", "connecting")]
        sample, present = run.sample, run.half_cycles.present
        elapsed_s = run.elapsed_s or 0.0
        equilibrium_V = self._plan.cell.equilibrium_voltage_V
        rows = [
            ("cycle", str(run.place.cycle)),
            ("step", _words(run.place.node)),
            (
                "time",
                f"{duration(elapsed_s)}, at most {duration(max(self._expected_s - elapsed_s, 0.0))} left",
            ),
            ("voltage", f"{sample.voltage_V:+.4f} V"),
            ("current", f"{sample.current_A * 1e3:+.4f} mA"),
        ]
        if equilibrium_V is not None and sample.current_A:
            sign = 1.0 if sample.current_A > 0.0 else -1.0
            rows.append(("overpotential", f"{(sample.voltage_V - equilibrium_V) * sign * 1e3:.1f} mV"))
        if (temperature_K := run.temperature_K) is not None:
            rows.append(("temperature", show_celsius(temperature_K)))
        if present is not None:
            rows.append(("capacity", f"{present.charge_C / 3.6:.4f} mAh in this half-cycle"))
        return rows


def _words(node: Node) -> str:
    """What is being done, with what ends it."""
    if isinstance(node, StepNode):
        return f"{node.kind.replace('_', ' ')} until {' or '.join(map(str, node.ends))}"
    return node.path
