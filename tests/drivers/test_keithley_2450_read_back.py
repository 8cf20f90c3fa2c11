"""Reading a SourceMeter's safety back: queries alone, and every state that a person has to hear of."""

import pytest

from labctl import plugins
from labctl.clock import VirtualClock
from labctl.errors import WrongInstrument
from labctl.link import Deadline, Link
from labctl.link.memory import MemoryPort
from labctl_drivers.keithley_2450_read_back import read_back


class Bench:
    """A simulated SourceMeter in memory, and every byte that it was sent."""

    def __init__(self, driver: str = "keithley-2450") -> None:
        self.device = plugins.simulator(driver, "resistor:100", 0)
        self.sent = bytearray()
        clock = VirtualClock()
        port = MemoryPort(self.device.port, clock)
        write = port.write

        async def listen(data: bytes) -> None:
            self.sent += data
            await write(data)

        port.write = listen  # type: ignore[method-assign]
        self.link = Link(port, clock, b"\n")
        self.now = clock.now

    async def told(self, *commands: bytes) -> dict[str, tuple[str, bool]]:
        await self.link.open()
        for command in commands:
            await self.link.send(command)
        self.sent.clear()
        return {line.what: (line.found, bool(line.remedy)) for line in await read_back(self.link)}


async def test_as_it_leaves_the_factory_it_would_drain_a_cell() -> None:
    bench = Bench()
    told = await bench.told()
    assert told["output"] == ("off", False)
    assert told["output-off state, current source"] == ("NORM, a source of 0 V", True)
    assert told["at power-on"] == ("the default settings, output off", False)
    assert told["identity"][0].startswith("KEITHLEY INSTRUMENTS")


async def test_only_questions_are_sent_and_no_error_is_left() -> None:
    bench = Bench()
    await bench.told()
    assert all(line.endswith(b"?") for line in bytes(bench.sent).splitlines())
    assert bench.device.output_on is False
    assert (await bench.link.ask(b":SYST:ERR?", Deadline("an error"))).startswith(b"0,")


@pytest.mark.parametrize(
    ("commands", "what", "found", "wrong"),
    [
        ((b":OUTP:CURR:SMOD HIMP",), "output-off state, current source", "HIMP, open relay", False),
        ((b":OUTP:VOLT:SMOD GUAR",), "output-off state, voltage source", "GUAR, a source of 0 A", True),
        ((b":OUTP ON",), "output", "ON", True),
        ((b":SYST:POS SAV0",), "at power-on", "the stored setup SAV0", True),
    ],
)
async def test_what_is_not_as_it_should_be(
    commands: tuple[bytes, ...], what: str, found: str, wrong: bool
) -> None:
    assert (await Bench().told(*commands))[what] == (found, wrong)


async def test_another_instrument_is_not_asked_further() -> None:
    bench = Bench()
    bench.device.identity = "ACME,TOASTER,1,1"
    with pytest.raises(WrongInstrument):
        await bench.told()
    assert bytes(bench.sent) == b"*IDN?\n"
