"""The instruments of a station: what they do when nobody talks to them, read back without changing anything."""

from collections.abc import Iterator

from labctl import plugins
from labctl.clock import LoopClock
from labctl.doctor.line import Line, look, ok, wrong
from labctl.errors import LabctlError, StationError
from labctl.instrument.channel import Driver, ReadBack
from labctl.keeper.claim import Claim
from labctl.link import Link
from labctl.link.open import open_port
from labctl.link.thread import PortThread
from labctl.station.connect import ChannelSpec


async def check_instrument(spec: ChannelSpec) -> list[Line]:
    """Ask one instrument, if nobody uses it and its driver can ask without changing anything."""
    subject = f"instrument of {spec.name}"
    driver = plugins.driver(spec.driver)
    if not spec.resource:
        return [ok(subject, f"simulated {spec.driver}")]
    declared = list(_declared(subject, spec))
    if driver.read_back is None:
        hint = "labctl station check asks who answers"
        return [
            *declared,
            look(subject, "not asked: it cannot be read back without interrupting what it does", hint),
        ]
    claim = Claim(spec.place(), *spec.further_ports().values())
    try:
        await claim.take()
    except StationError as error:
        return [*declared, ok(subject, f"not asked: {error}")]
    try:
        return [*declared, *(_line(subject, told) for told in await _ask(driver, spec.resource))]
    except LabctlError as error:
        return [
            *declared,
            wrong(subject, str(error), "switch it on, connect it, or correct the station file"),
        ]
    finally:
        claim.drop()


def _declared(subject: str, spec: ChannelSpec) -> Iterator[Line]:
    traits = spec.traits()
    yield ok(subject, f"{traits.model}: when off, {traits.off_mode}")
    if traits.host_silence is None:
        yield look(
            subject,
            "nothing opens its circuit if this computer dies",
            "stay with it, arm a watchdog if it has one, or put a relay of its own in the circuit",
        )
    else:
        yield ok(subject, f"if this computer dies: {traits.host_silence}")


def _line(subject: str, told: ReadBack) -> Line:
    found = f"{told.what}: {told.found}"
    if told.harmful:
        return wrong(subject, found, told.remedy)
    return look(subject, found, told.remedy) if told.remedy else ok(subject, found)


async def _ask(driver: Driver, resource: str) -> tuple[ReadBack, ...]:
    """In the thread that owns the port for as long as it is asked."""
    assert driver.read_back is not None
    read_back = driver.read_back
    clock = LoopClock().in_thread()
    link = Link(open_port(resource, clock, driver), clock, driver.terminator)
    thread = PortThread(resource, clock)

    async def converse() -> tuple[ReadBack, ...]:
        await link.open()
        try:
            return await read_back(link)
        finally:
            await link.close()

    try:
        return await thread.call(converse)
    finally:
        await thread.close()
