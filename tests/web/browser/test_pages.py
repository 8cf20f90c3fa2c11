"""The dashboard in a browser, against a live simulated station: what a person does with it from start to stop."""

import re
import time
from itertools import pairwise
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.web.browser.conftest import HOSTILE, LONG_ms, Window
from tests.web.browser.served import Bench, address

VIEWS = {
    "wall": "/",
    "queue": "/queue",
    "runs": "/runs",
    "run": "/run/1",
    "comparison": "/compare/1,2",
    "check": "/check",
    "events": "/events",
    "channel": "/channel/bench/b1",
}
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
SOME = re.compile(r"[1-9]")
expect.set_options(timeout=LONG_ms)


def fact(page: Page, name: str) -> Any:
    return (
        page.locator(".facts > div")
        .filter(has=page.locator("dt", has_text=re.compile(f"^{name}$")))
        .locator("dd")
    )


def drawn(page: Page) -> int:
    return int(page.locator(".chart .plot").first.get_attribute("data-drawn") or 0)


def reading(page: Page) -> Any:
    return page.locator(".chart .reading").first


def settle(page: Page, act: Any) -> None:
    """Do something to the first chart, and wait until what it asked for is drawn."""
    with page.expect_response(lambda reply: "/series?" in reply.url):
        before = drawn(page)
        act()
    expect(page.locator(".chart .plot").first).not_to_have_attribute("data-drawn", str(before))


def submit(page: Page, protocol: str, channel: str, cell: str) -> None:
    page.get_by_role("combobox", name="Begin with").select_option(protocol)
    expect(page.locator("#verdict")).to_contain_text("The protocol is right")
    page.get_by_role("combobox", name="Channel").select_option(f'["bench","{channel}"]')
    page.get_by_role("textbox", name="Cell").fill(cell)
    page.get_by_role("button", name="Put into the queue").click()


def test_a_run_is_started_is_seen_to_move_is_stopped_by_the_jump_and_is_acknowledged(window: Window) -> None:
    page = window.go("/check", "Check a protocol")
    submit(page, "na50k50-symmetric", "a1", HOSTILE)
    expect(page.locator("h1")).to_contain_text(HOSTILE)
    expect(page.locator("h1 + .state")).to_contain_text("running")

    voltage = fact(page, "voltage")
    expect(voltage).to_contain_text("V")
    first = voltage.text_content()
    expect(voltage).not_to_have_text(first or "")
    expect(page.locator(".plan .now")).to_be_visible()

    expect(page.locator("h1")).to_contain_text("Channel a1")  # the run is over
    expect(page.locator(".because")).to_contain_text("overpotential_jump")
    expect(page.locator("main img, main script")).to_have_count(0)

    page.get_by_role("link", name=re.compile("^run 3 of")).click()
    expect(page.locator("h1 + .state")).to_contain_text("stopped")
    expect(page.locator(".decision").first).to_be_visible()

    page = window.go("/", None)
    tile = page.locator(".tile").filter(has_text="a1")
    expect(tile.locator(".word")).to_have_text("stopped")
    expect(tile).to_contain_text("overpotential_jump")
    expect(tile).to_contain_text(HOSTILE[:20])

    page = window.go("/events", "Events")
    asking = page.locator(
        "section", has=page.get_by_role("heading", name=re.compile("^Somebody should look"))
    )
    # What was recorded before the dashboard was started is there too: the jump of run 1, and of this one.
    expect(asking.get_by_role("link", name="run 1", exact=True).first).to_be_visible()
    expect(asking.get_by_role("link", name="run 3", exact=True).first).to_be_visible()
    expect(page.locator(".head .count")).to_contain_text(f"{asking.get_by_role('row').count() - 1} not")
    while asking.count():
        before = asking.get_by_role("row").count()
        asking.get_by_role("button", name=re.compile("I look after it")).first.click()
        expect(asking.get_by_role("row")).not_to_have_count(before)
    expect(page.get_by_text("Nothing asks for anybody")).to_be_visible()
    expect(page.locator(".head .count")).to_be_hidden()
    page.reload()  # and nothing asks again
    expect(page.get_by_role("heading", name=re.compile("^Before"))).to_be_visible()
    expect(page.get_by_text("Nothing asks for anybody")).to_be_visible()
    expect(window.go("/").locator(".tile").filter(has_text="a1").locator(".word")).to_have_text("idle")


