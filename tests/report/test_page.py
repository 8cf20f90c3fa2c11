"""The page of a run: what it tells, that it needs nothing, that nothing in it can act."""

import html
import re
import shutil
from contextlib import closing
from html.parser import HTMLParser

import pytest

from labctl.report.page import report_html, write_report
from labctl.store.sqlite import load_dbapi

HOSTILE = "</pre></svg><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\u202e{{ 7 * 7 }}"


class Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def report(stored):
    return report_html(stored.reader, str(stored.path), 1)


@pytest.fixture(scope="module")
def page(stored):
    return report(stored)


def test_it_tells_what_was_run_why_it_ended_and_the_hashes(stored, page):
    text, run = html.unescape(page), stored.reader.run(1)
    for told in (
        "na-symmetric",
        run.end_reason,
        "-1 V to 1 V, at most 500 uA",
        run.cell.electrolyte,
        str(run.identity),
        "overpotential jump, short circuit, soft short",
        run.protocol_sha256,
        run.protocol_text,
    ):
        assert told in text
    assert re.search(r"labctl audit verify --head \d+:[0-9a-f]{64}", text)


def test_every_figure_is_in_it_under_names_of_its_own(page):
    elements = Elements(page).found
    captions = [a["id"] for tag, a in elements if tag == "figcaption"]
    drawn = [a["aria-labelledby"] for tag, a in elements if tag == "svg"]
    assert drawn == captions
    assert captions[0] == "of-voltage"
    assert {"of-nyquist", "of-resistances", "of-capacity", "of-profiles"} <= set(captions)
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(set(ids)) == len(ids)


def test_it_fetches_nothing_and_executes_nothing(page):
    elements = Elements(page).found
    assert {tag for tag, _ in elements}.isdisjoint({"script", "img", "iframe", "link", "object", "form"})
    for _, attributes in elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "xlink:href", "src"):
            assert attributes.get(name, "#").startswith("#")
    (policy,) = [a["content"] for _, a in elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy


def test_the_same_run_gives_the_same_page(stored, page):
    assert report(stored) == page


def test_a_database_that_somebody_else_filled_cannot_act(stored, tmp_path):
    copy = tmp_path / "labctl.sqlite"
    copy.write_bytes(stored.path.read_bytes())
    with closing(load_dbapi().connect(str(copy), isolation_level=None)) as connection:
        for table, column in (
            ("cell", "name"),
            ("cell", "electrolyte"),
            ("run", "end_reason"),
            ("run", "protocol"),
            ("run", "protocol_text"),
            ("run", "instrument_serial"),
            ("event", "message"),
            ("event", "kind"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = ?", (HOSTILE,))
    path = write_report(str(copy), "1", tmp_path / "page.html")
    text = path.read_text(encoding="utf-8")
    assert {tag for tag, _ in Elements(text).found}.isdisjoint({"script", "img"})
    assert "<script>alert" not in text
    assert html.escape("<script>alert(1)</script>") in text
    assert not {"\x1b", "\u202e"} & set(text)
    assert "{{ 7 * 7 }}" in text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_in_a_browser_it_is_accessible_light_and_dark_and_prints(page, tmp_path):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    # The checker of accessibility is a script, which the page's own policy forbids: it looks at a copy without.
    bare = tmp_path / "bare.html"
    bare.write_text(re.sub(r"<meta http-equiv[^>]*>", "", page), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            tab = browser.new_page(color_scheme=scheme, viewport={"width": 420, "height": 900})
            asked, said = [], []
            tab.on("request", lambda request, asked=asked: asked.append(request.url))
            tab.on("console", lambda message, said=said: said.append(message.text))
            tab.goto(path.as_uri())
            assert asked == [path.as_uri()]
            assert said == []
            assert tab.evaluate("document.documentElement.scrollWidth") <= 420
            tab.goto(bare.as_uri())
            found = Axe().run(tab)
            assert found.violations_count == 0, found.generate_report()
        tab.goto(path.as_uri())
        tab.pdf(path=str(tmp_path / "page.pdf"), prefer_css_page_size=True)
        browser.close()
    assert (tmp_path / "page.pdf").stat().st_size > 30_000
