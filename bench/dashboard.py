"""What a browser makes of the dashboard: frames of a wall of 1,000 channels at 4 Hz, and a run of 5 million samples.

The wall is told of every channel four times a second; frames are counted by the browser itself while it draws. The run
is opened and zoomed with the keyboard; a time ends with the frame after the one in which the plot was drawn. Beside
it stands a page that does nothing but draw as many points with uPlot, in the same browser.

    python bench/dashboard.py [--channels 1000] [--samples 5000000] [--database PATH]
"""

import argparse
import asyncio
import functools
import http.server
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from ingest import INSERT, open_run
from playwright.sync_api import Browser, Page, sync_playwright

import labctl.web
from labctl.station.listen import Listen
from labctl.store.sqlite import load_dbapi
from labctl.store.store import Store
from labctl.telemetry.messages import ChannelState, Message, StationStatus
from labctl.web.door import LocalDoor
from labctl.web.server import serve_dashboard

STATIC = Path(labctl.web.__file__).with_name("static")
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
WATCHED_S = 10.0
SETTLE_S = 4.0
ZOOMS = 12
STATES = ["running"] * 12 + ["held", "paused", "idle", "last step"]

# --- what is served ------------------------------------------------------------------------------------------------


class ManyChannels:
    """A feed in which every channel changes four times a second.

    Args:
        count: how many channels.
    """

    def __init__(self, count: int) -> None:
        self.names = tuple(f"c{n}" for n in range(1, count + 1))

    async def messages(self) -> AsyncGenerator[Message, None]:
        """The station, then its channels for ever."""
        yield StationStatus(
            station="bench",
            online=True,
            version="1",
            channels=self.names,
            since_unix_second=0.0,
            updated_unix_second=0.0,
        )
        while True:
            begun_s = time.monotonic()
            for n, name in enumerate(self.names):
                yield _state(n, name, begun_s)
            await asyncio.sleep(max(0.0, begun_s + 0.25 - time.monotonic()))


def _state(n: int, name: str, now_s: float) -> ChannelState:
    state = STATES[n % len(STATES)]
    idle = state == "idle"
    return ChannelState(
        station="bench",
        channel=name,
        state=state,
        reason="overpotential_jump: 164 mV is 2.0 times the 81 mV of earlier cycles"
        if state == "held"
        else "",
        run_id=None if idle else 1,
        cell="" if idle else f"NaK-{n}",
        cycle=n % 50,
        voltage_volt=None if idle else 0.08 * math.sin(now_s + n),
        current_ampere=None if idle else 1.131e-4,
        overpotential_volt=None if idle else 0.05 + 1e-4 * n,
        remaining_second=3600.0 * n,
        updated_unix_second=now_s,
    )


def make_database(path: Path, samples: int) -> None:
    """A run of so many samples, one a second, with a spike every ten thousand."""
    with Store(path) as store:
        run, step = open_run(store)
        number = run.run_id
    with load_dbapi().connect(path) as connection:
        rows = (
            (
                number,
                n,
                float(n),
                1.79e9 + n,
                step,
                _voltage(n),
                1.131e-4 if n // 9000 % 2 else -1.131e-4,
                None,
                0,
            )
            for n in range(1, samples + 1)
        )
        connection.executemany(INSERT, rows)
    connection.close()


def _voltage(n: int) -> float:
    sign = 1.0 if n // 9000 % 2 else -1.0
    return sign * (0.055 + 0.004 * math.sin(n * 1e-3)) + (0.3 if n % 10_000 == 0 else 0.0)


async def serve(channels: int, database: str) -> None:
    """Serve until killed; the address goes to standard output."""
    say = functools.partial(print, flush=True)
    feeds = [ManyChannels(channels)]
    await serve_dashboard(Listen(port=0), feeds, database, LocalDoor(()), os.getuid(), asyncio.Event(), say)


