"""Chromium, and pages in it that must stay clean: no error, no dialog, nothing that the security policy stops."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.web.browser.served import Bench, Process, address, bench

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LONG_ms = 40_000
"""For what a loaded computer takes long to do."""


@dataclass
class Window:
    """A page of the dashboard, and what went wrong in it."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)

    def go(self, view: str, heading: str | None = None) -> Page:
        self.page.goto(f"{self.url}/#{view}")
        if heading:
            self.page.get_by_role("heading", name=heading, level=1).wait_for()
        return self.page

    def watch(self) -> "Window":
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        return self


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    # of a module, not of the session: its event loop must be gone before other tests want one
    assert CHROMIUM, "the tests need chromium; on Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def own_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench")) as made:
        yield made


@pytest.fixture(scope="module")
def dashboard(own_bench: Bench) -> Iterator[str]:
    """Address of the dashboard of a station that is 50,000 times as fast, whose database holds two runs already."""
    protocol = Path(own_bench.folder, "short.yaml")
    protocol.write_text(SHORT)
    own_bench.run("run", "na50k50-symmetric", "--name", "NaK-1")
    serve = ("serve", "--station", "bench.yaml", "--speed", "50000", "--dashboard", "0")
    with own_bench.process(*serve) as served:
        own_bench.run("run", str(protocol), "--name", HOSTILE)  # while the station starts
        yield address(served)


@pytest.fixture
def window(browser: Browser, dashboard: str) -> Iterator[Window]:
    with browser.new_context(viewport={"width": 1280, "height": 860}) as context:
        context.set_default_timeout(LONG_ms)
        made = Window(context.new_page(), dashboard).watch()
        yield made
        assert not made.wrong, made.wrong


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'NaK-2"

SHORT = """\
protocol: two-cycles
cell: {electrode_diameter: 6 mm, equilibrium_voltage: 0 V, simulate_as: na}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 60 s}
steps:
  - loop: 2
    steps:
      - constant_current: {current: +0.4 mA/cm2, until: {capacity: 0.2 mAh/cm2, voltage: 0.9 V}}
      - constant_current: {current: -0.4 mA/cm2, until: {capacity: 0.2 mAh/cm2, voltage: -0.9 V}}
"""

__all__ = ["HOSTILE", "Process", "Window"]
