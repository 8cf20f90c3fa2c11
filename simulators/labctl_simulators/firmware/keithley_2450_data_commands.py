"""Readings, buffers and formats of the 2450 (2461 Reference Manual pp. 5-9, 6-41 to 6-46, 6-156 to 6-168)."""

import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labctl_simulators.firmware.keithley_2450_buffer import (
    ELEMENTS,
    SMALLEST_SIZE,
    TOTAL_READINGS,
    Reading,
    ReadingBuffer,
    binary_block,
    check_elements,
)
from labctl_simulators.firmware.keithley_2450_settings import TREE, command, keyword, number, numeral
from labctl_simulators.firmware.scpi_parameters import OUT_OF_RANGE, Flag, Number, ScpiError, Text, Word

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2450 import Keithley2450
    from labctl_simulators.firmware.keithley_2450_port import Busy

DEFAULT = "defbuffer1"
BUFFER = Text(required=False, default=DEFAULT)
ELEMENT_LIST = Word(*ELEMENTS, required=False, repeats=True)
_BINARY_CODES = {"REAL": "d", "SRE": "f"}
_BYTE_ORDERS = {"NORM": ">", "SWAP": "<"}


# ---- readings ----


def _row_writer(smu: "Keithley2450", elements: tuple[str, ...]) -> Callable[[Reading], str]:
    if smu.data_format == "ASC":
        return smu.writer(elements)
    elements = check_elements(elements, binary=True)
    return lambda row: binary_block([row], elements, _binary_code(smu))


def _binary_code(smu: "Keithley2450") -> str:
    return _BYTE_ORDERS[smu.byte_order] + _BINARY_CODES[smu.data_format]


@TREE.query(":READ", BUFFER, ELEMENT_LIST)
def _read(smu: "Keithley2450", buffer: str, elements: tuple[str, ...]) -> "Busy":
    smu.refuse_while_triggered()
    return smu.read(smu.buffer(buffer), _row_writer(smu, elements))


@TREE.query(":FETCh", BUFFER, ELEMENT_LIST)
def _fetch(smu: "Keithley2450", buffer: str, elements: tuple[str, ...]) -> str:
    row = smu.buffer(buffer).newest
    if row is None:
        raise ScpiError(-230, "Data corrupt or stale")
    return _row_writer(smu, elements)(row)


def _declare_measure(pattern: str, function: str | None) -> None:
    @TREE.query(pattern, BUFFER, ELEMENT_LIST)
    def measure(smu: "Keithley2450", buffer: str, elements: tuple[str, ...]) -> "Busy":
        smu.refuse_while_triggered()
        target, write = smu.buffer(buffer), _row_writer(smu, elements)
        if function is not None:
            smu.meter.function = function
        return smu.read(target, write)


_declare_measure(":MEASure", None)
_declare_measure(":MEASure:VOLTage[:DC]", "VOLT")
_declare_measure(":MEASure:CURRent[:DC]", "CURR")
_declare_measure(":MEASure:RESistance", "RES")


@command(":TRACe:TRIGger", BUFFER)
def _trace_trigger(smu: "Keithley2450", buffer: str) -> "Busy":
    return smu.read(smu.buffer(buffer), lambda row: None)


# ---- buffers ----


@command(
    ":TRACe:MAKE",
    Text(),
    Number(whole=True),
    Word("COMPact", "STANdard", "FULL", "WRITable", "FULLWRITable", required=False, default="STAN"),
)
def _trace_make(smu: "Keithley2450", name: str, size: int, style: str) -> None:
    """Make a buffer that fills once. Assumed: every style of buffer stores what STANdard stores."""
    if not name or name.lower() in {existing.lower() for existing in smu.buffers}:
        raise ScpiError(1115, "Parameter error: TRACe:MAKE cannot take an existing reading buffer name")
    if size < SMALLEST_SIZE or size + sum(b.size for b in smu.buffers.values()) > TOTAL_READINGS:
        raise ScpiError(*OUT_OF_RANGE)
    smu.buffers[name] = ReadingBuffer(size, continuous=False, logs=False)


@command(":TRACe:DELete", Text())
def _trace_delete(smu: "Keithley2450", name: str) -> None:
    if smu.buffer(name) in (smu.buffers["defbuffer1"], smu.buffers["defbuffer2"]):
        raise ScpiError(1115, "Parameter error: a default reading buffer cannot be deleted")
    del smu.buffers[name]


