"""What a question to a station carries, read with care: it comes from outside of this process."""

from math import inf

from labctl.errors import UserError
from labctl.protocol.plan import IfInterrupted
from labctl.station.local_socket import Question
from labctl.station.worker import Wishes


def text(question: Question, key: str) -> str:
    """A text that has to be there.

    Raises:
        UserError: it is not.
    """
    value = question.get(key)
    if not isinstance(value, str) or not value:
        raise UserError(f"{question['do']!r} needs {key!r}, a text")
    return value


def wishes(question: Question) -> Wishes:
    """How a run is to be taken up.

    Raises:
        UserError: not in words that are known.
    """
    policy, within_s = question.get("policy"), question.get("opened_within_s")
    if policy not in (None, *IfInterrupted):
        raise UserError(f"--policy {str(policy)[:40]}: give one of {', '.join(IfInterrupted)}")
    if within_s is not None and not (isinstance(within_s, float) and 0.0 <= within_s < inf):
        raise UserError("--opened-within wants a time")
    given = IfInterrupted.ASK if policy is None else IfInterrupted(policy)
    return Wishes(given, question.get("any_voltage") is True, within_s)
