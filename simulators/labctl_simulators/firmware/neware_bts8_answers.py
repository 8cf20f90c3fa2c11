"""How the simulated Neware BTS 8 writes its answers: XML with fixed-point numbers, as a client can read them.

Source: answers of a BTS 8.0 as captured in the tests of aurora-neware 0.2.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from .neware_bts8_channel import LOG_RUNNING, CyclerChannel, Row
from .neware_bts8_program import WORDS

KIND, BOX, UNIT = "27", "21", "1"
_EPOCH = datetime(2026, 1, 1)  # noqa: DTZ001 - the cycler writes local time without a zone


def inquired(asked: ElementTree.Element, channel: CyclerChannel, now_s: float) -> str:
    """What a channel does now, and its last row."""
    stage = channel.stage
    test = channel.tests[-1] if channel.tests else None
    last = test.rows[-1] if test and test.rows else Row(0, 0, "--", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    running = f'step_id="{stage.number}" step_type="{WORDS[stage.kind]}"' if stage else 'step_type="--"'
    lasted_s = (test.log[-1][1] if test.finished else now_s) - test.log[0][1] if test else 0.0
    code = LOG_RUNNING if stage else (test.log[-1][0] if test else 0)
    return (
        f'<inquire dev="{KIND}-{BOX}-{UNIT}-{asked.get("chlid")}-0" cycle_id="{last.cycle}" {running} '
        f'workstatus="{channel.status}" barcode={quoteattr(_ascii(channel.barcode))} '
        f'current="{channel.current_A:.9f}" voltage="{channel.voltage_V:.7f}" '
        f'capacity="{last.capacity_C / 3600.0:.9f}" energy="{last.energy_J / 3600.0:.9f}" '
        f'totaltime="{lasted_s:.1f}" relativetime="{last.time_s:.1f}" open_or_close="0" log_code="{code}" />'
    )


def data(number: int, row: Row) -> str:
    """A row of a test, by its number."""
    return (
        f'<data seqid="{number}" stepid="{row.step}" cycleid="{row.cycle}" steptype="{row.word}" '
        f'testtime="{round(row.time_s * 1e3)}" atime="{at(row.at_s)}" volt="{row.voltage_V:.7f}" '
        f'curr="{row.current_A:.12f}" cap="{row.capacity_C / 3600.0:.12f}" eng="{row.energy_J / 3600.0:.12f}" />'
    )


def layer(index: int, first: int, last: int, begin: Row, end: Row) -> str:
    """A step that was finished, from its first row to its last."""
    return (
        f'<data startseqid="{first + 1}" endseqid="{last + 1}" stepindex="{index}" stepid="{end.step}" '
        f'cycleid="{end.cycle}" steptype="{end.word}" steptime="{round(end.time_s * 1e3)}" endatime="{at(end.at_s)}" '
        f'startvolt="{begin.voltage_V:.7f}" endvolt="{end.voltage_V:.7f}" startcurr="{begin.current_A:.12f}" '
        f'endcurr="{end.current_A:.12f}" cap="{end.capacity_C / 3600.0:.12f}" eng="{end.energy_J / 3600.0:.12f}" '
        'dcir="0" />'
    )


def echo(asked: ElementTree.Element, names: str = "ip devtype devid subdevid chlid") -> str:
    """What a question named, as the answer repeats it."""
    return " ".join(f"{name}={quoteattr(_ascii(asked.get(name, '')))}" for name in names.split())


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")


def at(time_s: float) -> str:
    """The wall clock of the cycler, which has whole seconds."""
    return f"{_EPOCH + timedelta(seconds=time_s):%Y-%m-%d %H:%M:%S}"


def list_reply(command: str, items: Sequence[str], head: str = "") -> bytes:
    """A whole answer with a list."""
    lines = "".join(f"\r\n    {item}" for item in items)
    return reply(command, f'{head}<list count="{len(items)}">{lines}\r\n  </list>')


def reply(command: str, body: str) -> bytes:
    """A whole answer. A client decodes it in pieces, so it is ASCII."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<bts version="1.0">\r\n'
        f"  <cmd>{command}</cmd>\r\n  {body}\r\n</bts>\n\n#\r\n"
    )
    return text.encode("ascii")