@command(":TRACe:CLEar", BUFFER)
def _trace_clear(smu: "Keithley2450", name: str) -> None:
    smu.clear_buffer(name)


@command(":TRACe:POINts", Number(whole=True), BUFFER)
def _put_points(smu: "Keithley2450", size: int, name: str) -> None:
    """Resize; the readings are lost."""
    buffer = smu.buffer(name)
    others = sum(b.size for b in smu.buffers.values()) - buffer.size
    if size < SMALLEST_SIZE or size + others > TOTAL_READINGS:
        raise ScpiError(*OUT_OF_RANGE)
    buffer.clear()
    buffer.size = size


@TREE.query(":TRACe:POINts", BUFFER)
def _get_points(smu: "Keithley2450", name: str) -> str:
    return str(smu.buffer(name).size)


@TREE.query(":TRACe:ACTual", BUFFER)
def _get_actual(smu: "Keithley2450", name: str) -> str:
    return str(len(smu.buffer(name)))


@TREE.query(":TRACe:ACTual:STARt", BUFFER)
def _get_start(smu: "Keithley2450", name: str) -> str:
    return str(smu.buffer(name).start)


@TREE.query(":TRACe:ACTual:END", BUFFER)
def _get_end(smu: "Keithley2450", name: str) -> str:
    return str(smu.buffer(name).end)


@TREE.query(":TRACe:DATA", Number(whole=True), Number(whole=True), BUFFER, ELEMENT_LIST)
def _get_data(smu: "Keithley2450", first: int, last: int, name: str, elements: tuple[str, ...]) -> str:
    """Readings by index. Assumed: an index that is not there is -222 and no reply."""
    rows = smu.buffer(name).rows(first, last)
    if smu.data_format == "ASC":
        write = smu.writer(elements)
        return ",".join([write(row) for row in rows])
    return binary_block(rows, check_elements(elements, binary=True), _binary_code(smu))


@command(":TRACe:FILL:MODE", Word("CONTinuous", "ONCE"), BUFFER)
def _put_fill_mode(smu: "Keithley2450", mode: str, name: str) -> None:
    """A change clears the buffer."""
    buffer = smu.buffer(name)
    if buffer.continuous is not (mode == "CONT"):
        buffer.continuous = mode == "CONT"
        buffer.clear()


@TREE.query(":TRACe:FILL:MODE", BUFFER)
def _get_fill_mode(smu: "Keithley2450", name: str) -> str:
    return "CONT" if smu.buffer(name).continuous else "ONCE"


@command(":TRACe:LOG:STATe", Flag(), BUFFER)
def _put_log_state(smu: "Keithley2450", on: bool, name: str) -> None:
    smu.buffer(name).logs = on


@TREE.query(":TRACe:LOG:STATe", BUFFER)
def _get_log_state(smu: "Keithley2450", name: str) -> str:
    return "1" if smu.buffer(name).logs else "0"


def _declare_statistic(keyword_: str, figure: Callable[[list[float]], Any]) -> None:
    @TREE.query(f":TRACe:STATistics:{keyword_}", BUFFER)
    def statistic(smu: "Keithley2450", name: str) -> str:
        buffer = smu.buffer(name)
        if not len(buffer):
            raise ScpiError(-230, "Data corrupt or stale")
        return numeral(figure([row.reading for row in buffer.rows(buffer.start, buffer.end)]))


_declare_statistic("AVERage", statistics.fmean)
_declare_statistic("MAXimum", max)
_declare_statistic("MINimum", min)
_declare_statistic("STDDev", lambda values: statistics.stdev(values) if len(values) > 1 else 0.0)
_declare_statistic("PK2Pk", lambda values: max(values) - min(values))


# ---- formats ----

keyword(
    ":FORMat[:DATA]",
    ("ASCii", "REAL", "SREal"),
    lambda smu: smu.data_format,
    lambda smu, word: setattr(smu, "data_format", word),
)
keyword(
    ":FORMat:BORDer",
    ("NORMal", "SWAPped"),
    lambda smu: smu.byte_order,
    lambda smu, word: setattr(smu, "byte_order", word),
)
number(
    ":FORMat:ASCii:PRECision",
    lambda smu: smu.precision,
    lambda smu, digits: smu.set_precision(round(digits)),
    lambda smu: (0, 16, 0),
    whole=True,
)
