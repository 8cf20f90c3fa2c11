"""unicycler's JSON as a labctl protocol."""

import json

from pydantic import ValidationError

from labctl.errors import UserError
from labctl.exchange.protocols import unicycler_model as model
from labctl.exchange.protocols.decimals import quantity
from labctl.exchange.protocols.filling import (
    Window,
    galvanostatic_ends,
    potentiostatic_ends,
    record_short_steps,
    window,
)
from labctl.exchange.protocols.protocol_text import Givens, Item, protocol_text
from labctl.exchange.protocols.report import Report, Translation
from labctl.exchange.protocols.unicycler_export import LOOP_TAG
from labctl.invisible import visible


def from_unicycler(text: str, origin: str, givens: Givens) -> Translation:
    """Translate unicycler's JSON.

    Args:
        text: the JSON.
        origin: the file's name.
        givens: what a person says besides.

    Raises:
        UserError: it is none, or no protocol that labctl would run.
    """
    try:
        source = model.CyclingProtocol.model_validate(json.loads(text))
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{origin}: is not JSON: {error}") from None
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise UserError(f"{origin}: {visible(where)[:80]}: {visible(problem['msg'])[:120]}") from None
    report = Report()
    limits = window(
        source.safety.min_voltage_V,
        source.safety.max_voltage_V,
        _limit(source.safety, report),
        givens,
        origin,
    )
    record = _record(source.record, givens)
    items = _Steps(limits, report, origin).items(source.method)
    record_short_steps(items, record["every"], report)
    parts = {
        "protocol": givens.name,
        "cell": _cell(source.sample, givens),
        "safety": limits.safety(),
        "record": record,
        "steps": items,
    }
    return Translation(protocol_text(origin, parts), report)


def _limit(safety: model.Safety, report: Report) -> str | None:
    """The largest magnitude of the current; what else unicycler watches is lost."""
    for name in ("max_capacity_mAh", "delay_s"):
        if value := getattr(safety, name):
            report.lost.append(f"safety.{name}: {value:g}")
    magnitudes = [abs(m) for m in (safety.max_current_mA, safety.min_current_mA) if m is not None]
    if len(set(magnitudes)) > 1:
        report.changed.append(f"safety.current: {max(magnitudes):g} mA in both directions")
    return quantity(max(magnitudes), "mA") if magnitudes else None


def _cell(sample: model.Sample, givens: Givens) -> Item | None:
    cell = {
        "name": None if sample.name == "$NAME" else sample.name,
        "nominal_capacity": givens.nominal_capacity
        or (quantity(sample.capacity_mAh, "mAh") if sample.capacity_mAh else None),
    }
    return {key: value for key, value in cell.items() if value is not None} or None


def _record(record: model.Record, givens: Givens) -> Item:
    made = {"every": givens.every or quantity(record.time_s, "s")}
    if record.voltage_V:
        made["voltage_change"] = quantity(record.voltage_V, "V")
    if record.current_mA:
        made["current_change"] = quantity(record.current_mA, "mA")
    return made


