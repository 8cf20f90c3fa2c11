"""Expands measurements of the field into plain steps, loops and tags: nothing downstream knows them.

Each part begins with a tag, so that an analysis finds it, and its steps carry the measurement's name in their path.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from labctl.protocol import macro_model, model, until
from labctl.protocol.document import Path
from labctl.protocol.frame import Frame
from labctl.protocol.scheduled import Record
from labctl.units import Dimension, Quantity, show

MOST_CURRENTS = 200
_CHARGE_PULSE = 0.75  # of the discharge pulse. Source: INL/EXT-07-12536, Battery Test Manual, section 3.4

Part = model.Item | model.PulseItem


def expand(item: model.Item, path: Path, frame: Frame) -> list[Part] | None:
    """The steps of a measurement at ``path``; None if the item is a plain step."""
    match item:
        case model.FormationItem(formation=macro):
            return [*_formation(macro)]
        case model.RateTestItem(rate_test=macro):
            return [*_rate_test(macro)]
        case model.GittItem(gitt=macro):
            return [_loop(macro.pulses, [_tag("gitt: pulse"), *_gitt_pulse(macro)])]
        case model.DcirItem(dcir=macro):
            return [*_dcir(macro)]
        case model.HppcItem(hppc=macro):
            return [*_hppc(macro, path, frame)]
        case model.CriticalCurrentDensityItem(critical_current_density=macro):
            return [*_critical_current_density(macro, path, frame)]
    return None


def schedule(item: model.Item) -> macro_model.Macro:
    """What was written of a measurement, with the passes in which it is taken."""
    (written,) = (getattr(item, name) for name in type(item).model_fields)
    assert isinstance(written, macro_model.Macro)
    return written


def _formation(macro: macro_model.Formation) -> Iterator[Part]:
    yield _tag("formation")
    yield _loop(macro.cycles, [*_cycle(macro, macro.current, macro.current, macro.time, macro.rest)])


def _rate_test(macro: macro_model.RateTest) -> Iterator[Part]:
    for current in macro.currents:
        yield _tag(f"rate_test: {current.text}")
        charge = macro.charge_current or current
        yield _loop(macro.cycles, [*_cycle(macro, charge, current, macro.time, macro.rest)])


def _cycle(
    macro: macro_model.Macro, charge: Quantity, discharge: Quantity, time: Quantity, rest: Quantity
) -> Iterator[Part]:
    for current in (charge, _opposite(discharge)):
        yield model.ConstantCurrentItem.model_construct(constant_current=_current(macro, current, time=time))
        yield _rest(rest, macro.record)


def _gitt_pulse(macro: macro_model.Gitt) -> Iterator[Part]:
    yield _pulse(macro, macro.current, macro.pulse)
    yield _rest(macro.rest, macro.record)


def _dcir(macro: macro_model.Dcir) -> Iterator[Part]:
    yield _rest(macro.rest, macro.record)
    yield _tag("dcir: pulse")
    yield _pulse(macro, macro.current, macro.pulse)
    yield _rest(macro.rest, macro.record)


def _hppc(macro: macro_model.Hppc, path: Path, frame: Frame) -> Iterator[Part]:
    nominal_C = frame.cell.nominal_capacity_C
    if nominal_C is None:
        frame.refuse(
            (*path, "depth"),
            "a depth of discharge needs a capacity, and the cell has none",
            "add `nominal_capacity: 1.5 mAh` below `cell:`",
        )
        return
    charge = macro.charge_pulse_current or _scaled(macro.pulse_current, _CHARGE_PULSE)
    depth = _of(macro.depth * nominal_C, Dimension.CHARGE, "Ah", 3600.0)
    discharge = _current(macro, _opposite(macro.discharge_current), capacity=depth)
    yield _loop(
        macro.depths,
        [
            _tag("hppc: discharge pulse"),
            _pulse(macro, _opposite(macro.pulse_current), macro.pulse),
            _rest(macro.pause, macro.record),
            _tag("hppc: charge pulse"),
            _pulse(macro, charge, macro.pulse),
            _rest(macro.pause, macro.record),
            _tag("hppc: to the next depth"),
            model.PulseItem.model_construct(pulse=discharge),
            _rest(macro.rest, None),
        ],
    )


def _critical_current_density(
    macro: macro_model.CriticalCurrentDensity, path: Path, frame: Frame
) -> Iterator[Part]:
    count = math.floor((macro.to.value - macro.from_.value) / macro.increase.value + 1e-9) + 1
    if not 1 <= count <= MOST_CURRENTS:
        frame.refuse(
            (*path, "increase"),
            f"from {macro.from_.text} to {macro.to.text} by {macro.increase.text} are {max(count, 0)} currents",
            f"1 to {MOST_CURRENTS} are possible",
        )
        return
    for number in range(count):
        value = macro.from_.value + number * macro.increase.value
        current = _scaled(macro.from_, value / macro.from_.value)
        yield _tag(f"critical_current_density: {current.text}")
        half_cycles: list[Part] = [
            model.ConstantCurrentItem.model_construct(
                constant_current=_current(macro, signed, time=macro.time, capacity=macro.capacity)
            )
            for signed in (current, _opposite(current))
        ]
        yield _loop(macro.cycles, half_cycles)
        if macro.rest is not None:
            yield _rest(macro.rest, macro.record)


def _current(
    macro: macro_model.Macro,
    current: Quantity,
    time: Quantity | None = None,
    capacity: Quantity | None = None,
) -> model.ConstantCurrent:
    """A current until the cut-off voltage to which it drives the cell, or a time or capacity."""
    low, high = macro.voltage
    end = until.Voltage.model_construct(value=high if current.value > 0 else low)
    ends = until.CurrentUntil.model_construct(voltage=end, time=time, capacity=capacity)
    return model.ConstantCurrent.model_construct(current=current, until=ends, record=macro.record)


def _pulse(macro: macro_model.Macro, current: Quantity, time: Quantity) -> Part:
    return model.PulseItem.model_construct(pulse=_current(macro, current, time=time))


def _rest(time: Quantity, record: Record | None) -> Part:
    ends = until.RestUntil.model_construct(time=time)
    return model.RestItem.model_construct(rest=model.Rest.model_construct(until=ends, record=record))


def _tag(text: str) -> Part:
    return model.TagItem.model_construct(tag=model.Tag.model_construct(text=text))


def _loop(count: int, steps: list[Part]) -> Part:
    return model.LoopItem.model_construct(loop=count, steps=steps)


def _opposite(current: Quantity) -> Quantity:
    return replace(current, value=-current.value, text=f"-{current.text}")


def _scaled(current: Quantity, factor: float) -> Quantity:
    """The same unit times a factor; the text is for people."""
    if factor == 1.0:
        return current
    value = factor * current.value
    return replace(current, value=value, text=_text(value, current.dimension))


def _text(value: float, dimension: Dimension) -> str:
    match dimension:
        case Dimension.AREAL_CURRENT:
            return f"{value * 0.1:.4g} mA/cm2"
        case Dimension.SPECIFIC_CURRENT:
            return f"{value:.4g} mA/g"
        case Dimension.RATE:
            return f"{value * 3600.0:.4g}C"
        case _:
            return show(value, "A")


def _of(value: float, dimension: Dimension, unit: str, scale: float) -> Quantity:
    return Quantity(value, dimension, show(value / scale, unit))
