"""Talks to the Console TCP/IP Interface of MITS Pro about one channel: a request, its feedback, and what that says.

Source: "Arbin CTI Protocol Commands" v1.1 (10 s are recommended for feedback).
"""

from collections.abc import Callable
from typing import TypeVar

from labctl.errors import InstrumentRefused, LinkNonsense, WrongInstrument
from labctl.link import Deadline, Link
from labctl_drivers import arbin_mitspro_cti as cti

T = TypeVar("T")

_FEEDBACK = Deadline("feedback of MITS Pro", slack_s=10.0)
_ACCEPTED = (1, 3)  # 3: had logged in before


class CtiServer:
    """The server at the other end of a link.

    Attributes:
        channel: the channel on the wire, counted from 0; set by ``log_in``.
        serial: of the cycler.
        version: of the server, as it tells it.
    """

    def __init__(self, link: Link, user: str, password: str) -> None:
        self.channel = 0
        self.serial = ""
        self.version = 0
        self._link = link
        self._user, self._password = user, password

    async def log_in(self, address: str | None) -> None:
        """Introduce ourselves, on a connection that is new, and choose the channel.

        Args:
            address: the channel as MITS Pro shows it, from 1; None: the only one.

        Raises:
            InstrumentRefused: the user or the password is not right.
            WrongInstrument: there is no such channel, or several to choose from.
        """
        found = await self._ask(cti.login(self._user, self._password), cti.LOGIN_FEEDBACK, cti.read_login)
        if found.result not in _ACCEPTED:
            raise InstrumentRefused(
                f"MITS Pro does not accept the user {self._user}: write `user` and `password` as its client "
                "management has them",
                self._link.name,
                "login",
            )
        channels = [str(number) for number in range(1, found.channels + 1)]
        if address is None and len(channels) == 1:
            address = channels[0]
        if address not in channels:
            asked = f"there is no channel {address}" if address else "write an `address`"
            raise WrongInstrument(f"{asked}; the cycler has channels 1 to {len(channels)}", self._link.name)
        self.channel, self.serial, self.version = int(address) - 1, found.serial, found.version

    async def info(self) -> cti.Info:
        """What the channel does at this moment."""
        return await self._ask(cti.info(self.channel), cti.INFO_FEEDBACK, self._of_channel(cti.read_info))

    async def has_steps(self, labels: tuple[str, ...]) -> bool:
        """Whether the assigned schedule has steps with these labels, and no more."""
        read = self._of_channel(lambda body, channel: cti.read_plan(body, channel, labels))
        return await self._ask(cti.plan(self.channel), cti.PLAN_FEEDBACK, read)

    async def state(self) -> cti.State:
        """The test's variables, as MITS Pro keeps them for a resumption."""
        return await self._ask(cti.state(self.channel), cti.STATE_FEEDBACK, self._of_channel(cti.read_state))

    async def assign(self, schedule: str, epoch: int) -> None:
        """Assign a schedule to the channel, by its name."""
        await self._command(
            cti.ASSIGN, cti.assign(self.channel, schedule, "labctl"), cti.ASSIGN_FEEDBACK, epoch
        )

    async def start(self, test: str, epoch: int) -> None:
        """Start the schedule as a test of that name."""
        await self._command(cti.START, cti.start(self.channel, test), cti.START_FEEDBACK, epoch)

    async def update(self, variables: tuple[float, ...], epoch: int) -> None:
        """Set MV_UD1 and so on."""
        await self._command(cti.UPDATE, cti.update(self.channel, variables), cti.UPDATE_FEEDBACK, epoch)

    async def jump(self, step: int, epoch: int) -> None:
        """Go on with another step, counted from 0."""
        await self._command(cti.JUMP, cti.jump(self.channel, step), cti.JUMP_FEEDBACK, epoch)

    async def stop(self) -> None:
        """Stop whatever the channel does."""
        await self._command(cti.STOP, cti.stop(self.channel), cti.STOP_FEEDBACK, None)

    # --- requests and feedback -------------------------------------------------------------------------------

    async def _command(self, command: int, request: bytes, feedback: int, epoch: int | None) -> None:
        """A command that is accepted or refused.

        Raises:
            InstrumentRefused: with the manual's words.
        """
        result = await self._ask(request, feedback, self._of_channel(cti.read_result), epoch)
        if result:
            words = cti.RESULTS[command].get(result, "no reason that the manual names")
            raise InstrumentRefused(
                f"MITS Pro refuses to {_DOING[command]}: {words} (result {result:#04x})", self._link.name
            )

    async def _ask(
        self, request: bytes, feedback: int, read: Callable[[bytes], T], epoch: int | None = None
    ) -> T:
        """Ask, and take the feedback.

        Raises:
            LinkNonsense: it is no feedback to this request; the link is poisoned.
        """
        frame = await self._link.exchange(request, cti.frame_size, _FEEDBACK, epoch=epoch)
        try:
            return read(cti.arguments_of(frame, feedback))
        except ValueError as error:
            self._link.poison()
            raise LinkNonsense(str(error), self._link.name) from None

    def _of_channel(self, read: Callable[[bytes, int], T]) -> Callable[[bytes], T]:
        return lambda body: read(body, self.channel)


_DOING = {
    cti.ASSIGN: "assign the schedule",
    cti.START: "start the test",
    cti.UPDATE: "set the variables",
    cti.JUMP: "begin the step",
    cti.STOP: "stop the channel",
}
