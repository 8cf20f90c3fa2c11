"""A station that is served: all its channels at once, a queue, a socket; until it is told to end.

Theory of operation. Each channel has a worker, a task that carries out one entry of its queue after the other. What
goes wrong on a channel is caught in its worker, which then waits for a person. While the database takes no rows, every
circuit is open, since nothing would be recorded. Instruments at a port are held by keepers, in processes of their
own, so that this process may die at any moment. When it is told to end, every circuit is opened and its run is
paused. After a start nothing is energised before a person says so.
"""

import asyncio
import os
import signal
from asyncio import TaskGroup
from collections.abc import Callable, Coroutine, Sequence
from functools import partial

from labctl.keeper.claim import Claim
from labctl.keeper.journal import journal_beside
from labctl.keeper.pairs import KeeperPairs
from labctl.station.acknowledgement import Acknowledgements
from labctl.station.broadcast import Broadcast
from labctl.station.commands import Commands
from labctl.station.companion import Companion, accompany
from labctl.station.connect import clock_for
from labctl.station.delivery import Delivery
from labctl.station.file import Station
from labctl.station.keeper_record import KeeperRecord
from labctl.station.local_socket import LocalSocket, socket_path
from labctl.station.outage import Outage
from labctl.station.queue import Queue
from labctl.station.remote import RemoteCommands
from labctl.station.service_manager import ServiceManager
from labctl.station.thermometers import Auxiliaries
from labctl.station.worker import Bench, Worker
from labctl.store.database import locate
from labctl.store.reader import Reader
from labctl.store.records import RunState
from labctl.store.store import Store


async def serve(
    station: Station,
    database: str,
    speed: float,
    seed: int,
    tell: Callable[[str, str], None],
    companions: Sequence[Companion] = (),
) -> None:
    """Serve a station until SIGTERM or Ctrl-C; then every circuit is open.

    Args:
        station: what to serve.
        database: URL or path.
        speed: experiment seconds per second on the wall; other than 1 for simulated instruments only.
        seed: of everything simulated.
        tell: called with a channel's name, or none, and a sentence whenever something worth a line happens.
        companions: processes that read what the station says, for a broker or a browser.

    Raises:
        StationError: another process serves this station, or its time cannot run that fast.
        StoreError: the database cannot be opened for writing, or took no rows when the station was told to end.
    """
    for spec in station.channels.values():
        clock_for(spec, speed)
    claim = Claim(f"station {station.name}")
    await claim.take()
    try:
        journal = journal_beside(database)
        at_ports = {name: spec for name, spec in station.channels.items() if spec.resource}
        instruments = [each for spec in at_ports.values() for each in spec.instruments()]
        with Store(database) as store, KeeperPairs(instruments, journal) as keepers:
            keepers.ready_for(at_ports)
            kept = KeeperRecord(store, database, journal)
            kept.enter()
            queue = Queue(store, station.name)
            await queue.load(partial(_ended, Reader(database)))
            outage = Outage(store, partial(tell, ""))
            auxiliaries = Auxiliaries(station.auxiliaries(), speed, seed)
            bench = Bench(
                *(store, database, queue, keepers, kept, journal, speed, seed, tell, outage), auxiliaries
            )
            workers = {name: Worker(spec, bench) for name, spec in station.channels.items()}
            broadcast = Broadcast(station.name, workers, tell)
            seen_to = Acknowledgements(store, workers, broadcast)
            commands = Commands(station, queue, workers, str(locate(database)), outage, seen_to)
            remote = RemoteCommands(station.name, store, workers, commands.answer)
            delivery = Delivery(
                station.name, str(locate(database)), store, broadcast, commands.answer, remote
            )
            door = LocalSocket(socket_path(station.name), delivery.answer, os.getuid(), broadcast.listen)
            watch = outage.watch(
                lambda: [worker.control for worker in workers.values()],
                lambda sentence: _warn(workers, sentence),
            )
            beside = [watch, broadcast.live(), *auxiliaries.tasks()]
            beside += [accompany(each, broadcast, tell) for each in companions]
            await _live(station, door, workers, beside, tell)
    finally:
        claim.drop()


async def _live(
    station: Station,
    door: LocalSocket,
    workers: dict[str, Worker],
    beside: Sequence[Coroutine[None, None, None]],
    tell: Callable[[str, str], None],
) -> None:
    manager = ServiceManager()
    told = _on_signals()
    await door.open()
    try:
        async with TaskGroup() as group:
            tasks = [group.create_task(worker.live(), name=name) for name, worker in workers.items()]
            tasks.append(group.create_task(manager.feed()))
            tasks.extend(group.create_task(each) for each in beside)
            tell("", f"station {station.name}: {len(workers)} channels, process {os.getpid()}")
            manager.tell(READY=1, STATUS=f"{len(workers)} channels")
            await told.wait()
            tell("", "told to end: opening every circuit")
            manager.tell(STOPPING=1)
            for task in tasks:
                task.cancel()
    except ExceptionGroup as several:  # the first that cannot go on ends all
        tell("", "every circuit is open; the station cannot go on")
        raise several.exceptions[0] from None
    finally:
        await door.close()
    tell("", "every circuit is open; what ran is paused")


def _warn(workers: dict[str, Worker], sentence: str) -> None:
    for worker in workers.values():
        worker.warn(sentence)


def _ended(reader: Reader, run_id: int) -> tuple[RunState, str]:
    """How a run stands that an earlier process has left, and why."""
    run = reader.run(run_id)
    return run.state, run.end_reason or "its process is gone"


def _on_signals() -> asyncio.Event:
    """Set once the process is told to end; told again, it goes on ending."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    return told
