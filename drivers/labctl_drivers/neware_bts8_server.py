"""Talks to a Neware BTSServer about one channel: XML questions and answers, and the values in them.

A question is XML that ends with ``#``; an answer is lines of XML, and a line with ``#`` alone. One question at a time.

Source: "Neware BTS API" protocol v1.19; answers of a BTS 8.0 as captured in the tests of aurora-neware 0.2.3.
"""

import math
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from labctl.errors import InstrumentRefused, InvalidReading, LinkNonsense, Superseded, WrongInstrument
from labctl.link import Deadline, Link

_ANSWER = Deadline("an answer of the BTSServer", slack_s=10.0)
_OPENING = '<?xml version="1.0" encoding="UTF-8" ?><bts version="1.0">'
_CLOSING = "</bts>\n\n#\r"  # the link adds the line feed
_END = b"#"
_MOST_LINES = 20_000
_PAGE = 1000
_LOGIN = "<cmd>connect</cmd><username>admin</username><password>neware</password><type>bfgs</type>"


@dataclass(frozen=True, slots=True)
class Place:
    """A channel, as the server knows it."""

    ip: str
    kind: str
    device: str
    unit: str
    channel: str

    def __str__(self) -> str:
        return f"{self.device}-{self.unit}-{self.channel}"

    def attributes(self, *, ip: bool = True) -> str:
        """As a question names it."""
        parts = {"ip": self.ip} if ip else {}
        parts |= {"devtype": self.kind, "devid": self.device, "subdevid": self.unit, "chlid": self.channel}
        return " ".join(f"{name}={quoteattr(value)}" for name, value in parts.items())


@dataclass(frozen=True, slots=True)
class Present:
    """What a channel does at this moment."""

    status: str
    step_type: str
    voltage_V: float
    current_A: float


