"""A bound plan as text and back, exactly: what a run was begun with is what it is taken up with."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from labctl.errors import DataError
from labctl.protocol.plan import Plan

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def plan_to_text(plan: Plan) -> str:
    """The plan as JSON: steps, limits, cell and rules as bound, with whatever was overridden or left out."""
    return _adapter().dump_json(plan).decode()


def plan_from_text(text: str) -> Plan:
    """The plan of a JSON text.

    Raises:
        DataError: it is not one, or says something that this labctl does not know.
    """
    from pydantic import ValidationError

    try:
        plan = _adapter().validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"])) or "its text"
        raise DataError(f"the stored plan cannot be read: {where}: {problem['msg']}") from error
    if not _keeps(json.loads(text), json.loads(plan_to_text(plan))):
        raise DataError("the stored plan was written by a labctl that understood it differently")
    return plan


def _keeps(written: Any, understood: Any) -> bool:
    """Whether nothing that was written is lost or changed; a newer labctl may know more besides."""
    if isinstance(written, dict) and isinstance(understood, dict):
        return all(key in understood and _keeps(value, understood[key]) for key, value in written.items())
    if isinstance(written, list) and isinstance(understood, list):
        return len(written) == len(understood) and all(map(_keeps, written, understood))
    return bool(written == understood)


@cache
def _adapter() -> "TypeAdapter[Plan]":
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)
