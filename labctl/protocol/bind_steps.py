"""The steps of a protocol become the nodes of a plan; problems are noted, and binding goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from labctl.instrument.course import Profile, Scan
from labctl.instrument.step import Control, Cutoff, Quantity, Sampling, Side, Step
from labctl.protocol import bind_temperature, model, until
from labctl.protocol.bind_impedance import impedance_spec
from labctl.protocol.bind_scan import cyclic_scan, end_of, linear_scan
from labctl.protocol.bind_until import (
    current_cutoffs,
    power_cutoffs,
    profile_cutoffs,
    resistance_cutoffs,
    rest_cutoffs,
    scan_cutoffs,
    time_limit,
    voltage_cutoffs,
)
from labctl.protocol.document import Path
from labctl.protocol.frame import Frame
from labctl.protocol.macros import Part, expand, schedule
from labctl.protocol.plan import IfInterrupted, ImpedanceNode, LoopNode, Node, Passes, StepNode, TagNode
from labctl.protocol.profile_file import ProfileError, read_profile
from labctl.protocol.scheduled import Controlled, Record, Scheduled
from labctl.units import Dimension, parse, show
from labctl.units import Quantity as TextQuantity

DEEPEST_LOOPS = 8


class _Place(NamedTuple):
    """Where a step stands: its path, and the numbers of passes of the loops around it, outermost first."""

    path: Path
    loops: tuple[int, ...]

    def named(self) -> str:
        """As people write it: ``steps[1].steps[0].rest``."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return text.removeprefix(".")


