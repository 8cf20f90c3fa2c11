"""Steps, samples and errors as plain JSON values, and back, exactly: floats keep every bit."""

import dataclasses
import types
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from labctl import errors
from labctl.errors import LabctlError, WireError

T = TypeVar("T")

_SCALARS = {float, int, str, bool, type(None)}


def to_plain(value: Any) -> Any:
    """Lists, numbers, texts. A dataclass or named tuple becomes the list of its fields, a set is sorted."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, (tuple, list)):
        return [to_plain(member) for member in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(to_plain(member) for member in value)
    raise TypeError(f"{type(value).__name__} does not cross the socket")


def from_plain(kind: type[T], plain: Any) -> T:
    """The inverse of ``to_plain`` for a value that is known to be of a kind.

    Raises:
        ValueError, TypeError: it is not.
    """
    value: T = _reader_of(kind)(plain)
    return value


def _make_reader(kind: Any) -> Callable[[Any], Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _union_reader(frozenset(arguments))
    if origin is tuple and arguments[1:] == (...,):
        member = _reader_of(arguments[0])
        return lambda plain: tuple(map(member, plain))
    if origin is tuple:
        members = [_reader_of(argument) for argument in arguments]
        return lambda plain: tuple(read(part) for read, part in zip(members, plain, strict=True))
    if origin is frozenset:
        member = _reader_of(arguments[0])
        return lambda plain: frozenset(map(member, plain))
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        return _record_reader(kind)
    if issubclass(kind, Enum):
        return lambda plain: kind(plain)
    return _scalar_reader(kind)


_reader_of: Callable[[Any], Callable[[Any], Any]] = cache(_make_reader)


def _record_reader(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else kind._fields
    readers = [_reader_of(hints[name]) for name in names]

    def read(plain: Any) -> Any:
        return kind(*(read_field(field) for read_field, field in zip(readers, plain, strict=True)))

    return read


def _union_reader(kinds: frozenset[Any]) -> Callable[[Any], Any]:
    """Something or None; or one of several scalars, of which JSON keeps apart which it was."""
    others = kinds - {type(None)}
    read = {kind: _reader_of(kind) for kind in others}
    if len(others) > 1 and not others <= _SCALARS:
        raise TypeError(f"{others} are not told apart on the socket")

    def read_one(plain: Any) -> Any:
        if plain is None and len(others) < len(kinds):
            return None
        if len(others) == 1:
            (only,) = read.values()
            return only(plain)
        kind = float if type(plain) is int and int not in read else type(plain)
        if kind not in read:
            raise TypeError(f"{plain!r} is none of {others}")
        return read[kind](plain)

    return read_one


def _scalar_reader(kind: type) -> Callable[[Any], Any]:
    def read(plain: Any) -> Any:
        if kind is float and type(plain) is int:
            return float(plain)
        if type(plain) is not kind:
            raise TypeError(f"{plain!r} is no {kind.__name__}")
        return plain

    return read


def error_to_plain(error: BaseException) -> list[str]:
    """The kind of an error and its fields, a driver's own kind as that of labctl's which it is; a bug by its kind."""
    ours = (kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    kind = next(ours, type(error).__name__)
    if isinstance(error, WireError):
        return [kind, *to_plain(error)]
    return [kind, str(error)]


def error_from_plain(plain: list[str]) -> Exception:
    """The same error; what is none of labctl's own is a RuntimeError: a bug in the keeper."""
    name, *fields = plain
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, LabctlError):
        return kind(*fields)
    return RuntimeError(f"in the keeper: {name}: {' '.join(fields)}")
