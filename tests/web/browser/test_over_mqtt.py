"""The dashboard of another computer: a station speaks to a real mosquitto, the dashboard hears it there."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.telemetry.brokers import mosquitto
from tests.web.browser.conftest import LONG_ms
from tests.web.browser.served import Bench, address


def test_a_run_is_seen_to_move_over_a_broker_and_what_is_lost_is_grey(
    browser: Browser, own_bench: Bench, tmp_path: Path
) -> None:
    with mosquitto(tmp_path) as broker, browser.new_context() as context:
        url = f"mqtt://127.0.0.1:{broker.port}"
        listening = own_bench.process("dashboard", "--mqtt", url, "--listen", "0")
        serve = ("serve", "--station", "bench.yaml", "--speed", "600", "--mqtt", url)
        with listening as shown:
            with own_bench.process(*serve) as served:
                served.wait_for("station bench: 3 channels")
                own_bench.run("submit", "na50k50-symmetric", "--channel", "a1", "--cell", "NaK-7")
                context.set_default_timeout(LONG_ms)
                page = context.new_page()
                page.goto(f"{address(shown)}/#/")
                tile = page.locator(".tile").filter(has_text="NaK-7")
                expect(tile.locator(".word")).to_have_text("running", timeout=LONG_ms)
                voltage = tile.locator(".voltage")
                expect(voltage).to_contain_text("V", timeout=LONG_ms)
                seen = voltage.text_content() or ""
                expect(voltage).not_to_have_text(seen, timeout=LONG_ms)
            words = page.locator(".tile .word")  # the station has gone
            expect(words).to_have_text(["offline"] * 3, timeout=LONG_ms)
            expect(page.get_by_role("alert")).to_contain_text("Station bench is not heard of")
            assert set(page.locator(".tile").evaluate_all(TONES)) == {"quiet"}


TONES = "tiles => tiles.map(tile => tile.dataset.tone)"
