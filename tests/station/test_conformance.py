"""``labctl conformance`` against simulated instruments: what conforms, what does not, and a pulled cable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from labctl import plugins
from labctl.clock import LoopClock
from labctl.errors import CannotHold, LinkError
from labctl.instrument import conformance_checks, conformance_load
from labctl.instrument.conformance import DoesNotConform
from labctl.station import conformance
from labctl.station.conformance import Load, Outcome, Place, conform, current_for
from labctl.station.conformance_report import file_name, report
from tests.conformance.test_keithley_2450 import _in_memory

SPEED = 200.0
WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@asynccontextmanager
async def simulated(name: str, attachment: str, cell: str = "resistor:100") -> AsyncIterator[str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    where = {"port": 0} if attachment == "tcp" else {}
    serve = plugins.attachment(attachment)
    async with asyncio.TaskGroup() as group:
        server = group.create_task(
            serve(plugins.simulator(name, cell, 1), speed=SPEED, ready=ready.set_result, **where)
        )
        yield await ready
        server.cancel()


@pytest.mark.parametrize(("name", "attachment"), [("keithley-2450", "tcp"), ("palmsens-emstat4", "pty")])
async def test_a_simulated_instrument_conforms_and_the_report_says_it_is_simulated(name, attachment) -> None:
    driver = plugins.driver(name)
    load = Load(100.0, current_for(100.0, next(iter(driver.traits.values()))))
    assert load.current_A == 5e-3
    async with simulated(name, attachment) as resource:
        found = await conform(Place(driver, resource), load, LoopClock(SPEED))
    assert found.conforms, found.findings
    assert {finding.outcome for finding in found.findings} == {Outcome.KEPT, Outcome.LEFT_OUT}
    text = report(found, WHEN, "0.1.0")
    assert "- Simulated: yes\n- Outcome: conforms\n" in text
    assert (
        "| a pulled cable is noticed and the circuit opened once it is back | left out | nobody was there |"
        in text
    )
    assert "127.0.0.1" not in text
    assert file_name(found, WHEN).startswith(f"{name}_")


async def test_another_load_than_the_one_that_is_named_does_not_conform(monkeypatch) -> None:
    monkeypatch.setattr(
        conformance, "ON_A_BENCH", (conformance_checks.a_constant_current_passes_the_planned_charge,)
    )
    async with simulated("keithley-2450", "tcp", "resistor:110") as resource:
        found = await conform(
            Place(plugins.driver("keithley-2450"), resource), Load(100.0, 5e-3), LoopClock(SPEED)
        )
    assert not found.conforms
    assert found.findings[0].outcome is Outcome.BROKEN
    assert "the voltage is off by 0.05" in found.findings[0].found
    assert "- Outcome: does not conform\n" in report(found, WHEN, "0.1.0")


async def test_a_current_beyond_the_instrument_and_an_instrument_that_is_not_there(monkeypatch) -> None:
    driver = plugins.driver("keithley-2450")
    async with simulated("keithley-2450", "tcp") as resource:
        with pytest.raises(CannotHold):
            await conform(Place(driver, resource), Load(0.1, 5.0), LoopClock(SPEED))
    with pytest.raises(LinkError):
        await conform(Place(driver, resource), Load(100.0, 5e-3), LoopClock(SPEED))


async def test_an_instrument_that_cannot_be_asked_for_a_current_is_not_said_to_conform(monkeypatch) -> None:
    checks = conformance.ON_A_BENCH[0], conformance_checks.a_rest_passes_no_current
    monkeypatch.setattr(conformance, "ON_A_BENCH", checks)
    async with simulated("keysight-e4980a", "tcp") as resource:
        place = Place(plugins.driver("keysight-e4980a"), resource)
        found = await conform(place, Load(100.0, 1e-3), LoopClock(SPEED))
    assert [finding.outcome for finding in found.findings[:2]] == [Outcome.KEPT, Outcome.CANNOT]
    assert not found.conforms
    assert "since it cannot do 1 of 3 things" in report(found, WHEN, "0.1.0")


class Cable:
    """Between labctl and a simulated instrument; an attendant who does at once what is asked for."""

    def __init__(self, resource: str, *, does_it: bool = True) -> None:
        self._to = int(resource.split("::")[2])
        self._does_it = does_it
        self._server: asyncio.Server | None = None
        self._port = 0
        self._open: list[asyncio.StreamWriter] = []

    async def plug_in(self) -> str:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return f"TCPIP::127.0.0.1::{self._port}::SOCKET"

    def pull(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    def say(self, text: str) -> None:
        assert "pull the cable" in text
        if self._does_it:
            self.pull()

    async def done(self, question: str) -> None:
        assert question == "put the cable back"
        await self.plug_in()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._open += [writer, back]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._flow(reader, back))
            group.create_task(self._flow(there, writer))

    async def _flow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(4096):
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()


@pytest.mark.parametrize("pulled", [True, False])
async def test_a_pulled_cable_is_noticed_and_one_that_was_not_pulled_is_not(
    monkeypatch, pulled: bool
) -> None:
    monkeypatch.setattr(conformance, "ON_A_BENCH", ())
    async with simulated("keithley-2450", "tcp") as resource:
        cable = Cable(resource, does_it=pulled)
        found = await conform(
            *(
                Place(plugins.driver("keithley-2450"), await cable.plug_in()),
                Load(100.0, 5e-3),
                LoopClock(SPEED),
            ),
            attendant=cable,
        )
        cable.pull()
    (finding,) = found.findings
    assert finding.outcome is (Outcome.KEPT if pulled else Outcome.BROKEN), finding
    if not pulled:
        assert finding.found == "nothing fell silent within 60 s"


@pytest.mark.parametrize("check", conformance_load.OF_A_RESISTOR, ids=lambda check: check.__name__)
async def test_the_checks_for_a_resistor_keep_in_memory_where_the_truth_is_known(check) -> None:
    await check(_in_memory("resistor:1000"))


async def test_a_circuit_that_stays_closed_is_not_safe() -> None:
    bench = _in_memory("resistor:1000")
    bench.circuit_closed = lambda: True
    with pytest.raises(DoesNotConform, match="the circuit is closed"):
        await conformance_checks.making_safe_opens_the_circuit_from_every_state(bench)


async def test_a_limit_that_is_not_armed_is_found() -> None:
    bench = _in_memory("resistor:1000")

    class Unlimited(type(bench.channel)):  # type: ignore[misc]
        def run(self, step):
            wide = conformance_load.SafetyLimits(-1.0, 1.0, step.safety.current_max_A)
            return super().run(
                conformance_load.Step(step.control, step.value, step.cutoffs, wide, step.sampling)
            )

    bench.channel.__class__ = Unlimited
    with pytest.raises(DoesNotConform, match=r"samples are beyond 0.05 V, up to 0\.1000"):
        await conformance_load.the_limits_are_armed_and_hold(bench)
    await bench.channel.make_safe()
