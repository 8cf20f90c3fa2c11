"""Stop rules as they are written; their keys are the fields of ``rule_spec`` without the unit in the name."""

import dataclasses
import re
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from labctl.errors import UserError
from labctl.protocol import fields
from labctl.protocol.rule_spec import Action, RuleSpec
from labctl.protocol.strict import Strict, did_you_mean, problem
from labctl.units import Quantity

_UNIT_TYPES: dict[str, Any] = {"_V": fields.VoltageChange, "_s": fields.Time, "_ohm": fields.Resistance}
_UNIT_SUFFIX = re.compile(f"({'|'.join(_UNIT_TYPES)})$")
_MAY_BE_ZERO = {"grace_fraction", "drift", "grace_cycles"}


class _OneOrSeveral:
    """Tells editors that a list of one may be written without brackets."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        several = handler(schema)
        return {"anyOf": [several["items"], several]}


class RuleText(Strict):
    """The parameters of a rule; ``then`` is one action or several in the order in which they are done."""

    then: Annotated[list[Action], _OneOrSeveral()] | None = None

    @field_validator("then", mode="before")
    @classmethod
    def _actions(cls, given: Any) -> list[Action]:
        words = [given] if isinstance(given, str) else given
        if not isinstance(words, list) or not words:
            raise problem("no action", f"write one or several of {', '.join(Action)}")
        for word in words:
            if word not in list(Action):
                raise problem(f"unknown action {str(word)[:40]!r}", did_you_mean(str(word), Action))
        actions = [Action(word) for word in words]
        ends = [action for action in actions if action in (Action.STOP, Action.STOP_AFTER_STEP)]
        if len(set(actions)) < len(actions) or ends not in ([], actions[-1:]):
            raise problem(
                "these actions cannot follow each other", "each at most once, and a stop comes last"
            )
        return actions


def _text_type(name: str, hint: object) -> Any:
    if suffix := _UNIT_SUFFIX.search(name):
        return _UNIT_TYPES[suffix[1]]
    lowest = 0 if name in _MAY_BE_ZERO else 1
    if hint is int:
        return Annotated[int, fields.CountText(lowest, 1000)]
    if name == "factor":
        return Annotated[float, fields.NumberText(1.1, 1000.0)]
    return Annotated[float, fields.NumberText(lowest / 1000, 1.0, fraction=True)]


def _text_model(spec: type) -> type[RuleText]:
    hints = typing.get_type_hints(spec)
    parameters: dict[str, Any] = {
        _UNIT_SUFFIX.sub("", name): (_text_type(name, hint) | None, None)
        for name, hint in hints.items()
        if name not in ("then", "name")
    }
    return create_model(f"{spec.__name__}Text", __base__=RuleText, __doc__=spec.__doc__, **parameters)


_SPECS: dict[str, type] = {spec().name: spec for spec in typing.get_args(RuleSpec)}
RULE_NAMES = tuple(_SPECS)


class _RuleItem(Strict):
    """One rule, by its name: ``short_circuit`` or ``short_circuit: {hold: 30 s}``."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(RULE_NAMES)}, handler(schema)]}

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, given: Any) -> Any:
        if isinstance(given, str) and given:
            return {given: {}}
        if not isinstance(given, dict) or len(given) != 1:
            raise problem(
                "one rule is wanted here", f"begin each with '- '; rules are {', '.join(RULE_NAMES)}"
            )
        return {name: {} if parameters == "" else parameters for name, parameters in given.items()}

    def spec(self) -> RuleSpec:
        """The rule in SI units; what the text leaves out keeps the rule's default."""
        ((name, text),) = self.given().items()
        values = {key: value for key, value in text.given().items() if value is not None}
        if name == "impedance_rise" and "limit" in values:
            values.setdefault("factor", None)  # an absolute limit alone is meant to be alone
        fields_by_key = {_UNIT_SUFFIX.sub("", f.name): f.name for f in dataclasses.fields(_SPECS[name])}
        spec = _SPECS[name](**{fields_by_key[key]: _plain(value) for key, value in values.items()})
        return typing.cast(RuleSpec, spec)


def _plain(value: Any) -> Any:
    if isinstance(value, Quantity):
        return value.value
    return tuple(value) if isinstance(value, list) else value


RULE_ITEM: type[_RuleItem] = create_model(
    "StopRule",
    __base__=_RuleItem,
    __doc__=_RuleItem.__doc__,
    **{name: (_text_model(spec) | None, None) for name, spec in _SPECS.items()},  # type: ignore[call-overload]
)


class _RuleFromItem:
    """Lets a model hold the finished rule where the file holds its text."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        item = handler.generate_schema(RULE_ITEM)
        return core_schema.no_info_after_validator_function(_RuleItem.spec, item)


Rule = Annotated[RuleSpec, _RuleFromItem()]


def from_parameters(name: str, parameters: Mapping[str, str]) -> RuleSpec:
    """A rule from a command line, where several actions are joined by ``+``.

    Raises:
        UserError: no such rule, parameter or value.
    """
    given: dict[str, object] = dict(parameters)
    if "then" in parameters:
        given["then"] = parameters["then"].split("+")
    try:
        return RULE_ITEM.model_validate({name: given}).spec()
    except ValidationError as refused:
        error = refused.errors(include_url=False)[0]
        where = ".".join(str(part) for part in error["loc"])
        reason = error.get("ctx", {}).get("error", error["msg"])
        raise UserError(f"stop rule {where or name}: {reason}") from None
