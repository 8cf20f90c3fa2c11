"""What tells one simulated MethodSCRIPT instrument from another: identity, limits, ranges.

Source: MethodSCRIPT manual v1.8, appendix B; data sheets of EmStat4S (LR, HR) and Nexus for the compliance.
"""

from dataclasses import dataclass

from .methodscript_ranges import Range

_EMSTAT4_POTENTIAL = (Range(2, 0.05), Range(3, 0.1), Range(4, 0.2), Range(5, 0.5), Range(6, 1.0))
_EMSTAT4_CURRENT = tuple(Range(code, 10.0 ** (code // 3 - 10)) for code in range(3, 28, 3))
_NEXUS_POTENTIAL = (Range(3, 1e-3), Range(2, 1e-2), Range(1, 0.1), Range(0, 1.0))
# 1 mA and 10 mA exist twice; the transimpedance amplifier's (6, 7) are taken.
_NEXUS_CURRENT = (
    Range(16, 1e-10), Range(0, 1e-9), Range(1, 1e-8), Range(2, 1e-7), Range(3, 1e-6), Range(4, 1e-5),
    Range(5, 1e-4), Range(6, 1e-3), Range(7, 1e-2), Range(10, 0.1), Range(11, 1.0),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Model:
    """Limits of an instrument. Potentials in V, currents in A, both magnitudes; amplitudes are RMS."""

    identity: str
    potential_limit_V: float
    current_limit_A: float
    compliance_V: float
    frequency_limit_Hz: float
    amplitude_limit_V: float
    potential_ranges: tuple[Range, ...]
    potential_reach: float
    current_ranges: tuple[Range, ...]
    applied_current_offset: int = 0  # added to a current range's code in galvanostatic mode
    starts_at_ocp: bool = False  # cell_on takes ocp(x)


MODELS = {
    model.identity: model
    for model in (
        Model("es4_hr", 6.0, 0.2, 8.0, 200e3, 0.9, _EMSTAT4_POTENTIAL, 2.0, _EMSTAT4_CURRENT[2:]),
        Model("es4_lr", 3.0, 0.03, 5.0, 200e3, 0.9, _EMSTAT4_POTENTIAL, 1.0, _EMSTAT4_CURRENT[:8]),
        Model(
            "nexus1", 10.0, 1.0, 12.0, 1e6, 0.3, _NEXUS_POTENTIAL, 10.0 / 3.0, _NEXUS_CURRENT,
            applied_current_offset=32, starts_at_ocp=True,
        ),
    )
}  # fmt: skip
