"""Layers of limits, the widest outermost: a plan's within those of its channel, these within the instrument's."""

from labctl.instrument.channel import Traits
from labctl.instrument.step import SafetyLimits
from labctl.protocol.plan import Plan
from labctl.units import show


def beyond_channel(plan: Plan, limits: SafetyLimits | None, channel: str) -> list[str]:
    """Where the safety window of a plan is wider than what the station allows on a channel; empty: nowhere."""
    if limits is None:
        return []
    found = []
    safety = plan.safety
    if safety.voltage_min_V < limits.voltage_min_V or safety.voltage_max_V > limits.voltage_max_V:
        found.append(
            f"safety: {show(safety.voltage_min_V, 'V')} to {show(safety.voltage_max_V, 'V')} is wider than channel "
            f"{channel} allows, {show(limits.voltage_min_V, 'V')} to {show(limits.voltage_max_V, 'V')}"
        )
    if safety.current_max_A > limits.current_max_A:
        found.append(
            f"safety: {show(safety.current_max_A, 'A')} is more than channel {channel} allows, "
            f"{show(limits.current_max_A, 'A')}"
        )
    return found


def beyond_instrument(limits: SafetyLimits, traits: Traits) -> str:
    """Which limit an instrument could not see being crossed, in words; empty if it sees both."""
    widest_V = max(abs(limits.voltage_min_V), abs(limits.voltage_max_V))
    if widest_V > traits.voltage_max_V:
        return (
            f"{show(widest_V, 'V')} is beyond {traits.model}, which goes to {show(traits.voltage_max_V, 'V')}"
        )
    if limits.current_max_A > traits.current_max_A:
        return (
            f"{show(limits.current_max_A, 'A')} is beyond {traits.model}, "
            f"which goes to {show(traits.current_max_A, 'A')}"
        )
    return ""