@contextmanager
def served(channels: int, database: Path) -> Iterator[tuple[str, int]]:
    """The dashboard in a process of its own: its address and its process."""
    command = [sys.executable, __file__, "--serve", "--channels", str(channels), "--database", str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.kill()


# --- what is measured ----------------------------------------------------------------------------------------------

FRAMES = """seconds => new Promise(done => {
  const times = [];
  const tick = now => {
    times.push(now);
    if (now - times[0] < seconds * 1000) requestAnimationFrame(tick); else done(times);
  };
  requestAnimationFrame(tick);
})"""

DRAWN = """
window.drawnAt = [];
new MutationObserver(changes => {
  for (const { target } of changes) {
    if (!target.getAttribute('aria-label')?.startsWith('Voltage')) continue;
    requestAnimationFrame(() => window.drawnAt.push(performance.now()));
  }
}).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-drawn'] });
"""

PLAIN = """<!doctype html><link rel="stylesheet" href="/vendor/uplot/uPlot.min.css"><body><script type="module">
import uPlot from "/vendor/uplot/uPlot.esm.js";
const count = Number(new URLSearchParams(location.search).get("points"));
const x = Array.from({ length: count }, (_, n) => n), y = x.map((n) => Math.sin(n / 50));
const options = { width: 1200, height: 300, scales: { x: { time: false } }, series: [{}, { stroke: "blue" }] };
const plot = new uPlot(options, [x, y], document.body);
requestAnimationFrame(() => { window.first = performance.now(); });
window.zoom = (part) => new Promise((done) => {
  const begun = performance.now();
  plot.setScale("x", { min: 0, max: count * part });
  requestAnimationFrame(() => done(performance.now() - begun));
});
</script>"""


def frames(browser: Browser, url: str, process: int, size: tuple[int, int], tiles: str) -> str:
    """Frame times of the wall."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(f"{url}#/")
    page.locator(".tile").first.wait_for()
    page.get_by_role("combobox", name="Tiles").select_option(tiles)
    time.sleep(SETTLE_S)  # noqa: TID251  the trends of all tiles have been read by then
    before_s = _processor_s(process)
    times = page.evaluate(FRAMES, WATCHED_S)
    used = (_processor_s(process) - before_s) / WATCHED_S
    shown = page.locator(".tile").count()
    page.close()
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    p50, p95, worst = gaps[len(gaps) // 2], gaps[int(len(gaps) * 0.95)], gaps[-1]
    rate = 1000.0 * len(gaps) / (times[-1] - times[0])
    return (
        f"wall {size[0]}x{size[1]}, {tiles:<5} {shown:>4} tiles in view: {rate:5.1f} frames/s; "
        f"frame {p50:.1f} ms median, {p95:.1f} ms p95, {worst:.1f} ms worst; server {100 * used:.0f} % of a core"
    )


def _processor_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_plot(browser: Browser, url: str) -> tuple[Page, float, float]:
    """Open the run: ms from the click to the first picture, and to one without spikes missing."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(DRAWN)
    page.goto(f"{url}#/check")
    page.locator("h1").wait_for()
    begun = page.evaluate("() => { location.hash = '#/run/1'; return performance.now(); }")
    _until(page, "window.drawnAt.length > 0")
    _until(page, "document.querySelector('.reading')?.textContent.includes('of each stretch')")
    drawn = page.evaluate("window.drawnAt")
    return page, drawn[0] - begun, drawn[-1] - begun


def _until(page: Page, condition: str) -> None:
    """Wait; Playwright's own way is code in the page, which the dashboard's content security policy forbids."""
    while not page.evaluate(condition):
        time.sleep(0.005)  # noqa: TID251  waits for another process


def zooms(page: Page) -> list[float]:
    """Ms from a key to the picture with what the server has sent for it."""
    plot = page.locator(".chart .plot").first
    plot.focus()
    taken = []
    for _ in range(ZOOMS):
        page.evaluate("window.drawnAt.length = 0")
        begun = page.evaluate("performance.now()")
        plot.press("+")
        _until(page, "window.drawnAt.length > 0")
        taken.append(page.evaluate("window.drawnAt[0]") - begun)
    return taken


def plain(browser: Browser, points: int) -> str:
    """The page that does nothing but draw."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "index.html").write_text(PLAIN)
        Path(folder, "vendor").symlink_to(STATIC / "vendor")
        handler: Callable[..., Any] = functools.partial(_Quiet, directory=folder)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/?points={points}")
            _until(page, "window.first !== undefined")
            first = page.evaluate("window.first")
            again = [page.evaluate("part => window.zoom(part)", 0.7**n) for n in range(1, ZOOMS + 1)]
            page.close()
            server.shutdown()
    zoom = statistics.median(again)
    return (
        f"plain uPlot, {points} points: first {first:.0f} ms from navigation; per zoom {zoom:.0f} ms median"
    )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def measure(url: str, process: int, samples: int) -> Iterator[str]:
    """All of it, line by line."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for size, tiles in (((1440, 900), "fit"), ((2560, 1440), "small"), ((3840, 2160), "small")):
            yield frames(browser, url, process, size, tiles)
        page, first, whole = first_plot(browser, url)
        whole_text = f"no spike missing after {whole:.0f} ms"
        yield f"run of {samples} samples, never opened before: first picture {first:.0f} ms, {whole_text}"
        page.close()
        page, first, _ = first_plot(browser, url)
        taken = zooms(page)
        zoom = f"per zoom {statistics.median(taken):.0f} ms median, {max(taken):.0f} ms worst of {ZOOMS}"
        yield f"the same, opened again: first plot {first:.0f} ms; {zoom}"
        yield plain(browser, 2 * 2 * 1300)
        browser.close()


def main() -> None:
    """Measure, or serve what is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--channels", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=5_000_000)
    parser.add_argument("--database", type=Path, help="kept, and used again if it is there")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve(given.channels, str(given.database)))
        return
    with tempfile.TemporaryDirectory() as folder:
        database = given.database or Path(folder, "bench.sqlite")
        if not database.exists():
            make_database(database, given.samples)
        with served(given.channels, database) as (url, process):
            for line in measure(url, process, given.samples):
                print(line, flush=True)


if __name__ == "__main__":
    main()
