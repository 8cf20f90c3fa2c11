"""Test Script Processor: the Lua that Keithley's instruments run, with their command groups as tables.

A group (``smua.source``) is a Lua table whose metatable has ``Getters``, ``Setters`` and ``Objects``, as those of the
instruments do: an attribute is read and written by calling what stands there. ``print`` writes numbers as
``format.asciiprecision`` says, and separates by TAB. Files, modules and the host's own objects are out of reach, and a
script that runs for too long ends in a run-time error.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lupa.lua51 import LuaError, LuaRuntime

SYNTAX_ERROR, RUN_TIME_ERROR = -285, -286
_MOST_INSTRUCTIONS = 10_000_000
_BAD_ARGUMENTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Raised by a command that was given something else than it takes: nil, words, a table."""

_PRELUDE = """
local say, numeral, show, most = ...
local real_select, concat, sethook = select, table.concat, debug.sethook
function print(...)
  local out = {}
  for n = 1, real_select('#', ...) do
    local value = real_select(n, ...)
    out[n] = type(value) == 'number' and numeral(value) or tostring(value)
  end
  say(concat(out, '\\t'))
end
function printbuffer(first, last, ...)
  local out = {}
  for n = first, last do
    for m = 1, real_select('#', ...) do
      local column = real_select(m, ...)
      out[#out + 1] = (column.readings or column)[n] or 9.91e37
    end
  end
  show(out)
end
local out_of_reach = {'os', 'io', 'package', 'require', 'module', 'dofile', 'loadfile', 'python', 'debug', 'newproxy'}
for _, name in ipairs(out_of_reach) do
  _G[name] = nil
end
local function wrap(call) return function(...) return call(...) end end
local function group(getters, setters, functions, constants, objects)
  local meta = {Getters = {}, Setters = {}, Objects = {}}
  for name, call in pairs(getters) do meta.Getters[name] = wrap(call) end
  for name, call in pairs(setters) do meta.Setters[name] = wrap(call) end
  for name, object in pairs(objects) do meta.Objects[name] = object end
  local new = {}
  for name, call in pairs(functions) do new[name] = wrap(call) end
  for name, value in pairs(constants) do new[name] = value end
  meta.__index = function(_, name)
    local object = meta.Objects[name]
    if object ~= nil then return object end
    local getter = meta.Getters[name]
    if getter then return getter() end
  end
  meta.__newindex = function(t, name, value)
    local setter = meta.Setters[name]
    if setter then setter(value)
    elseif meta.Getters[name] then error('cannot modify read only attribute ' .. name)
    else rawset(t, name, value) end
  end
  return setmetatable(new, meta)
end
local function guarded(chunk)
  sethook(function() error('script ran for too long') end, '', most)
  chunk()
  sethook()
end
return group, guarded
"""


class TspError(Exception):
    """An entry for the error queue: a command refuses its parameter."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Group:
    """A command group: attributes by name, functions, constants, and groups in it."""

    getters: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    setters: Mapping[str, Callable[[Any], None]] = field(default_factory=dict)
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)
    objects: Mapping[str, "Group"] = field(default_factory=dict)


def _refuse(value: object, name: object, setting: bool) -> str:
    raise AttributeError("out of reach of a script")


class Tsp:
    """An interpreter with an instrument's command groups.

    Args:
        groups: by global name.
        functions: further globals.
        numeral: how a number is written.
        numerals: how the numbers of a buffer are.
        report: takes what a setting was refused for; the script goes on.

    Attributes:
        said: the lines that the last chunk printed.
    """

    def __init__(
        self,
        groups: Mapping[str, Group],
        functions: Mapping[str, Callable[..., Any]],
        numeral: Callable[[float], str],
        numerals: Callable[[list[float]], str],
        report: Callable[["TspError"], None],
    ) -> None:
        self._report = report
        self._lua = LuaRuntime(
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_filter=_refuse,
        )
        self.said: list[str] = []
        prelude = self._lua.eval(f"function(...) {_PRELUDE} end")
        self._group, self._guarded = prelude(
            self.said.append,
            numeral,
            lambda values: self.said.append(numerals(list(values.values()))),
            _MOST_INSTRUCTIONS,
        )
        self._load = self._lua.eval("loadstring")
        world = self._lua.globals()
        for name, group in groups.items():
            world[name] = self._table(group)
        for name, call in functions.items():
            world[name] = self._lua.eval("function(call) return function(...) return call(...) end end")(call)

    def table(self, values: Iterable[float]) -> Any:
        """A Lua table of numbers."""
        return self._lua.table_from(list(values))

    def run(self, chunk: str) -> None:
        """Run a chunk; what it printed, also before it failed, is in ``said``.

        Raises:
            TspError: a mistake ended it, or a command refused its parameter.
        """
        self.said.clear()
        loaded = self._load(chunk, "=line")
        if isinstance(loaded, tuple):  # nil, and what is wrong
            raise TspError(SYNTAX_ERROR, f"TSP Syntax error: {loaded[1]}")
        try:
            self._guarded(loaded)
        except LuaError as error:
            raise TspError(RUN_TIME_ERROR, f"TSP Runtime error: {str(error).splitlines()[0]}") from None
        except _BAD_ARGUMENTS:
            raise TspError(RUN_TIME_ERROR, "TSP Runtime error: bad argument") from None

    def _table(self, group: Group) -> Any:
        setters = {name: partial(self._set, put) for name, put in group.setters.items()}
        parts = (group.getters, setters, group.functions, group.constants)
        objects = {name: self._table(inner) for name, inner in group.objects.items()}
        return self._group(*(self._lua.table_from(dict(part)) for part in (*parts, objects)))

    def _set(self, put: Callable[[Any], None], value: Any) -> None:
        """A refused setting is an error in the queue, and ends nothing; only run-time errors end a script."""
        try:
            put(value)
        except TspError as error:
            self._report(error)
