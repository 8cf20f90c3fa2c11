"""A bound plan as text and back, exactly: what a run was begun with is what it is taken up with."""

from typing import TYPE_CHECKING

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
        DataError: it is not one, or not exactly one that this labctl would write.
    """
    from pydantic import ValidationError

    try:
        plan = _adapter().validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"])) or "its text"
        raise DataError(f"the stored plan cannot be read: {where}: {problem['msg']}") from error
    if plan_to_text(plan) != text:
        raise DataError("the stored plan was written by a labctl that understood it differently")
    return plan


def _adapter() -> "TypeAdapter[Plan]":
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)
