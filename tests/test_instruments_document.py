"""The table of instruments is of the present drivers, and what it says of other people's clients is in the tests."""

import re
from pathlib import Path

import instruments

from labctl.instrument.channel import Driver

ROOT = Path(__file__).parents[1]


def test_the_document_is_of_the_present_drivers() -> None:
    written = instruments.DOCUMENT.read_text(encoding="utf-8")
    assert written == instruments.document(instruments.drivers()), "run: python bench/instruments.py --write"


def test_every_driver_has_a_page_that_says_whether_it_was_verified_and_tells_its_wire() -> None:
    for driver in (*instruments.drivers(), *instruments.auxiliaries()):
        page = ROOT / "docs" / "instruments" / f"{driver.name}.md"
        assert page.is_file(), f"{driver.name} has no page"
        assert re.search("verified on hardware", page.read_text(encoding="utf-8"), re.IGNORECASE), page.name
        assert driver.wire, f"{driver.name}: its Driver says no wire"


def test_who_accepted_a_twin_is_a_test_of_that_client() -> None:
    names = {driver.name for driver in (*instruments.drivers(), *instruments.auxiliaries())}
    for record in instruments.accepted():
        assert record.twin in names, record
        if record.test:
            source = (ROOT / "tests" / "acceptance" / record.test).read_text(encoding="utf-8")
            assert re.sub("[-_]", "", record.client.lower()) in re.sub("[-_]", "", source.lower()), record
            pinned = source + (ROOT / "pyproject.toml").read_text(encoding="utf-8")
            assert f"{record.client}=={record.version}" in pinned, f"{record} is not what is installed"


def test_a_report_of_a_real_instrument_that_conforms_makes_it_verified(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(instruments, "REPORTS", tmp_path)
    driver: Driver = instruments.drivers()[0]
    for name, simulated, outcome in (("a", "yes", "conforms"), ("b", "no", "does not conform")):
        text = f"# report\n\n- Simulated: {simulated}\n- Outcome: {outcome}\n"
        (tmp_path / f"{driver.name}_{name}.md").write_text(text)
    assert "| **no** |" in instruments.table([driver])
    (tmp_path / f"{driver.name}_1234.md").write_text("# report\n\n- Simulated: no\n- Outcome: conforms\n")
    assert f"[1234](conformance/{driver.name}_1234.md)" in instruments.table([driver])
