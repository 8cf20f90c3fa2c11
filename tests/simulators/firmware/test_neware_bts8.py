"""The simulated BTS 8: what it answers, byte by byte; what its channels do; and what it refuses."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.neware_bts8 import BtsConnection, NewareBts8
from labctl_simulators.firmware.neware_bts8_program import Unusable, read_program

PLACE = 'ip="127.0.0.1" devtype="27" devid="21" subdevid="1" chlid="1"'
LOGIN = "<cmd>connect</cmd><username>admin</username><password>neware</password><type>bfgs</type>"
REST, CHARGE, DISCHARGE, END = (
    '<Limit><Main><Time Value="5000"/></Main></Limit>',
    '<Limit><Main><Curr Value="1"/><Stop_Volt Value="2000"/></Main></Limit>',
    '<Limit><Main><Curr Value="1"/><Time Value="20000"/></Main></Limit>',
    "",
)


def step_file(*steps: tuple[int, str], whole: str = "") -> str:
    body = "".join(
        f'<Step{n} Step_ID="{n}" Step_Type="{kind}">{limit}</Step{n}>'
        for n, (kind, limit) in enumerate(steps, 1)
    )
    return f"<root><config><Whole_Prt>{whole}</Whole_Prt><Step_Info>{body}</Step_Info></config></root>"


def cycle(back_to: int, times: int) -> tuple[int, str]:
    limit = f'<Start_Step Value="{back_to}"/><Cycle_Count Value="{times}"/>'
    return 5, f"<Limit><Other>{limit}</Other></Limit>"


def question(body: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8" ?><bts version="1.0">{body}</bts>\n\n#\r\n'.encode()


def start(path: str = "job.xml") -> bytes:
    # with the stray quotation mark and the blanks of a client that is in use
    item = f'<start {PLACE} barcode="cell 7">{path}</start><backup backupdir="C:\\x" filetype="0" />'
    return question(f'<cmd>start</cmd><list count = "1">{item}</list>"')


def reads(text: str) -> Callable[[str], bytes]:
    return lambda path: text.encode()


def server(text: str, cell: object = None) -> tuple[NewareBts8, BtsConnection]:
    device = NewareBts8(cell or RcCell(90.0, 10.0, 1e-3, 1.0), 1, read_file=reads(text))  # type: ignore[arg-type]
    port = device.port()
    assert b"<result>ok</result>" in port.receive(question(LOGIN), 0.0)
    return device, port


def download(first: int, count: int, test: int = 0) -> bytes:
    where = f'{PLACE} auxid="0" testid="{test}" startpos="{first}" count="{count}"'
    return question(f"<cmd>download</cmd><download {where}/>")


def words(port: BtsConnection, now_s: float) -> list[str]:
    return re.findall(r'steptype="(\w+)"', port.receive(download(1, 10_000), now_s).decode())


def test_the_answers_are_those_of_a_real_server() -> None:
    _, port = server("")
    assert port.receive(question(LOGIN), 0.0) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\r\n<bts version="1.0">\r\n  <cmd>connect_resp</cmd>\r\n'
        b"  <result>ok</result>\r\n</bts>\n\n#\r\n"
    )
    channels = port.receive(question("<cmd>getdevinfo</cmd>"), 0.0)
    assert (
        b'<channel ip="127.0.0.1" devtype="27" devid="21" subdevid="1" Channelid="1">true</channel>'
        in channels
    )
    status = port.receive(question(f'<cmd>getchlstatus</cmd><list count = "1"><status {PLACE}/></list>'), 0.0)
    assert b'reservepause="0">finish</status>' in status
    assert b"<cmd>donwload_resp</cmd>" in port.receive(download(0, 0), 0.0)


def test_any_split_of_the_input_gives_the_same_output() -> None:
    asked = question(LOGIN) + start() + question(LOGIN).replace(b"\n\n#", b"#")
    answers = []
    for size in (1, 7, len(asked)):
        port = NewareBts8(Resistor(100.0), 1, read_file=reads(step_file((4, REST)))).port()
        answers.append(b"".join(port.receive(asked[n : n + size], 0.0) for n in range(0, len(asked), size)))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0].count(b"\n\n#\r\n") == 3


def test_how_often_it_is_asked_makes_no_difference() -> None:
    text = step_file((4, REST), (1, CHARGE), (2, DISCHARGE), (6, END))
    told = []
    for times in ([400.0], [0.37 * n for n in range(1, 1081)]):
        _, port = server(text)
        port.receive(start(), 0.0)
        told.append([port.receive(download(1, 1000), time_s) for time_s in times][-1])
    assert told[0] == told[1]


def test_cycles_count_and_end() -> None:
    device, port = server(step_file((4, REST), (1, CHARGE), (2, DISCHARGE), cycle(2, 3), (6, END)))
    assert b">ok</start>" in port.receive(start(), 0.0)
    assert not device.circuit_closed
    port.receive(question(LOGIN), 50.0)
    assert device.circuit_closed
    port.receive(question(LOGIN), 1000.0)
    assert not device.circuit_closed
    (test,) = device.channels["1"].tests
    assert [test.rows[layer.last].word for layer in test.layers] == ["rest", *["cc", "dc"] * 3]
    assert [test.rows[layer.last].cycle for layer in test.layers] == [1, 1, 1, 2, 2, 3, 3]
    assert test.rows[test.layers[1].last].voltage_V == pytest.approx(0.2, abs=1e-4)
    assert test.rows[test.layers[2].last].time_s == 20.0


def test_a_cycle_whose_steps_end_at_once_ends() -> None:
    device, port = server(step_file((1, CHARGE.replace("2000", "-50000")), cycle(1, 5000), (6, END)))
    port.receive(start(), 0.0)
    port.receive(question(LOGIN), 1.0)
    assert device.channels["1"].status == "finish"
    assert len(device.channels["1"].tests[0].rows) == 5000


def test_pages_are_exactly_what_is_there() -> None:
    _, port = server(step_file((4, REST), (6, END)))
    port.receive(start(), 0.0)
    assert len(words(port, 100.0)) == 6
    told = port.receive(download(5, 1000), 100.0).decode()
    assert re.findall(r'seqid="(\d+)"', told) == ["5", "6"]
    assert b'testid="1"' in port.receive(download(0, 0), 100.0)
    assert b"seqid" not in port.receive(download(0, 0), 100.0)
    assert b"seqid" not in port.receive(download(1, 10, test=9), 100.0)


def test_rows_come_with_time_and_with_a_change() -> None:
    record = '<Record><Main><Time Value="50000"/><Volt Value="100"/></Main></Record>'
    device, port = server(step_file((1, CHARGE), (6, END), whole=record))
    port.receive(start(), 0.0)
    port.receive(question(LOGIN), 500.0)
    voltages = [row.voltage_V for row in device.channels["1"].tests[0].rows]
    assert len(voltages) == pytest.approx(11, abs=2)  # 0.1 V in steps of 10 mV


def test_protection_waits_for_its_delay() -> None:
    guard = '<Protect><Main><Volt><Upper Value="1500"/></Volt><Delay_Time Value="2000"/></Main></Protect>'
    device, port = server(step_file((1, CHARGE), (6, END), whole=guard))
    port.receive(start(), 0.0)
    port.receive(question(LOGIN), 500.0)
    assert (device.channels["1"].status, device.circuit_closed) == ("protect", False)
    assert device.channels["1"].tests[0].rows[-1].voltage_V == pytest.approx(0.152, abs=2e-3)


def test_a_constant_voltage_stays_within_its_current() -> None:
    hold = '<Limit><Main><Curr Value="1"/><Volt Value="2000"/><Stop_Curr Value="0.2"/></Main></Limit>'
    device, port = server(step_file((7, hold), (6, END)))
    port.receive(start(), 0.0)
    port.receive(question(LOGIN), 2000.0)
    rows = device.channels["1"].tests[0].rows
    assert max(row.current_A for row in rows) == pytest.approx(1e-3, rel=1e-4)
    assert (rows[-1].voltage_V, rows[-1].current_A) == (
        pytest.approx(0.2, abs=1e-4),
        pytest.approx(2e-4, rel=1e-2),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<root/>",
        "no XML",
        step_file((8, CHARGE)),
        step_file((1, REST)),
        step_file((4, REST), cycle(3, 2)),
        step_file((4, REST.replace("5000", "x"))),
        step_file((4, REST.replace("5000", "nan"))),
        '<!DOCTYPE a [<!ENTITY b "c">]>' + step_file((4, REST)),
    ],
)
def test_a_file_that_cannot_be_carried_out_is_not_started(text: str) -> None:
    with pytest.raises(Unusable):
        read_program(text.encode())
    device, port = server(text)
    assert b">false</start>" in port.receive(start(), 0.0)
    assert device.channels["1"].status == "finish"


def test_a_file_in_the_encoding_of_a_chinese_client_is_read() -> None:
    text = '<?xml version="1.0" encoding="GB2312"?>\n' + step_file((4, REST)).replace(
        "<config>", '<config a="电池">'
    )
    assert read_program(text.encode("gb2312")).stages[0].time_s == 5.0


def test_what_it_does_not_understand_harms_nothing(tmp_path: Path) -> None:
    device = NewareBts8(Resistor(100.0))
    port = device.port()
    assert b"false" in port.receive(question("<cmd>getdevinfo</cmd>"), 0.0)  # nobody has logged in
    assert b"false" in port.receive(question(LOGIN.replace("neware<", "x<")), 0.0)
    for garbage in (
        b"\xff\x00#\r\n",
        b"#\r\n",
        question("<cmd>format</cmd>"),
        question("<cmd>"),
        b"<bts>#\r\n",
    ):
        assert b"false" in port.receive(garbage, 0.0)
    port.receive(question(LOGIN), 0.0)
    assert b">false</start>" in port.receive(start(str(tmp_path / "none.xml")), 0.0)
    other = start().replace(b'chlid="1"', b'chlid="7"')
    assert b">false</start>" in port.receive(other, 0.0)
    with pytest.raises(ConnectionAbortedError):
        port.receive(b"x" * (1 << 21), 0.0)
