"""The report of a conformance, in Markdown, to be attached to docs/instruments/conformance."""

import re
from collections.abc import Iterator
from datetime import datetime

from labctl.link.address import simulated_here
from labctl.station.conformance import Conformance, Finding
from labctl.units import show


def file_name(found: Conformance, when: datetime) -> str:
    """``keithley-2450_2461-04412345_2026-11-22.md``: the driver, the instrument, the day."""
    instrument = re.sub(r"[^A-Za-z0-9.]+", "-", f"{found.identity.model}-{found.identity.serial}").strip("-")
    return f"{found.driver}_{instrument}_{when:%Y-%m-%d}.md"


def report(found: Conformance, when: datetime, version: str) -> str:
    """The whole text."""
    load = found.load
    return "\n".join(
        (
            f"# Conformance of {found.identity}",
            "",
            f"- Driver: {found.driver}, labctl {version}",
            f"- Firmware: {_in_cell(found.identity.firmware)}",
            f"- Date: {when:%Y-%m-%d %H:%M} UTC",
            f"- Wire: {_kind(found.resource)}",
            f"- Load: {show(load.resistance_ohm, 'ohm')} within {load.accuracy:.2%}, {show(load.current_A, 'A')}",
            f"- Simulated: {'yes' if simulated_here(found.resource) else 'no'}",
            f"- Outcome: {found.verdict}",
            "",
            "| promise | outcome | found |",
            "|---|---|---|",
            *(_row(finding) for finding in found.findings),
            "",
        )
    )


def _row(finding: Finding) -> str:
    return f"| {finding.promise} | {finding.outcome} | {'<br>'.join(map(_in_cell, _told(finding)))} |"


def _told(finding: Finding) -> Iterator[str]:
    if finding.found:
        yield finding.found
    yield from finding.measured


def _in_cell(text: str) -> str:
    return re.sub(r"[\x00-\x1f]+", " ", text).replace("|", "\\|")


def _kind(resource: str) -> str:
    """``TCPIP SOCKET``, ``serial line``: no address of a laboratory belongs into a public page."""
    parts = resource.split("::")
    if len(parts) == 1 or parts[0].upper().startswith("ASRL"):
        return "serial line"
    return f"{parts[0].rstrip('0123456789')} {parts[-1]}"
