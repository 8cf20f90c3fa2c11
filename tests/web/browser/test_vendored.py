"""What is copied from others is what it is said to be, and all of it is named."""

import hashlib
import re
from pathlib import Path

import pytest

import labctl.web

STATIC = Path(labctl.web.__file__).with_name("static")
VENDOR = STATIC / "vendor"
ROW = re.compile(r"^\| (\S+) \| (\S+) \| ([\d.]+) \| (\S+) \| ([0-9a-f]{64}) \|$", re.MULTILINE)


def test_every_vendored_file_is_named_with_its_hash() -> None:
    named = {path: digest for path, _, _, _, digest in ROW.findall((VENDOR / "VENDORED.md").read_text())}
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VENDORED.md"
    }
    assert found == named


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.html")), ids=lambda path: path.name)
def test_a_page_holds_no_code_and_no_style_of_its_own(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_nothing_is_fetched_from_elsewhere_and_nothing_becomes_markup() -> None:
    for path in (
        p for p in STATIC.rglob("*") if p.suffix in (".js", ".css", ".html") and VENDOR not in p.parents
    ):
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import", text), path
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text
        ), path


def test_modules_say_in_their_first_line_what_they_are_for() -> None:
    for path in (STATIC / "js").glob("*.js"):
        assert path.read_text().startswith("// "), path
