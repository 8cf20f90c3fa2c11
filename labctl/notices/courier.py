"""Delivers letters by apprise, in a thread, again and again for a day; never waits for whoever does not answer."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from labctl.errors import UserError
from labctl.notices.desk import Letter
from labctl.notices.settings import Recipient
from labctl.telemetry.messages import Severity

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 900.0
_KEPT_S = 86_400.0
_MOST_WAITING = 200
_TYPES = {
    Severity.ALARM: "failure",
    Severity.WARNING: "warning",
    Severity.NOTICE: "success",
    Severity.INFO: "info",
}


class Courier:
    """One recipient's letters, in order.

    Args:
        recipient: whom it serves.
        tell: called with a sentence when delivery begins to fail, works again, or a letter is given up.

    Raises:
        UserError: the address is none that apprise knows, or apprise is not installed.
    """

    def __init__(self, recipient: Recipient, tell: Callable[[str], None]) -> None:
        self._recipient = recipient
        self._service = service_for(recipient)
        self._tell = tell
        self._letters: deque[_Waiting] = deque()
        self._wake = asyncio.Event()

    def post(self, letter: Letter) -> None:
        """Take a letter. Of too many that wait, the oldest that is no alarm is given up."""
        if len(self._letters) == _MOST_WAITING:
            given_up = next(
                (old for old in self._letters if old.letter.notice.severity is not Severity.ALARM),
                self._letters[0],
            )
            self._letters.remove(given_up)
            self._tell(f"notices to {self._recipient.name}: one was given up, too many wait")
        self._letters.append(_Waiting(letter, asyncio.get_running_loop().time()))
        self._wake.set()

    @property
    def is_idle(self) -> bool:
        """Whether everything has been delivered."""
        return not self._letters

    async def live(self) -> None:
        """Deliver for ever."""
        pause_s = 0.0
        while True:
            while not self._letters:
                self._wake.clear()
                await self._wake.wait()
            waiting = self._letters[0]
            if await self._deliver(waiting.letter):
                if pause_s:
                    self._tell(f"notices to {self._recipient.name} arrive again")
                pause_s = 0.0
            elif asyncio.get_running_loop().time() - waiting.since_s < _KEPT_S:
                if not pause_s:
                    self._tell(f"notices to {self._recipient.name} do not arrive; trying again for a day")
                pause_s = min(max(2.0 * pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
                await asyncio.sleep(pause_s)
                continue
            else:
                self._tell(f"notices to {self._recipient.name}: one was given up after a day")
            with suppress(ValueError):  # it may have been given up meanwhile
                self._letters.remove(waiting)

    async def _deliver(self, letter: Letter) -> bool:
        notice = letter.notice
        return await asyncio.to_thread(
            self._service.notify,
            body=notice.text,
            title=notice.subject,
            notify_type=_TYPES[notice.severity],
            body_format="text",
        )


@dataclass(eq=False, slots=True)
class _Waiting:
    letter: Letter
    since_s: float


def service_for(recipient: Recipient) -> Any:
    """What delivers to a recipient.

    Raises:
        UserError: the address is none that apprise knows, or apprise is not installed.
    """
    try:
        import apprise
    except ModuleNotFoundError:
        raise UserError(
            "notices need the Python package apprise: pip install 'labctl-cycler[notices]'"
        ) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would write addresses with their secrets
    service = apprise.Apprise()
    if not service.add(recipient.url):
        raise UserError(
            f"recipient {recipient.name}: its address is none that can be used; "
            "as in ntfys://HOST/TOPIC, mailtos://USER:PASSWORD@HOST?to=WHOM, jsons://HOST/PATH"
        )
    return service