def test_pause_and_resume_want_to_be_meant(window: Window) -> None:
    page = window.go("/check/bench/a2", "Check a protocol")
    submit(page, "na-symmetric", "a2", "Na-9")
    expect(page.locator("h1")).to_contain_text("Na-9")

    page.locator("[data-verb=pause]").dblclick()  # the second click must not confirm
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Na-9")
    expect(dialog).to_contain_text("The circuit is opened")
    expect(page.locator("h1 + .state")).to_contain_text("running")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    page.locator("[data-verb=pause]").click()
    go = page.get_by_role("dialog").get_by_role("button", name="Pause")
    expect(go).to_be_enabled()
    accessible(page, "dialog")
    go.click()
    expect(page.locator("h1 + .state")).to_contain_text("paused")
    expect(fact(page, "current")).to_have_text("circuit open")
    page.locator("[data-verb=resume]").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_role("dialog")).to_be_visible()  # nobody has said that he looked at the cell
    page.get_by_label("I have looked at the cell").check()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.locator("h1 + .state")).to_contain_text("running")

    page.locator("[data-verb=abort]").click()
    page.get_by_role("dialog").get_by_role("button", name="Abort").click()
    expect(page.locator("h1")).to_contain_text("Channel a2")


def test_zoom_goes_down_to_each_sample(window: Window) -> None:
    page = window.go("/run/1", "NaK-1")
    expect(reading(page)).to_contain_text("smallest and largest")
    plot = page.locator(".chart .plot").first
    over = plot.locator(".u-over")
    expect(page.locator(".because")).to_be_visible()  # what comes later moves what is below

    def drag() -> None:
        box = over.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 60, steps=4)
        page.mouse.up()

    settle(page, drag)
    settle(page, lambda: page.mouse.wheel(0, -100))
    plot.focus()
    for _ in range(3):
        settle(page, lambda: page.keyboard.press("+"))
    expect(reading(page)).to_contain_text("each point is a sample")

    page.locator(".chart").first.get_by_role("button", name="Table").click()
    rows = page.locator(".chart").first.locator("tbody tr")
    times = rows.locator("td").first
    expect(times).to_be_visible()
    ticks = [row.split()[0] for row in rows.all_inner_texts()]
    seconds = [
        sum(float(part) * 60**place for place, part in enumerate(reversed(tick.split(":")))) for tick in ticks
    ]
    assert len(seconds) > 20
    assert all(later > earlier for earlier, later in pairwise(seconds))
    assert max(later - earlier for earlier, later in pairwise(seconds)) < 700.0

    settle(page, lambda: plot.press("0"))
    expect(reading(page)).to_contain_text("smallest and largest")


def test_runs_are_compared_in_one_plot_with_a_table_behind_it(window: Window) -> None:
    page = window.go("/runs", "Runs")
    page.get_by_label("Compare run 1", exact=True).check()
    page.get_by_label("Compare run 2", exact=True).check()
    page.get_by_role("button", name="Compare 2 runs").click()
    legend = page.locator(".legend li")
    expect(legend).to_have_count(2)
    expect(legend.nth(0)).to_contain_text("NaK-1")
    expect(legend.nth(1)).to_contain_text(HOSTILE)
    page.get_by_role("button", name="Table").click()
    expect(page.locator("figure tbody tr").nth(20)).to_be_visible()
    page.get_by_role("combobox", name="Of").select_option("voltage")
    expect(page.locator(".plot").first).to_have_attribute("data-drawn", SOME)
    settle(page, lambda: page.get_by_role("button", name="Zoom in").click())


def test_a_mistake_is_told_with_its_line_and_column(window: Window) -> None:
    page = window.go("/check", "Check a protocol")
    page.get_by_role("combobox", name="Begin with").select_option("na-symmetric")
    expect(page.locator("#verdict")).to_contain_text("The protocol is right")
    page.get_by_role("textbox", name="Protocol").fill("protocol: x\nsteps:\n  - rest: {unti: {time: 1 h}}\n")
    expect(page.locator("#verdict")).to_contain_text("mistake")
    expect(page.locator(".findings")).to_contain_text("line 3, column")
    expect(page.locator(".source .wrong").last).to_contain_text("unti")
    expect(page.get_by_role("button", name="Put into the queue")).to_be_disabled()


