"""The base of everything that is read from a protocol file: known keys only, and errors that name what is known."""

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError


class Strict(BaseModel):
    """A mapping with known keys.

    Attributes:
        shorthand: the key that is meant when a single value stands where the mapping is expected; empty: none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)
    shorthand: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, given: Any) -> Any:
        """Take the shorthand apart, and refuse unknown keys before a missing one is reported in their stead."""
        known = cls.keys()
        if cls.shorthand and isinstance(given, str) and given:
            return {cls.shorthand: given}
        if not isinstance(given, dict):
            what = "nothing stands" if given == "" else "something else stands"
            raise problem(f"{what} where a mapping is wanted", f"its keys are {', '.join(known)}")
        for key in given:
            if key not in known:
                raise problem(f"unknown key {key!r}", did_you_mean(key, known), key=key)
        return given

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        described = handler(schema)
        if not cls.shorthand:
            return described
        single = handler.resolve_ref_schema(described)["properties"][cls.shorthand]
        return {"anyOf": [single, described]}

    @classmethod
    def keys(cls) -> list[str]:
        """The keys as they are written."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    def given(self) -> dict[str, Any]:
        """What the file says, without the defaults."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set
        }

    def exactly_one(self, *names: str) -> Self:
        """Refuse none or several of the fields ``names``."""
        if sum(getattr(self, name) is not None for name in names) != 1:
            raise problem(f"exactly one of {', '.join(names)} is wanted here", "keep one of them")
        return self


def problem(what: str, remedy: str, key: str | None = None) -> PydanticCustomError:
    """An error that carries its remedy, and the key it is about if it is not about the whole mapping."""
    context: dict[str, Any] = {"problem": what, "remedy": remedy}
    if key is not None:
        context["key"] = key
    return PydanticCustomError("protocol", "{problem}; {remedy}", context)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word, or all of them."""
    choices = list(known)
    near = difflib.get_close_matches(word, choices, 1, 0.6)
    return f"did you mean {near[0]!r}?" if near else f"known here are {', '.join(choices)}"