class _Steps:
    """Translates the steps of one file."""

    def __init__(self, limits: Window, report: Report, origin: str) -> None:
        self._limits = limits
        self._report = report
        self._origin = origin

    def items(self, method: list[model.AnyTechnique]) -> list[Item]:
        """The steps, with what a loop goes back over inside it."""
        made: list[tuple[int, Item | None]] = []  # number in the file, counted from 1, and the step
        targets = {step.loop_to for step in method if isinstance(step, model.Loop)}
        for number, step in enumerate(method, start=1):
            if step.id is not None:
                self._report.lost.append(f"method[{number}].id: {step.id!r}")
            if isinstance(step, model.Loop):
                made = self._close(step, number, made, method)
            elif isinstance(step, model.Tag):
                label = None if step.tag in targets and step.tag.startswith(LOOP_TAG) else {"tag": step.tag}
                made.append((number, label))
            else:
                made.append((number, self._item(step, f"method[{number}]")))
        return [item for _, item in made if item is not None]

    def _close(
        self,
        loop: model.Loop,
        number: int,
        made: list[tuple[int, Item | None]],
        method: list[model.AnyTechnique],
    ) -> list[tuple[int, Item | None]]:
        start = loop.loop_to
        if isinstance(start, str):
            tags = [
                k
                for k, step in enumerate(method, start=1)
                if isinstance(step, model.Tag) and step.tag == start
            ]
            start = tags[0] if tags else 0
        place = next((k for k, (first, _) in enumerate(made) if first == start), None)
        if place is None:
            where = f"{self._origin}: method[{number}]: loops to {loop.loop_to!r}"
            raise UserError(f"{where}, which is not before it, or is inside of another loop")
        body = [item for _, item in made[place:] if item is not None]
        if not body:
            raise UserError(f"{self._origin}: method[{number}]: loops over nothing")
        return [*made[:place], (made[place][0], {"loop": loop.cycle_count, "steps": body})]

    def _item(self, step: model.AnyTechnique, place: str) -> Item:
        match step:
            case model.OpenCircuitVoltage():
                return {"rest": {"until": {"time": quantity(step.until_time_s, "s")}}}
            case model.ConstantCurrent():
                return self._constant_current(step, place)
            case model.ConstantVoltage():
                return self._constant_voltage(step, place)
            case model.ImpedanceSpectroscopy():
                return self._impedance(step, place)
            case model.VoltageScan():
                return {
                    "voltage_scan": {
                        "from": quantity(step.start_voltage_V, "V"),
                        "to": quantity(step.end_voltage_V, "V"),
                        "scan_rate": quantity(step.scan_rate_mV_per_s, "mV/s"),
                    }
                }
            case _:
                raise UserError(f"{self._origin}: {place}: {step.step} is not known")

    def _constant_current(self, step: model.ConstantCurrent, place: str) -> Item:
        value = step.rate_C or step.current_mA
        if not value:
            raise UserError(f"{self._origin}: {place}: neither rate_C nor current_mA is given")
        voltage = quantity(step.until_voltage_V, "V") if step.until_voltage_V else None
        time = quantity(step.until_time_s, "s") if step.until_time_s else None
        ends = galvanostatic_ends(place, value > 0, voltage, time, self._limits, self._report)
        return {
            "constant_current": {
                "current": _rate(step.rate_C) if step.rate_C else quantity(value, "mA"),
                "until": ends,
            }
        }

    def _constant_voltage(self, step: model.ConstantVoltage, place: str) -> Item:
        current = None
        if step.until_rate_C or step.until_current_mA:
            current = (
                _rate(abs(step.until_rate_C))
                if step.until_rate_C
                else quantity(abs(step.until_current_mA or 0.0), "mA")
            )
        time = quantity(step.until_time_s, "s") if step.until_time_s else None
        ends = potentiostatic_ends(place, current, time, self._report)
        return {"constant_voltage": {"voltage": quantity(step.voltage_V, "V"), "until": ends}}

    def _impedance(self, step: model.ImpedanceSpectroscopy, place: str) -> Item:
        if (step.amplitude_V is None) is (step.amplitude_mA is None):
            raise UserError(f"{self._origin}: {place}: give one of amplitude_V and amplitude_mA")
        if step.measures_per_point != 1:
            self._report.lost.append(f"{place}.measures_per_point: {step.measures_per_point}")
        if step.drift_correction:
            self._report.lost.append(f"{place}.drift_correction: true")
        high_Hz, low_Hz = step.start_frequency_Hz, step.end_frequency_Hz
        if high_Hz < low_Hz:
            high_Hz, low_Hz = low_Hz, high_Hz
            self._report.changed.append(f"{place}: the spectrum runs from high to low frequency")
        return {
            "impedance": {
                "mode": "galvanostatic" if step.amplitude_V is None else "potentiostatic",
                "amplitude": quantity(step.amplitude_mA or 0.0, "mA")
                if step.amplitude_V is None
                else quantity(step.amplitude_V, "V"),
                "from": quantity(high_Hz, "Hz"),
                "to": quantity(low_Hz, "Hz"),
                "points_per_decade": step.points_per_decade,
            }
        }


def _rate(rate_C: float) -> str:
    return quantity(rate_C, "C").replace(" ", "")