def test_the_wall_is_walked_filtered_and_opened_with_keys(window: Window) -> None:
    page = window.go("/")
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(3)
    tiles.nth(0).focus()
    page.keyboard.press("ArrowRight")
    expect(tiles.nth(1)).to_be_focused()
    page.get_by_label("Find").fill("b1")
    expect(tiles).to_have_count(1)
    tiles.nth(0).focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("b1")
    expect(page.locator("h1")).to_be_focused()


def accessible(page: Page, name: str) -> None:
    """Axe finds nothing, in the dark and in the light."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        while page.evaluate("document.getAnimations().length"):  # colours that fade into each other
            page.wait_for_timeout(20)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name}, {scheme}: {found.generate_report()}"


def test_axe_finds_nothing_and_a_phone_is_wide_enough(window: Window) -> None:
    for name, view in VIEWS.items():
        window.page.set_viewport_size({"width": 1280, "height": 860})
        page = window.go(view)
        page.locator("h1").wait_for(state="attached")
        page.wait_for_load_state("load")
        if name in ("run", "comparison"):
            expect(page.locator(".plot").first).to_have_attribute("data-drawn", SOME)
            page.get_by_role("button", name="Table").first.click()
        accessible(page, name)
        page.set_viewport_size({"width": 390, "height": 844})
        until_narrow(page, name)


def until_narrow(page: Page, name: str) -> None:
    """Charts take their new size a frame or two after the window."""
    end_s = time.monotonic() + LONG_ms / 1000.0
    while (wide := page.evaluate("document.scrollingElement.scrollWidth")) > 390:
        assert time.monotonic() < end_s, f"{name} is {wide} px wide on a phone"
        page.wait_for_timeout(50)


def test_a_token_is_asked_for_and_opens(browser: Browser, own_bench: Bench, dashboard: str) -> None:
    token = own_bench.folder / "token"
    token.write_text("0a51a2d2bb3f4bb8b7c9")
    token.chmod(0o600)
    arguments = ("dashboard", "--station", "bench", "--listen", "0", "--token-file", str(token))
    with own_bench.process(*arguments) as guarded, browser.new_context() as context:
        context.set_default_timeout(LONG_ms)
        page = context.new_page()
        page.goto(f"{address(guarded)}/#/runs")
        dialog = page.get_by_role("dialog", name="Token")
        dialog.wait_for()
        page.keyboard.press("Escape")  # without it there is nothing to see
        accessible(page, "login")
        expect(page.get_by_role("heading", level=1)).to_have_count(0)
        dialog.get_by_role("textbox", name="Token").fill("not the token at all")
        dialog.get_by_role("button", name="Go on").click()
        expect(dialog.get_by_role("alert")).to_have_text("this is not the token")
        dialog.get_by_role("textbox", name="Token").fill(token.read_text())
        dialog.get_by_role("textbox", name="Token").press("Enter")
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
        expect(page.get_by_role("cell", name="NaK-1", exact=True)).to_be_visible()
        expect(page.locator(".head .age")).to_have_text("live")
        page.reload()  # the session goes on
        expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
        expect(dialog).to_have_count(0)


def test_what_is_old_is_said_to_be_old(browser: Browser, own_bench: Bench, dashboard: str) -> None:
    arguments = ("dashboard", "--station", "bench", "--listen")
    with browser.new_context() as context:
        context.set_default_timeout(LONG_ms)
        page = context.new_page()
        with own_bench.process(*arguments, "0") as first:
            url = address(first)
            page.goto(f"{url}/#/")
            expect(page.locator(".head .age")).to_have_text("live")
            expect(page.locator(".tile")).to_have_count(3)
        expect(page.locator(".head .age")).to_contain_text("not connected: these figures are")
        expect(page.get_by_role("alert")).to_contain_text("Connection lost")
        assert page.locator("html").get_attribute("data-stale") is not None
        with own_bench.process(*arguments, url.rpartition(":")[2]):
            expect(page.locator(".head .age")).to_have_text("live")
            expect(page.get_by_role("alert")).not_to_contain_text("Connection lost")
