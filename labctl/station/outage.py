"""While the database takes no rows, or soon would not: every circuit is opened, nothing begins, writing is tried again.

Theory of operation. Nothing may happen to a cell that is not recorded. So when the disk is full, or a synchronisation
fails, every run ends with its circuit open, as it does, in good order, while there is still room for its last rows. The
station lives on and tells why. What the runs had to say is kept in memory, and written once the database takes rows
again; then a person lets them go on.
"""

import asyncio
from collections.abc import Callable

from labctl.engine.control import RunControl
from labctl.engine.outcome import RunEnd, RunState
from labctl.errors import LabctlError, StationError
from labctl.store.store import Store

_LOOK_S = 0.1
_LOOK_AT_ROOM_S = 2.0
_TRY_AGAIN_S = 2.0
_SEE_TO_DISK = "see what is wrong with the disk (journalctl -k, smartctl, quota)"


class Outage:
    """Watches a station's database.

    Args:
        store: the database.
        tell: called with a sentence when an outage begins and when it is over.

    Attributes:
        problem: why no rows are taken; empty while they are.
        remedy: what a person can do about it, or about a disk that is nearly full; empty while there is nothing to do.
        notice: what else is not as it should be with the database, while everything goes on; empty if nothing is.
    """

    def __init__(self, store: Store, tell: Callable[[str], None]) -> None:
        self.problem = ""
        self.remedy = ""
        self.notice = ""
        self._store = store
        self._tell = tell
        self._is_over = asyncio.Event()
        self._is_over.set()

    async def watch(self, controls: Callable[[], list[RunControl]], warn: Callable[[str], None]) -> None:
        """Look until cancelled.

        Args:
            controls: gives those of all channels.
            warn: has a sentence written into the record of every run in progress.
        """
        loop = asyncio.get_running_loop()
        next_look_s = 0.0
        while True:
            if self._store.failure is not None:
                await self._last(str(self._store.failure), controls())
            elif loop.time() >= next_look_s:
                await self._look_at_room(controls())
                await self._look_at_log(warn)
                next_look_s = loop.time() + _LOOK_AT_ROOM_S
            await asyncio.sleep(_LOOK_S)

    def refuse(self) -> None:
        """Begin nothing while it could not be recorded.

        Raises:
            StationError: with what to do about it.
        """
        if self.problem:
            raise StationError(
                f"nothing can be recorded, every circuit is opened: {self.problem}; {self.remedy}"
            )
        if self.remedy:
            raise StationError(f"the disk is nearly full: nothing is begun; {self.remedy} first")

    async def over(self) -> None:
        """Return when rows are taken again."""
        if self._store.failure is not None:
            self._is_over.clear()
        await self._is_over.wait()

    async def _look_at_room(self, controls: list[RunControl]) -> None:
        shortage = await asyncio.to_thread(lambda: self._store.shortage)
        if shortage and not self.remedy:
            self._tell(f"the disk is nearly full: every circuit is opened; {shortage}, then labctl resume")
        if shortage:
            _open(controls, RunEnd(RunState.PAUSED, f"the disk is nearly full: {shortage}"))
        self.remedy = shortage

    async def _look_at_log(self, warn: Callable[[str], None]) -> None:
        """Runs go on meanwhile: a log that is long is a matter of room on the disk."""
        before, self.notice = self.notice, await asyncio.to_thread(lambda: self._store.long_log)
        if self.notice and not before:
            warn(self.notice)
            self._tell(self.notice)
        if before and not self.notice:
            self._tell("the log of the database has been cut short")

    async def _last(self, problem: str, controls: list[RunControl]) -> None:
        """From the failure until rows are taken again."""
        self._is_over.clear()
        self.problem, self.remedy = problem, self._store.shortage or _SEE_TO_DISK
        self._tell(
            f"no rows are taken: every circuit is opened; {problem}; {self.remedy}, then labctl resume"
        )
        _open(controls, RunEnd(RunState.FAILED, f"no rows were taken: {problem}"))
        while not (self._store.is_idle and await self._try_again()):
            await asyncio.sleep(_TRY_AGAIN_S)
        self.problem = self.remedy = ""
        self._is_over.set()
        self._tell(
            "rows are taken again, and all that was measured is written; what was running waits for a person"
        )

    async def _try_again(self) -> bool:
        self.remedy = self._store.shortage
        if self.remedy:
            return False
        try:
            await asyncio.to_thread(self._store.reopen)
        except LabctlError as error:
            self.problem, self.remedy = str(error), self._store.shortage or _SEE_TO_DISK
            return False
        return True


def _open(controls: list[RunControl], because: RunEnd) -> None:
    for control in controls:
        control.request_open(because)
