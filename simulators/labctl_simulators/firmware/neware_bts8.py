"""Simulated Neware BTS 8: the BTSServer beside the cyclers, with its channels. Not verified on hardware.

Theory of operation. A connection carries XML requests, one at a time, each ended by ``#``; the server looks up the
channel that a request names (neware_bts8_channel) and answers from what has happened there by now. Step files
(neware_bts8_program) are read from the path that a start names, as the real server reads them from its own disk.

Source: "Neware BTS API" protocol v1.19; answers as captured of a BTS 8.0 by the tests of aurora-neware 0.2.3.
Assumed: what comes before ``connect``, or is not understood, is answered with the result ``false``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

from labctl_simulators.cells import Cell

from .neware_bts8_answers import BOX, KIND, UNIT, at, data, echo, inquired, layer, list_reply, reply
from .neware_bts8_channel import CyclerChannel, Test
from .neware_bts8_program import Unusable, read_program

_IP = "127.0.0.1"
_PLACE = "devtype devid subdevid chlid"
_CUT = b"#\r\n"
_LONGEST_REQUEST = 1 << 20
_MOST_ROWS = 10_000


class NewareBts8:
    """A server with one cycler, device 21: its first channel has the cell, further cells have further channels.

    Args:
        cell: at channel 21-1-1.
        seed: of the noise.
        further: cells at 21-1-2 and so on.
        read_file: gives the content of a step file.
    """

    def __init__(
        self,
        cell: Cell,
        seed: int = 0,
        *,
        further: Sequence[Cell] = (),
        read_file: Callable[[str], bytes] = lambda path: Path(path).read_bytes(),
    ) -> None:
        cells = (cell, *further)
        self.channels = {str(n): CyclerChannel(c, seed + n) for n, c in enumerate(cells, start=1)}
        self.read_file = read_file

    def port(self) -> BtsConnection:
        """A further connection; the server takes many."""
        return BtsConnection(self)

    @property
    def circuit_closed(self) -> bool:
        """Whether a current can flow in any channel, as of when it was last asked something."""
        return any(channel.circuit_closed for channel in self.channels.values())

    def find(self, element: ElementTree.Element) -> CyclerChannel | None:
        """The channel that a request names; None if there is none."""
        if (element.get("devid"), element.get("subdevid")) != (BOX, UNIT):
            return None
        return self.channels.get(element.get("chlid", ""))


class BtsConnection:
    """One peer of the server."""

    def __init__(self, server: NewareBts8) -> None:
        self._server = server
        self._input = bytearray()
        self._logged_in = False

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take bytes, answer every request that is whole by now."""
        self._input += data
        answers = b""
        while (end := self._input.find(_CUT)) >= 0:
            request = bytes(self._input[:end])
            del self._input[: end + len(_CUT)]
            answers += self._answer(request, now_s)
        if len(self._input) > _LONGEST_REQUEST:
            raise ConnectionAbortedError("a request without end")
        return answers

    def next_wake(self) -> float | None:
        """Never: the server speaks only when it is spoken to."""
        return None

    def wake(self, now_s: float) -> bytes:
        """Nothing is due."""
        return b""

    def close(self, now_s: float) -> None:
        """The peer is gone; what runs goes on."""
        self._input.clear()
        self._logged_in = False

    def _answer(self, request: bytes, now_s: float) -> bytes:
        root = _parsed(request)
        command = "" if root is None else (root.findtext("cmd") or "").strip()
        answer = self._COMMANDS.get(command)
        if root is None or answer is None:
            return reply("unknown_resp", "<result>false</result>")
        if command != "connect" and not self._logged_in:
            return reply(f"{command}_resp", "<result>false</result>")
        for channel in self._server.channels.values():
            channel.live_until(now_s)
        return answer(self, root, now_s)

    # --- commands --------------------------------------------------------------------------------------------

    def _connect(self, root: ElementTree.Element, now_s: float) -> bytes:
        known = root.findtext("username") == "admin" and root.findtext("password") == "neware"
        self._logged_in = known
        return reply("connect_resp", f"<result>{'ok' if known else 'false'}</result>")

    def _getdevinfo(self, root: ElementTree.Element, now_s: float) -> bytes:
        channels = "".join(
            f'\r\n    <channel ip="{_IP}" devtype="{KIND}" devid="{BOX}" subdevid="{UNIT}" Channelid="{name}">'
            "true</channel>"
            for name in self._server.channels
        )
        count = len(self._server.channels)
        return reply(
            "getdevinfo_resp",
            f'<serverip count="1">\r\n    <server ip="{_IP}" port="3306"/>\r\n  </serverip>\r\n'
            f'  <middle count="{count}">{channels}\r\n  </middle>',
        )

    def _getchlstatus(self, root: ElementTree.Element, now_s: float) -> bytes:
        return list_reply(
            "getchlstatus_resp",
            [
                f'<status {echo(asked)} reservepause="0">{channel.status if channel else "false"}</status>'
                for asked, channel in self._asked(root, "status")
            ],
        )

    def _inquire(self, root: ElementTree.Element, now_s: float) -> bytes:
        return list_reply(
            "inquire_resp",
            [inquired(asked, channel, now_s) for asked, channel in self._asked(root, "inquire") if channel],
        )

    def _inquiredf(self, root: ElementTree.Element, now_s: float) -> bytes:
        items = []
        for asked, channel in self._asked(root, "chl"):
            test = _test_of(channel, asked)
            number, count = (test.number, len(test.rows)) if test else (0, 0)
            finished = "true" if test is None or test.finished else "false"
            place = echo(asked, _PLACE)
            items.append(f'<chl {place} testid="{number}" count="{count}">{finished}</chl>')
        return list_reply("inquiredf_resp", items)

    def _start(self, root: ElementTree.Element, now_s: float) -> bytes:
        items = []
        for asked, channel in self._asked(root, "start"):
            started = False
            if channel is not None:
                try:
                    program = read_program(self._server.read_file((asked.text or "").strip()))
                    started = channel.start(program, asked.get("barcode", ""), now_s)
                except (OSError, ValueError, Unusable):
                    started = False
            items.append(f"<start {echo(asked)}>{'ok' if started else 'false'}</start>")
        return list_reply("start_resp", items)

    def _stop(self, root: ElementTree.Element, now_s: float) -> bytes:
        items = []
        for asked, channel in self._asked(root, "stop"):
            if channel is not None:
                channel.stop(now_s)
            items.append(f"<stop {echo(asked)}>{'ok' if channel else 'false'}</stop>")
        return list_reply("stop_resp", items)

    def _light(self, root: ElementTree.Element, now_s: float) -> bytes:
        return self._agree(root, "light")

    def _clearflag(self, root: ElementTree.Element, now_s: float) -> bytes:
        return self._agree(root, "clearflag")

    def _agree(self, root: ElementTree.Element, command: str) -> bytes:
        return list_reply(
            f"{command}_resp",
            [
                f"<{command} {echo(asked)}>{'ok' if channel else 'false'}</{command}>"
                for asked, channel in self._asked(root, command)
            ],
        )

    def _download(self, root: ElementTree.Element, now_s: float) -> bytes:
        asked = root.find("download")
        channel = None if asked is None else self._server.find(asked)
        test = None if asked is None else _test_of(channel, asked)
        rows = test.rows if test else []
        number = test.number if test else 0
        start, count = _whole(asked, "startpos"), min(_whole(asked, "count"), _MOST_ROWS)
        chosen = rows[start - 1 : start - 1 + count] if start > 0 else []
        place = "" if asked is None else echo(asked, _PLACE)
        head = (
            f'<download {place} testid="{number}" startpos="{start}" count="{len(chosen)}" auxid="0" />\r\n  '
        )
        items = [data(start + offset, row) for offset, row in enumerate(chosen)]
        return list_reply("donwload_resp", items, head)  # as the real server spells it

    def _downloadlog(self, root: ElementTree.Element, now_s: float) -> bytes:
        asked = root.find("download")
        test = None if asked is None else _test_of(self._server.find(asked), asked)
        entries = test.log if test else []
        items = [
            f'<data seqid="{n}" log_code="{code}" atime="{at(time_s)}" />'
            for n, (code, time_s) in enumerate(entries, start=1)
        ]
        return list_reply("donwloadlog_resp", items, '<download log_lever="0" />\r\n  ')

    def _step_layer(self, root: ElementTree.Element, now_s: float) -> bytes:
        asked = root.find("downloadStepLayer")
        test = None if asked is None else _test_of(self._server.find(asked), asked)
        layers = test.layers if test else []
        items = [
            layer(index, first, last, test.rows[first], test.rows[last])
            for index, (first, last) in enumerate(layers, start=1)
            if test is not None
        ]
        return list_reply("downloadStepLayer_resp", items)

    def _asked(
        self, root: ElementTree.Element, name: str
    ) -> list[tuple[ElementTree.Element, CyclerChannel | None]]:
        return [(element, self._server.find(element)) for element in root.findall(f"list/{name}")]

    _COMMANDS: ClassVar[dict[str, Callable[[BtsConnection, ElementTree.Element, float], bytes]]] = {
        "connect": _connect,
        "getdevinfo": _getdevinfo,
        "getchlstatus": _getchlstatus,
        "inquire": _inquire,
        "inquiredf": _inquiredf,
        "start": _start,
        "stop": _stop,
        "light": _light,
        "clearflag": _clearflag,
        "download": _download,
        "downloadlog": _downloadlog,
        "downloadStepLayer": _step_layer,
    }


def _parsed(request: bytes) -> ElementTree.Element | None:
    text = request.decode("utf-8", "replace")
    begin = text.find("<bts")
    if begin < 0 or "<!" in text:
        return None
    try:
        return ElementTree.fromstring(text[begin:].strip())
    except ElementTree.ParseError:
        return None


def _test_of(channel: CyclerChannel | None, asked: ElementTree.Element) -> Test | None:
    """The test that a request names; 0 is the latest."""
    if channel is None or not channel.tests:
        return None
    number = _whole(asked, "testid")
    if number == 0:
        return channel.tests[-1]
    return next((test for test in channel.tests if test.number == number), None)


def _whole(element: ElementTree.Element | None, name: str) -> int:
    text = "" if element is None else element.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
