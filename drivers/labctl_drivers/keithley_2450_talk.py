"""What is said to a Keithley 2450: settings read back, errors asked for, identity proven."""

from labctl.clock import Clock
from labctl.errors import InstrumentRefused, LinkNonsense, WrongInstrument
from labctl.instrument.channel import Identity
from labctl.link import Deadline, Link
from labctl_drivers.keithley_2450_codec import MODELS, Setup, parse_error, parse_identity
from labctl_drivers.smu_setting import Setting

_ANSWER = Deadline("the answer to a setting")


class SourceMeter:
    """A conversation with one instrument.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        expected: the model to expect; None takes any known one.

    Attributes:
        identity: who it was when it was connected.
        armed: what is armed while the output is on; None: unknown, or the output is off.
        step_began_s: experiment time at which the set point of the present step took effect.
        stranger: another instrument answered at its port when it was last asked.
    """

    def __init__(self, link: Link, clock: Clock, expected: str | None) -> None:
        self.link = link
        self.clock = clock
        self.identity: Identity | None = None
        self.armed: Setup | None = None
        self.step_began_s = 0.0
        self.stranger = False
        self._expected = expected
        self._nonce = 0

    async def ask(self, query: bytes, deadline: Deadline = _ANSWER) -> str:
        """One query and its answer as text."""
        return (await self.link.ask(query, deadline)).decode("ascii", "replace").strip()

    async def set(self, setting: Setting, epoch: int) -> None:
        """Send a setting and read it back.

        Raises:
            InstrumentRefused: it reads back as something else.
            Superseded: the epoch is over; it was not sent.
        """
        await self.link.send(setting.set(), epoch=epoch)
        reply = await self.ask(setting.ask())
        if not setting.matches(reply):
            await self.refuse_errors(setting.set().decode())
            raise InstrumentRefused(
                "the setting was not taken", self.link.name, setting.set().decode(), reply
            )

    async def refuse_errors(self, sent: str) -> None:
        """Ask for the oldest error since they were cleared.

        Raises:
            InstrumentRefused: there is one.
        """
        reply = await self.ask(b":SYST:ERR?")
        try:
            code, words = parse_error(reply)
        except ValueError as error:
            raise self.nonsense(":SYST:ERR?", reply) from error
        if code:
            raise InstrumentRefused(f"error {code}, {words}", self.link.name, sent, reply)

    async def prove(self) -> None:
        """Show that question and answer belong together, and that it is the instrument it was.

        Raises:
            LinkNonsense: the answer belongs to another question.
            WrongInstrument: another instrument answers.
        """
        self._nonce = (self._nonce + 37) % 256
        if (reply := await self.ask(b"*ESE %d;*ESE?" % self._nonce)) != str(self._nonce):
            raise self.nonsense(f"*ESE {self._nonce};*ESE?", reply)
        identity = await self.identify()
        self.stranger = self.identity is not None and identity != self.identity
        if self.stranger:
            self.link.poison()  # what it answers says nothing about our circuit
            raise WrongInstrument(f"{identity} answers where {self.identity} was", self.link.name)

    def nonsense(self, sent: str, reply: str) -> LinkNonsense:
        """Poison the link and return the error to raise."""
        self.link.poison()
        return LinkNonsense("the answer does not fit the question", self.link.name, sent, reply)

    async def identify(self) -> Identity:
        """Ask who it is.

        Raises:
            WrongInstrument: not a model this driver knows, or not the one to expect.
        """
        reply = await self.ask(b"*IDN?")
        identity = parse_identity(reply)
        if identity is None or identity.model not in MODELS:
            known = ", ".join(MODELS)
            raise WrongInstrument(f"this driver knows Keithley {known}", self.link.name, "*IDN?", reply)
        if self._expected not in (None, identity.model):
            raise WrongInstrument(f"a {self._expected} was expected", self.link.name, "*IDN?", reply)
        return identity
