"""The ranges of Arbin channels, as a station file names them."""

from labctl.instrument.channel import Traits


def _traits(model: str, voltage_max_V: float, current_max_A: float) -> Traits:
    return Traits(
        model=model,
        voltage_max_V=voltage_max_V,
        current_max_A=current_max_A,
        shortest_interval_s=0.5,
        autonomous=True,
        off_mode="output off (open circuit)",
        holds=(
            "the step's cut-offs: time, voltage, current, charge",
            "the safety window as limits that end the test",
        ),
        host_silence="the step's own end: cut-offs and time limit are in the cycler, which then rests at open circuit",
        second_session=True,
        impedance=None,
    )


#: Lowest voltage, highest voltage, largest current. Assumed: as such channels are sold; CTI tells them in prose only.
SCALES = {
    "MSTAT-10V1A": (-10.0, 10.0, 1.0),
    "MSTAT-10V5A": (-10.0, 10.0, 5.0),
    "LBT-5V500mA": (0.0, 5.0, 0.5),
    "LBT-5V5A": (0.0, 5.0, 5.0),
    "LBT-5V60A": (0.0, 5.0, 60.0),
}

MODELS = {name: _traits(name, high_V, current_A) for name, (_, high_V, current_A) in SCALES.items()}


def scale_of(traits: Traits) -> tuple[float, float, float]:
    """Lowest voltage, highest voltage and largest current."""
    return SCALES[traits.model]
