"""The Neware driver against a transcript of a BTS 8.0, and against the twin when things go wrong."""

import math
from pathlib import Path

import pytest

from labctl.clock import VirtualClock
from labctl.errors import CannotHold, InstrumentError, InvalidReading, LinkLost, LinkNonsense, WrongInstrument
from labctl.instrument.channel import Sample
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers.neware_bts8 import DRIVER, NewareBts8
from labctl_drivers.neware_bts8_models import MODELS
from labctl_drivers.neware_bts8_step import check_step, step_file
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.neware_bts8 import BtsConnection
from labctl_simulators.firmware.neware_bts8 import NewareBts8 as Twin
from labctl_simulators.firmware.neware_bts8_program import read_program
from tests.drivers.played import Played

SAFETY = SafetyLimits(-1.0, 1.0, 5e-3)
TEN_SECONDS = Cutoff(Quantity.TIME, Side.ABOVE, 10.0)
HEAD = '<?xml version="1.0" encoding="UTF-8" ?><bts version="1.0">'
PLACE = 'devtype="27" devid="21" subdevid="1" chlid="1"'
LOGIN = "<cmd>connect</cmd><username>admin</username><password>neware</password><type>bfgs</type>"
INQUIRE = f'<cmd>inquire</cmd><list count="1"><inquire ip="127.0.0.1" {PLACE} aux="0" barcode="1">true</inquire></list>'
PROGRESS = f'<cmd>inquiredf</cmd><list count="1"><chl {PLACE} testid="0" /></list>'
START = "<cmd>start</cmd>"


def question(body: str) -> bytes:
    return f"{HEAD}{body}</bts>\n\n#\r\n".encode()