class StepBinder:
    """Binds the steps of one protocol."""

    def __init__(self, frame: Frame, record: Sampling) -> None:
        self._frame = frame
        self._record = record

    def nodes(self, items: Sequence[Part], path: Path, loops: tuple[int, ...] = ()) -> tuple[Node, ...]:
        """The nodes of the list of steps at ``path``, inside ``loops``."""
        return tuple(node for k, item in enumerate(items) for node in self._item(item, (*path, k), loops))

    def _item(self, item: Part, path: Path, loops: tuple[int, ...]) -> Iterator[Node]:
        if not isinstance(item, model.PulseItem):
            (name, *_) = type(item).model_fields
            parts = expand(item, (*path, name), self._frame)
            if parts is not None:
                yield from self._measurement(parts, schedule(item), _Place((*path, name), loops))
                return
        match item:
            case model.PulseItem(pulse=pulse):
                node = self._constant_current(pulse, _Place((*path, "pulse"), loops))
                yield replace(node, pulse=True)
            case model.RestItem(rest=rest):
                yield self._rest(rest, _Place((*path, "rest"), loops))
            case model.SoakItem(soak=soak):
                yield self._soak(soak, _Place((*path, "soak"), loops))
            case model.ConstantCurrentItem(constant_current=current):
                yield self._constant_current(current, _Place((*path, "constant_current"), loops))
            case model.ConstantVoltageItem(constant_voltage=voltage):
                yield self._constant_voltage(voltage, _Place((*path, "constant_voltage"), loops))
            case model.CccvItem(cccv=cccv):
                yield from self._cccv(cccv, _Place((*path, "cccv"), loops))
            case model.ConstantPowerItem(constant_power=power):
                yield self._constant_power(power, _Place((*path, "constant_power"), loops))
            case model.ConstantResistanceItem(constant_resistance=load):
                yield self._constant_resistance(load, _Place((*path, "constant_resistance"), loops))
            case model.ProfileItem(profile=profile):
                yield from self._profile(profile, _Place((*path, "profile"), loops))
            case model.VoltageScanItem(voltage_scan=scan):
                place = _Place((*path, "voltage_scan"), loops)
                yield self._scan(scan, linear_scan(scan, place.path, self._frame), place)
            case model.CyclicVoltammetryItem(cyclic_voltammetry=scan):
                place = _Place((*path, "cyclic_voltammetry"), loops)
                yield self._scan(scan, cyclic_scan(scan, place.path, self._frame), place)
            case model.ImpedanceItem(impedance=impedance):
                place = _Place((*path, "impedance"), loops)
                spec = impedance_spec(impedance, place.path, self._frame)
                yield ImpedanceNode(
                    place.named(),
                    self._line(place),
                    spec,
                    self._passes(impedance, place),
                    IfInterrupted(impedance.if_interrupted),
                )
            case model.TagItem(tag=tag):
                place = _Place((*path, "tag"), loops)
                yield TagNode(place.named(), self._line(place), tag.text, self._passes(tag, place))
            case model.LoopItem():
                yield self._loop(item, _Place(path, loops))

    def _measurement(self, parts: list[Part], written: Scheduled, place: _Place) -> Iterator[Node]:
        """The nodes of a measurement; as one pass of a loop, if it is not taken in every pass."""
        passes = self._passes(written, place)
        if passes == Passes():
            yield from self.nodes(parts, place.path, place.loops)
            return
        body = self.nodes(parts, place.path, (*place.loops, 1))
        yield LoopNode(place.named(), self._line(place), 1, body, passes=passes)

    def _rest(self, rest: model.Rest, place: _Place) -> StepNode:
        cutoffs = rest_cutoffs(rest.until, (*place.path, "until"), self._frame)
        return self._step(rest, place, Control.REST, 0.0, cutoffs)

    def _soak(self, soak: model.Soak, place: _Place) -> StepNode:
        """A rest that ends when the temperature has settled; its own time limit is a failure."""
        band = bind_temperature.settling(soak, place.path, self._frame)
        at_most = Cutoff(Quantity.TIME, Side.ABOVE, soak.at_most.value)
        return StepNode(
            place.named(),
            self._line(place),
            "soak",
            self._bounded(soak.record, place, "at_most", Control.REST, 0.0, (at_most,)),
            self._passes(soak, place),
            IfInterrupted.CONTINUE,
            bands=(band,),
            soak=True,
            set_point_K=soak.temperature.value if soak.set_by == "labctl" else None,
        )

    def _constant_current(self, step: model.ConstantCurrent, place: _Place) -> StepNode:
        amperes = self._flowing(step.current, place)
        cutoffs = current_cutoffs(step.until, amperes, (*place.path, "until"), self._frame)
        return self._step(step, place, Control.CURRENT, amperes, cutoffs)

    def _constant_voltage(self, step: model.ConstantVoltage, place: _Place) -> StepNode:
        self._frame.inside_window(step.voltage.value, (*place.path, "voltage"))
        cutoffs = voltage_cutoffs(step.until, (*place.path, "until"), self._frame)
        return self._step(step, place, Control.VOLTAGE, step.voltage.value, cutoffs)

    def _constant_power(self, step: model.ConstantPower, place: _Place) -> StepNode:
        watts = step.power.value
        if watts == 0:
            self._frame.refuse(
                (*place.path, "power"), "no power flows in this step", "write a `rest:` instead"
            )
        cutoffs = power_cutoffs(step.until, watts, (*place.path, "until"), self._frame)
        return self._step(step, place, Control.POWER, watts, cutoffs)

    def _constant_resistance(self, step: model.ConstantResistance, place: _Place) -> StepNode:
        safety = self._frame.safety
        highest_V = max(abs(safety.voltage_min_V), abs(safety.voltage_max_V))
        self._frame.below_limit(highest_V / step.resistance.value, (*place.path, "resistance"))
        cutoffs = resistance_cutoffs(step.until, (*place.path, "until"), self._frame)
        return self._step(step, place, Control.RESISTANCE, step.resistance.value, cutoffs)

    def _profile(self, step: model.Profile, place: _Place) -> Iterator[StepNode]:
        path, frame = (*place.path, "file"), self._frame
        rate = parse("1C", Dimension.RATE)
        if frame.directory is None:
            frame.refuse(path, "this protocol is no file, so there is none beside it", "give it as a file")
            return
        try:
            profile = read_profile(frame.directory / step.file, step.file, lambda: frame.amperes(rate, path))
        except ProfileError as error:
            frame.refuse(path, str(error), "see docs/protocols.md for an example")
            return
        if not profile.powers:
            frame.below_limit(profile.largest, path)
        drives = [Side.ABOVE] * (max(profile.values) > 0) + [Side.BELOW] * (min(profile.values) < 0)
        ends = profile_cutoffs(step.until, tuple(drives), (*place.path, "until"), frame)
        over = Cutoff(Quantity.TIME, Side.ABOVE, profile.duration_s)
        yield self._step(step, place, Control.PROFILE, 0.0, (*ends, over), profile)

    def _scan(self, text: model.Scanned, scan: Scan, place: _Place) -> StepNode:
        cutoffs = (*scan_cutoffs(text.until, (*place.path, "until"), self._frame), end_of(scan))
        each_level = Sampling(scan.interval_s)
        step = Step(Control.SCAN, 0.0, cutoffs, self._frame.safety, each_level, scan)
        return self._node(text, place, str(place.path[-1]), step)

    def _cccv(self, step: model.Cccv, place: _Place) -> Iterator[StepNode]:
        """Two steps; the time limit holds for each of them."""
        until = (*place.path, "until")
        amperes, volts = self._flowing(step.current, place), step.voltage.value
        self._frame.inside_window(volts, (*place.path, "voltage"))
        at_voltage = Cutoff(Quantity.VOLTAGE, Side.ABOVE if amperes > 0 else Side.BELOW, volts)
        rising = (at_voltage, *time_limit(step.until.time, until, self._frame))
        held = voltage_cutoffs(step.until, until, self._frame)
        first = place._replace(path=(*place.path, "constant_current"))
        yield self._step(step, first, Control.CURRENT, amperes, rising)
        second = place._replace(path=(*place.path, "constant_voltage"))
        yield self._step(step, second, Control.VOLTAGE, volts, held)

    def _loop(self, loop: model.LoopItem, place: _Place) -> LoopNode:
        inside = (*place.loops, loop.loop)
        if len(inside) > DEEPEST_LOOPS:
            self._frame.problems.fatal(
                self._frame.root.key_mark((*place.path, "loop")),
                f"loops are nested more than {DEEPEST_LOOPS} deep",
                "write one loop with more passes",
            )
        body = self.nodes(loop.steps, (*place.path, "steps"), inside)
        retention = None if loop.until is None else loop.until.capacity_retention
        if retention is not None:
            self._check_retention(loop, body, place)
        return LoopNode(
            path=_Place((*place.path, "loop"), ()).named(),
            line=self._line(place._replace(path=(*place.path, "loop"))),
            count=loop.loop,
            body=body,
            retention=None if retention is None else retention.below,
            retention_reference=1 if retention is None else retention.reference,
            retention_passes=1 if retention is None else retention.hold,
            counts_cycles=_passes_current(body) and not _counts_inside(body),
            passes=self._passes(loop, place),
        )

    def _check_retention(self, loop: model.LoopItem, body: tuple[Node, ...], place: _Place) -> None:
        path = (*place.path, "until", "capacity_retention")
        assert loop.until is not None
        if loop.until.capacity_retention.reference >= loop.loop:
            self._frame.refuse(path, f"the reference pass is not before the last of {loop.loop}", "lower it")
        if not _passes_current(body):
            self._frame.refuse(path, "no current flows in this loop, so it has no capacity", "remove it")

    def _flowing(self, current: TextQuantity, place: _Place) -> float:
        path = (*place.path, "current")
        amperes = self._frame.amperes(current, path)
        self._frame.below_limit(amperes, path)
        if amperes == 0:
            self._frame.refuse(path, "no current flows in this step", "write a `rest:` instead")
        return amperes

    def _step(
        self,
        text: Controlled,
        place: _Place,
        control: Control,
        value: float,
        cutoffs: tuple[Cutoff, ...],
        profile: Profile | None = None,
    ) -> StepNode:
        step = self._bounded(text.record, place, "until", control, value, cutoffs, profile)
        return self._node(text, place, _KIND[control], step)

    def _bounded(
        self,
        record: Record | None,
        place: _Place,
        ends: str,
        control: Control,
        value: float,
        cutoffs: tuple[Cutoff, ...],
        profile: Profile | None = None,
    ) -> Step:
        """A step that is sampled at least once; ``ends`` is the key under which its end stands."""
        sampling = self._record
        if record is not None:
            sampling = self._frame.sampling(record, (*place.path, "record"))
        step = Step(control, value, cutoffs, self._frame.safety, sampling, profile=profile)
        longest_s = step.time_limit_s()
        if longest_s is not None and sampling.every_s > longest_s:
            self._frame.refuse(
                (*place.path, "record", "every") if record is not None else (*place.path, ends),
                f"a sample every {show(sampling.every_s, 's')} is longer than the step, {show(longest_s, 's')}",
                "give the step its own `record: {every: ...}`",
            )
        return step

    def _node(self, text: Controlled | model.Scanned, place: _Place, kind: str, step: Step) -> StepNode:
        if_interrupted = IfInterrupted(text.if_interrupted)
        passes = self._passes(text, place)
        ends = getattr(text, "until", None)  # a cccv has none of this kind
        given = ends.temperature if isinstance(ends, until.AtTemperature) else None
        bands = bind_temperature.ends(given, (*place.path, "until", "temperature"), self._frame)
        return StepNode(place.named(), self._line(place), kind, step, passes, if_interrupted, bands=bands)

    def _passes(self, step: Scheduled, place: _Place) -> Passes:
        if step.on_cycles is None and step.every is None:
            return Passes()
        key = "every" if step.on_cycles is None else "on_cycles"
        if not place.loops:
            mark = self._frame.root.key_mark((*place.path, key))
            self._frame.problems.add(mark, f"{key!r} counts passes, and there is no loop around", "remove it")
            return Passes()
        self._check_within(step, place)
        return Passes(None if step.on_cycles is None else frozenset(step.on_cycles), step.every)

    def _check_within(self, step: Scheduled, place: _Place) -> None:
        passes = place.loops[-1]
        for k, number in enumerate(step.on_cycles or ()):
            path = (*place.path, "on_cycles", k)
            if number > passes:
                self._frame.refuse(path, f"pass {number} never comes", f"the loop around has {passes} passes")
            if number in (step.on_cycles or [])[:k]:
                self._frame.refuse(path, f"pass {number} is listed twice", "keep one of them")
        if step.every is not None and step.every > passes:
            self._frame.refuse(
                (*place.path, "every"),
                f"pass {step.every} never comes",
                f"the loop around has {passes} passes",
            )

    def _line(self, place: _Place) -> int:
        return self._frame.root.key_mark(place.path).line


_KIND = {
    Control.REST: "rest",
    Control.CURRENT: "constant_current",
    Control.VOLTAGE: "constant_voltage",
    Control.POWER: "constant_power",
    Control.RESISTANCE: "constant_resistance",
    Control.PROFILE: "profile",
}


def _passes_current(nodes: tuple[Node, ...]) -> bool:
    return any(
        _passes_current(node.body)
        if isinstance(node, LoopNode)
        else isinstance(node, StepNode) and node.is_half_cycle
        for node in nodes
    )


def _counts_inside(nodes: tuple[Node, ...]) -> bool:
    return any(
        isinstance(node, LoopNode) and (node.counts_cycles or _counts_inside(node.body)) for node in nodes
    )
