"""What each PalmSens instrument can hold, by the six characters with which it names itself.

Source: EmStat4 and Nexus data sheets and MethodSCRIPT manual v1.8, appendix B (ranges, EIS limits).
"""

import math

from labctl.instrument.channel import ImpedanceTraits, Traits
from labctl.instrument.impedance import ImpedanceMode

_HOLDS = (
    "the step's own cut-offs, evaluated in the instrument at each reading",
    "the safety window (voltage, current), at each reading",
    "the end of the step by the instrument's own timer, then cell off",
)
# The script ends the step and opens the cell by itself, but nothing makes it end earlier when the host is gone.
_SILENCE = "the step's own end: cut-offs and time limit are in the instrument, which then opens the cell; not earlier"


def _model(name: str, voltage_V: float, current_A: float, high_Hz: float, amplitude_Vrms: float) -> Traits:
    return Traits(
        model=name,
        voltage_max_V=voltage_V,
        current_max_A=current_A,
        shortest_interval_s=0.02,  # Assumed: 50 readings/s with the step's script and a package each
        autonomous=True,
        off_mode="cell switch open",
        holds=_HOLDS,
        host_silence=_SILENCE,
        second_session=False,
        impedance=ImpedanceTraits(
            modes=frozenset(ImpedanceMode),
            high_Hz=high_Hz,
            low_Hz=1e-3,  # Assumed: the data sheets promise less, but below this a point takes hours
            amplitude_max_V=amplitude_Vrms * math.sqrt(2.0),
            amplitude_max_A=current_A,
        ),
        most_set_points=300,  # Assumed: a script may have 32 kB; a set point takes some 85 characters of it
    )


MODELS = {
    "es4_hr": _model("EmStat4 HR", 6.0, 0.2, 200e3, 0.9),
    "es4_lr": _model("EmStat4 LR", 3.0, 0.03, 200e3, 0.9),
    "mes4hr": _model("MultiEmStat4 HR", 6.0, 0.2, 200e3, 0.9),
    "mes4lr": _model("MultiEmStat4 LR", 3.0, 0.03, 200e3, 0.9),
    "nexus1": _model("Nexus", 10.0, 1.0, 1e6, 0.3),
}

#: Known by name, and of no use here.
REFUSED = {
    "espico": "EmStat Pico has no galvanostat",
    "senswb": "Sensit Wearable has no galvanostat",
    "espbl": "the instrument is in its boot loader; power-cycle it or load a firmware",
}