def answer(command: str, body: str) -> bytes:
    """As a BTS 8.0 writes it."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\r\n<bts version="1.0">\r\n  <cmd>{command}</cmd>\r\n  {body}\r\n</bts>'
        "\n\n#\r\n"
    ).encode()


def inquired(status: str, step: str = 'step_type="--"') -> bytes:
    return answer(
        "inquire_resp",
        f'<list count="1">\r\n    <inquire dev="27-21-1-1-0" cycle_id="44" {step} workstatus="{status}" barcode="x_02" '
        'current="-0.0003" voltage="0.6947" capacity="0.001" energy="0.0047" totaltime="3189199.3" '
        'relativetime="12319" open_or_close="0" log_code="102000" />\r\n  </list>',
    )


def progress(test: int, count: int, finished: bool) -> bytes:
    state = "true" if finished else "false"
    return answer(
        "inquiredf_resp", f'<list count="1"><chl {PLACE} testid="{test}" count="{count}">{state}</chl></list>'
    )


def rows(*items: str) -> bytes:
    return answer(
        "donwload_resp",
        f'<download {PLACE} testid="144" /><list count="{len(items)}">{"".join(items)}</list>',
    )


def row(number: int, time_ms: int, voltage: str, current: str, capacity: str = "0.0") -> str:
    return (
        f'<data seqid="{number}" stepid="1" cycleid="1" steptype="dc" testtime="{time_ms}" '
        f'atime="2025-12-28 22:29:05" volt="{voltage}" curr="{current}" cap="{capacity}" eng="0.0" />'
    )


DEVICES = answer(
    "getdevinfo_resp",
    '<serverip count="1">\r\n    <server ip="127.0.0.1" port="3306"/>\r\n  </serverip>\r\n  <middle count="1">\r\n'
    '    <channel ip="127.0.0.1" devtype="27" devid="21" subdevid="1" Channelid="1">true</channel>\r\n  </middle>',
)
CONNECT = [
    (question(LOGIN), answer("connect_resp", "<result>ok</result>")),
    (question("<cmd>getdevinfo</cmd>"), DEVICES),
    (question(INQUIRE), inquired("finish")),
]
BEGIN = [
    (question(INQUIRE), inquired("finish")),
    (question(PROGRESS), progress(143, 219585, True)),
    (
        START.encode(),
        answer("start_resp", f'<list count="1"><start ip="127.0.0.1" {PLACE}>ok</start></list>'),
    ),
    (question(PROGRESS), progress(144, 0, False)),
]


class Server(Played):
    """Of a start only the beginning is compared, its path is ours."""

    def expects(self, question: bytes, data: bytes) -> bool:
        return data == question or (question == START.encode() and question in data)


def played(folder: Path, *exchanges: tuple[bytes, bytes]) -> tuple[NewareBts8, Played]:
    fake, clock = Server([*CONNECT, *exchanges]), VirtualClock()
    link = Link(MemoryPort(lambda: fake, clock), clock, DRIVER.terminator)
    return NewareBts8(link, clock, folder=str(folder)), fake


def step(control: Control, value: float, *cutoffs: Cutoff, every_s: float = 1.0) -> Step:
    return Step(control, value, cutoffs, SAFETY, Sampling(every_s))


async def take(channel: NewareBts8, what: Step) -> list[Sample]:
    return [sample async for sample in channel.run(what)]


async def test_a_step_as_a_real_server_would_answer(tmp_path: Path) -> None:
    wanted = f'<download {PLACE} auxid="0" testid="144" '
    channel, fake = played(
        tmp_path,
        *BEGIN,
        (question(PROGRESS), progress(144, 2, False)),
        (
            question(f'<cmd>download</cmd>{wanted}startpos="1" count="1000"/>'),
            rows(row(1, 0, "0.70", "-0.001"), row(2, 5000, "0.69", "-0.001"), row(3, 10000, "0.5", "-0.001")),
        ),
        (question(PROGRESS), progress(144, 3, True)),
        (
            question(f'<cmd>download</cmd>{wanted}startpos="3" count="1000"/>'),
            rows(row(3, 10000, "0.68", "-0.001", "0.0000027777777")),
        ),
        (question(INQUIRE), inquired("finish")),
    )
    identity = await channel.connect()
    assert str(identity) == "Neware 5V10mA, serial 21-1-1"
    assert not await channel.found_closed()
    samples = await take(channel, step(Control.CURRENT, -1e-3, TEN_SECONDS))
    assert [(s.time_s - channel.step_began_s, s.voltage_V, s.current_A) for s in samples] == [
        (0.0, 0.70, -1e-3),
        (5.0, 0.69, -1e-3),
        (10.0, 0.68, -1e-3),
    ]
    assert [s.cutoff for s in samples] == [None, None, TEN_SECONDS]
    assert fake.left == []


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (answer("inquire_resp", "<list/>"), LinkNonsense),
        (b"<bts>\n\n#\r\n", LinkNonsense),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><bts><cmd>inquiredf_resp</cmd></bts>\n\n#\r\n', LinkNonsense),
        (answer("inquiredf_resp", '<list count="0"></list>'), LinkNonsense),
        (progress(145, 1, False), InstrumentError),
        (progress(144, 1, False).replace(b'count="1"', b'count="nan"'), InvalidReading),
    ],
    ids=["another answer", "no XML", "a document type", "nothing", "somebody else's test", "no number"],
)
async def test_an_answer_that_cannot_be_right_ends_the_step(
    told: bytes, error: type[Exception], tmp_path: Path
) -> None:
    again = [*CONNECT[:2], (question(PROGRESS), told)]
    channel, _ = played(tmp_path, *BEGIN, (question(PROGRESS), told), *again, *again)
    await channel.connect()
    with pytest.raises(error):
        await take(channel, step(Control.CURRENT, -1e-3, TEN_SECONDS))


async def test_an_address_that_is_not_there_is_refused_with_those_that_are() -> None:
    clock = VirtualClock()
    for address, count, said in (
        ("21-1-3", 1, "the server has 21-1-1, 21-1-2"),
        (None, 1, "several channels"),
    ):
        twin = Twin(Resistor(100.0), further=[Resistor(100.0)] * count)
        link = Link(MemoryPort(twin.port, clock), clock, DRIVER.terminator)
        with pytest.raises(WrongInstrument, match=said):
            await NewareBts8(link, clock, address=address).connect()


# --- against the twin -------------------------------------------------------------------------------------------


class Flaky(BtsConnection):
    """A connection that is lost with every ``nth`` question."""

    asked = 0
    nth = 0

    def receive(self, data: bytes, now_s: float) -> bytes:
        Flaky.asked += 1
        if Flaky.nth and Flaky.asked % Flaky.nth == 0:
            raise ConnectionResetError("lost on purpose")
        return super().receive(data, now_s)


def on_twin(folder: Path, cell: object, nth: int = 0) -> tuple[NewareBts8, Twin, VirtualClock]:
    Flaky.asked, Flaky.nth = 0, 0
    twin, clock = Twin(cell, 1), VirtualClock()  # type: ignore[arg-type]
    link = Link(MemoryPort(lambda: Flaky(twin), clock), clock, DRIVER.terminator)
    return NewareBts8(link, clock, folder=str(folder)), twin, clock


async def test_no_row_is_lost_with_the_connection(tmp_path: Path) -> None:
    channel, twin, _ = on_twin(tmp_path, Resistor(100.0))
    await channel.connect()
    times = []
    async for sample in channel.run(step(Control.CURRENT, 1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 60.0))):
        Flaky.nth = 7
        times.append(round(sample.time_s - channel.step_began_s, 3))
    assert times == [float(n) for n in range(61)]
    assert Flaky.asked > 100
    Flaky.nth = 0
    await channel.make_safe()
    assert not twin.circuit_closed


async def test_a_server_that_stays_away_ends_the_step_and_is_told(tmp_path: Path) -> None:
    channel, _, _ = on_twin(tmp_path, Resistor(100.0))
    await channel.connect()
    samples = channel.run(step(Control.CURRENT, 1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 600.0)))
    await anext(samples)
    Flaky.nth = 1
    with pytest.raises(LinkLost):
        await anext(samples)


async def test_thousands_of_rows_come_in_pages(tmp_path: Path) -> None:
    channel, _, clock = on_twin(tmp_path, Resistor(100.0))
    await channel.connect()
    samples = channel.run(step(Control.CURRENT, 1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 400.0), every_s=0.1))
    taken = [await anext(samples)]
    await clock.sleep_until(clock.now() + 350.0)  # whoever consumes is busy
    taken += [sample async for sample in samples]
    assert len(taken) == 4001
    assert taken[-1].cutoff is not None


async def test_what_ends_a_step_besides_its_cut_offs_is_an_error(tmp_path: Path) -> None:
    charge = step(Control.CURRENT, 1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 1e4))
    channel, twin, clock = on_twin(tmp_path, RcCell(90.0, 10.0, 1e-3, 0.1))
    await channel.connect()
    with pytest.raises(InstrumentError, match="protected the cell"):
        await take(channel, charge)
    assert not twin.circuit_closed
    samples = channel.run(step(Control.CURRENT, -1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 60.0)))
    await anext(samples)
    twin.channels["1"].stop(clock.now())
    with pytest.raises(InstrumentError, match="was stopped"):
        await anext(samples)


async def test_a_folder_that_cannot_be_used_is_told_and_nothing_is_started(tmp_path: Path) -> None:
    channel, twin, _ = on_twin(tmp_path / "none", Resistor(100.0))
    await channel.connect()
    with pytest.raises(InstrumentError, match="cannot be written"):
        await take(channel, step(Control.CURRENT, 1e-3, TEN_SECONDS))
    assert twin.channels["1"].tests == []


async def test_the_path_is_that_of_the_other_computer(tmp_path: Path) -> None:
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        return (tmp_path / path.rpartition("\\")[2]).read_bytes()

    clock = VirtualClock()
    twin = Twin(Resistor(100.0), read_file=read)
    link = Link(MemoryPort(twin.port, clock), clock, DRIVER.terminator)
    channel = NewareBts8(link, clock, folder=str(tmp_path), folder_there="C:\\a & b")
    await channel.connect()
    await take(channel, step(Control.CURRENT, 1e-3, TEN_SECONDS))
    assert asked[0].startswith("C:\\a & b\\labctl-21-1-1-")


# --- what a step file says ----------------------------------------------------------------------------------------


def test_a_step_file_read_by_the_twin_says_what_the_step_says() -> None:
    cutoffs = (Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.9), Cutoff(Quantity.CHARGE, Side.ABOVE, 1.0177))
    what = Step(Control.CURRENT, -1.131e-4, cutoffs, SAFETY, Sampling(10.0, 5e-3, 1e-5))
    program = read_program(step_file(what, 0.0))
    first, end = program.stages
    assert (first.kind, end.kind) == (2, 6)
    found = (
        first.current_A,
        first.stop_V,
        first.capacity_C,
        program.record_s,
        program.record_V,
        program.record_A,
    )
    assert found == pytest.approx((-1.131e-4, -0.9, 1.0177, 10.0, 5e-3, 1e-5))
    assert (program.low_V, program.high_V, program.low_A, program.high_A) == (-1.0, 1.0, -5e-3, 5e-3)
    assert (first.time_s, program.delay_s) == (math.inf, 1.0)


def test_a_voltage_is_held_charging_or_discharging() -> None:
    what = step(Control.VOLTAGE, 0.2, Cutoff(Quantity.CURRENT, Side.BELOW, 1e-5))
    for before_V, kind in ((0.1, 3), (0.3, 19)):
        (first, _) = read_program(step_file(what, before_V)).stages
        assert (first.kind, first.voltage_V, abs(first.current_A)) == (kind, 0.2, pytest.approx(4.95e-3))
        assert first.stop_A == pytest.approx(1e-5)


@pytest.mark.parametrize(
    "refused",
    [
        step(Control.POWER, 1e-3, TEN_SECONDS),
        step(Control.REST, 0.0, Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.1)),
        step(Control.REST, 0.0, Cutoff(Quantity.VOLTAGE_RATE, Side.BELOW, 1e-6)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.1)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.1, hold_s=3.0)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.ENERGY, Side.ABOVE, 1.0)),
        step(Control.VOLTAGE, 0.1, Cutoff(Quantity.CURRENT, Side.ABOVE, 1e-3)),
        step(Control.CURRENT, 1e-3, TEN_SECONDS, Cutoff(Quantity.TIME, Side.ABOVE, 5.0)),
        step(Control.CURRENT, 6e-3, TEN_SECONDS),
        step(Control.CURRENT, 1e-3, TEN_SECONDS, every_s=0.05),
        step(Control.VOLTAGE, 1.5, TEN_SECONDS),
    ],
    ids=lambda step: step.in_words(),
)
def test_what_a_step_file_cannot_say_is_refused(refused: Step) -> None:
    with pytest.raises(CannotHold):
        check_step(refused, MODELS["5V10mA"])
