"""A plan as a Neware or BioLogic file, written by unicycler, which has to be installed.

What unicycler would drop in silence is named here: tags, and for Neware impedance (which it refuses).

Source: aurora-unicycler 0.4.6, to_neware_xml and to_biologic_mps.
"""

from typing import Any

from labctl.errors import UserError
from labctl.exchange.protocols import unicycler_model as model
from labctl.exchange.protocols.report import Report
from labctl.exchange.protocols.unicycler_export import LOOP_TAG, to_unicycler
from labctl.protocol.plan import Plan

_LOWEST_Hz = 1e-3  # unicycler writes an empty frequency below this


def to_neware(plan: Plan, report: Report) -> str:
    """The XML of BTS 8.

    Raises:
        UserError: unicycler is not there, or refuses it.
    """
    protocol = to_unicycler(plan, report)
    kept: list[model.AnyTechnique] = []
    for number, step in enumerate(protocol.method, start=1):
        if isinstance(step, model.ImpedanceSpectroscopy):
            report.lost.append(
                f"method[{number}].impedance_spectroscopy: Neware has none; the step is left out"
            )
        else:
            kept.append(step)
    return _written(protocol.model_copy(update={"method": kept}), plan, report, "to_neware_xml")


def to_biologic(plan: Plan, report: Report) -> str:
    """The settings file (.mps) of EC-Lab; save it as Windows-1252.

    Raises:
        UserError: unicycler is not there, or refuses it.
    """
    protocol = to_unicycler(plan, report)
    for number, step in enumerate(protocol.method, start=1):
        if isinstance(step, model.ImpedanceSpectroscopy) and step.end_frequency_Hz < _LOWEST_Hz:
            raise UserError(
                f"method[{number}]: unicycler writes no frequency below {_LOWEST_Hz:g} Hz for EC-Lab"
            )
    window_V = (plan.safety.voltage_min_V, plan.safety.voltage_max_V)
    return _written(protocol, plan, report, "to_biologic_mps", range_V=window_V)


def _written(protocol: model.CyclingProtocol, plan: Plan, report: Report, method: str, **options: Any) -> str:
    try:
        from aurora_unicycler import CyclingProtocol
    except ImportError:
        raise UserError("this needs aurora-unicycler: pip install 'labctl-cycler[unicycler]'") from None
    for number, step in enumerate(protocol.method, start=1):
        if isinstance(step, model.Tag) and not step.tag.startswith(LOOP_TAG):
            report.lost.append(f"method[{number}].tag: {step.tag!r}")
    try:
        theirs = CyclingProtocol.from_dict(protocol.model_dump(exclude_none=True))
        return str(getattr(theirs, method)(sample_name=plan.cell.name or plan.protocol, **options))
    except (ValueError, NotImplementedError, RuntimeError, KeyError) as error:
        raise UserError(f"unicycler refuses it: {str(error).splitlines()[0][:160]}") from None