@dataclass(frozen=True, slots=True)
class Progress:
    """The latest test of a channel: its number, how many rows it has, whether it is over."""

    test: int
    rows: int
    finished: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a test. Charge and energy are magnitudes since the step began, time too."""

    number: int
    time_s: float
    voltage_V: float
    current_A: float
    charge_C: float
    energy_J: float


class BtsServer:
    """The server at the other end of a link, asked about one of its channels.

    Attributes:
        place: the channel; set by ``choose``.
    """

    def __init__(self, link: Link) -> None:
        self.place = Place("", "", "", "", "")
        self._link = link

    async def log_in(self) -> None:
        """Introduce ourselves, on a connection that is new.

        Raises:
            InstrumentRefused: the server does not want us.
        """
        answer = await self._ask(_LOGIN, "connect_resp")
        if answer.findtext("result") != "ok":
            raise InstrumentRefused("the BTSServer refuses the connection", self._link.name, "connect")

    async def choose(self, address: str | None) -> None:
        """Find the channel ``device-unit-channel``; without an address, the only one.

        Raises:
            WrongInstrument: there is no such channel, or several to choose from.
        """
        answer = await self._ask("<cmd>getdevinfo</cmd>", "getdevinfo_resp")
        found = {
            str(place): place
            for place in (
                Place(*(each.get(name, "") for name in ("ip", "devtype", "devid", "subdevid", "Channelid")))
                for each in answer.iterfind("middle/channel")
            )
        }
        if address is None and len(found) == 1:
            address = next(iter(found))
        if address not in found:
            asked = (
                f"there is no channel {address}"
                if address
                else "there are several channels, write an `address`"
            )
            raise WrongInstrument(f"{asked}; the server has {', '.join(found) or 'none'}", self._link.name)
        self.place = found[address]

    async def present(self) -> Present:
        """What the channel does at this moment."""
        question = f'<inquire {self.place.attributes()} aux="0" barcode="1">true</inquire>'
        element = await self._one("inquire", question, "inquire_resp")
        return Present(
            element.get("workstatus", ""),
            element.get("step_type", ""),
            self._number(element, "voltage"),
            self._number(element, "current"),
        )

    async def progress(self) -> Progress:
        """How far the latest test is."""
        question = f'<chl {self.place.attributes(ip=False)} testid="0" />'
        element = await self._one("inquiredf", question, "inquiredf_resp", tag="chl")
        return Progress(
            int(self._number(element, "testid")),
            int(self._number(element, "count")),
            (element.text or "").strip() == "true",
        )

    async def rows(self, test: int, first: int) -> list[Row]:
        """A page of rows from number ``first``, counted from 1; fewer than it holds when there are no more."""
        answer = await self._ask(
            f'<cmd>download</cmd><download {self.place.attributes(ip=False)} auxid="0" testid="{test}" '
            f'startpos="{first}" count="{_PAGE}"/>',
            "donwload_resp",
        )
        rows = [self._row(element) for element in answer.iterfind("list/data")]
        if [row.number for row in rows] != list(range(first, first + len(rows))):
            raise self._nonsense("rows are missing or out of order")
        return rows

    async def start(self, path: str, barcode: str, folder: str, epoch: int) -> bool:
        """Let the channel carry out the step file at ``path``, as the server's computer names it; whether it does."""
        question = (
            f"<start {self.place.attributes()} barcode={quoteattr(barcode)}>{escape(path)}</start>"
            f'<backup backupdir={quoteattr(folder)} remotedir="" filenametype="0" customfilename="" '
            'addtimewhenrepeat="0" createdirbydate="0" filetype="0" backupontime="0" '
            'backupontimeinterval="720" backupfree="0" />'
        )
        element = await self._one("start", question, "start_resp", epoch=epoch)
        return (element.text or "").strip() == "ok"

    async def stop(self) -> None:
        """Stop whatever the channel does; an idle one may answer that it will not."""
        await self._one("stop", f"<stop {self.place.attributes()}>true</stop>", "stop_resp")

    # --- questions and answers -------------------------------------------------------------------------------

    async def _one(
        self, command: str, question: str, answer: str, *, tag: str = "", epoch: int | None = None
    ) -> ElementTree.Element:
        """The only element of an answer's list."""
        body = f'<cmd>{command}</cmd><list count="1">{question}</list>'
        elements = (await self._ask(body, answer, epoch)).findall(f"list/{tag or command}")
        if len(elements) != 1:
            raise self._nonsense(f"{len(elements)} elements answered to {command}, one was asked for")
        return elements[0]

    async def _ask(self, body: str, command: str, epoch: int | None = None) -> ElementTree.Element:
        """Ask, and take the answer whole.

        Raises:
            LinkNonsense: it is no answer to this question; the link is poisoned.
        """
        text = await self._exchange(f"{_OPENING}{body}{_CLOSING}".encode(), epoch)
        if "<!" in text:
            raise self._nonsense("a document type in an answer")
        try:
            root = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise self._nonsense(f"an answer that is no XML: {error}") from None
        if root.tag != "bts" or (root.findtext("cmd") or "").strip() != command:
            raise self._nonsense(f"{root.findtext('cmd')!r} answers in place of {command!r}")
        return root

    async def _exchange(self, question: bytes, epoch: int | None) -> str:
        lines: list[bytes] = []
        try:
            line = await self._link.query(question, _ANSWER, epoch=epoch)
            while line.strip() != _END:
                lines.append(line)
                if len(lines) > _MOST_LINES:
                    raise self._nonsense("an answer without end")
                line = await self._link.receive(_ANSWER)
        except Superseded:
            if lines:
                self._link.poison()
            raise
        except BaseException:
            self._link.poison()  # the rest of an answer would be taken for the next
            raise
        return b"\n".join(lines).decode("ascii").strip()

    def _row(self, element: ElementTree.Element) -> Row:
        return Row(
            int(self._number(element, "seqid")),
            self._number(element, "testtime") * 1e-3,
            self._number(element, "volt"),
            self._number(element, "curr"),
            self._number(element, "cap") * 3600.0,
            self._number(element, "eng") * 3600.0,
        )

    def _number(self, element: ElementTree.Element, name: str) -> float:
        text = element.get(name, "nothing")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InvalidReading(f"{name} is {text[:20]!r}", self._link.name)
        return value

    def _nonsense(self, problem: str) -> LinkNonsense:
        self._link.poison()
        return LinkNonsense(problem, self._link.name)
