"""A command over MQTT: one JSON document, signed with a key that both ends have, good for half a minute.

The signature is HMAC-SHA256, in hexadecimal, over the canonical JSON of all the other fields: keys sorted, no white
space, other than ASCII escaped. It shows that whoever sent the command has the key; it hides nothing.
"""

import hashlib
import hmac
from dataclasses import asdict, dataclass, replace
from typing import Literal
from uuid import uuid4

from pydantic import ConfigDict, TypeAdapter, ValidationError

from labctl.errors import UserError
from labctl.store.chain import canonical
from labctl.store.liveness import unix_time_s

LIFETIME_s = 30.0
"""No command is good for longer."""

LONGEST_bytes = 2048

_SKEW_S = 5.0
"""Clocks of two computers may differ so much."""

_SHORTEST_KEY_bytes = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What somebody wants of a run.

    Attributes:
        station: for which station.
        run: the number of a run in progress there.
        verb: ``pause``, ``stop``, ``abort``, ``resume`` or ``skip``.
        id: names the command; the same is carried out once.
        issued_unix_second, expires_unix_second: when it was made, and from when on it means nothing.
        signature: by whom.
    """

    __pydantic_config__ = ConfigDict(allow_inf_nan=False, extra="forbid", str_max_length=200)

    station: str
    run: int
    verb: str
    id: str
    issued_unix_second: float
    expires_unix_second: float
    signature: str = ""
    type: Literal["command"] = "command"
    v: Literal[1] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a command.

    Attributes:
        id: of the command.
        ok: whether it was carried out.
        text: what the cell is doing now, or why not.
    """

    station: str
    id: str
    ok: bool
    text: str
    type: Literal["answer"] = "answer"
    v: Literal[1] = 1


_COMMAND = TypeAdapter(Command)
_ANSWER = TypeAdapter(Answer)


class Refused(UserError):
    """A command that is not carried out.

    Attributes:
        command: what it says, if its signature is good; None: nobody knows who sent it.
    """

    def __init__(self, reason: str, command: Command | None = None) -> None:
        super().__init__(reason)
        self.command = command


def new(station: str, run: int, verb: str, key: bytes) -> Command:
    """A command of this moment, signed.

    Raises:
        UserError: the key is too short to be one.
    """
    if len(key) < _SHORTEST_KEY_bytes:
        raise UserError(
            f"a key of {len(key)} bytes can be guessed: make one with openssl rand -hex 32, in a file of mode 0600"
        )
    now_s = unix_time_s()
    command = Command(
        station=station,
        run=run,
        verb=verb,
        id=uuid4().hex,
        issued_unix_second=now_s,
        expires_unix_second=now_s + LIFETIME_s,
    )
    return replace(command, signature=_signature(command, key))


def to_text(command: Command) -> bytes:
    """A command as JSON."""
    return _COMMAND.dump_json(command)


def checked(text: bytes, key: bytes, station: str, allowed: tuple[str, ...]) -> Command:
    """The command that a text is, if it is one that is to be carried out.

    Raises:
        Refused: it is not, and why.
    """
    if len(text) > LONGEST_bytes:
        raise Refused(f"longer than {LONGEST_bytes} bytes")
    try:
        command = _COMMAND.validate_json(text, strict=True)
    except ValidationError as error:
        raise Refused(f"not a command: {error.error_count()} of its fields are wrong") from error
    if not hmac.compare_digest(_signature(command, key).encode(), command.signature.encode()):
        raise Refused("its signature is not made with the key of this station")
    if command.station != station:
        raise Refused(f"for station {command.station}", command)
    age_s = unix_time_s() - command.issued_unix_second
    lifetime_s = command.expires_unix_second - command.issued_unix_second
    if not -_SKEW_S <= age_s <= lifetime_s <= LIFETIME_s + 1e-3:
        raise Refused(
            f"made {age_s:.0f} s ago for {lifetime_s:.0f} s: a command is good for {LIFETIME_s:g} s at most; "
            "if it is new, the clocks of the two computers differ",
            command,
        )
    if command.verb not in allowed:
        raise Refused(f"{command.verb} is not allowed over MQTT here; {', '.join(allowed)} is", command)
    return command


def answer_to_text(answer: Answer) -> bytes:
    """An answer as JSON."""
    return _ANSWER.dump_json(answer)


def answer_from(text: bytes) -> Answer | None:
    """The answer that a text is; None if it is none."""
    try:
        return _ANSWER.validate_json(text, strict=True)
    except ValidationError:
        return None


def _signature(command: Command, key: bytes) -> str:
    fields = {name: value for name, value in asdict(command).items() if name != "signature"}
    return hmac.new(key, canonical(fields), hashlib.sha256).hexdigest()
