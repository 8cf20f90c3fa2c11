"""The ranges of Neware channels, as a station file names them."""

from labctl.instrument.channel import Traits


def _traits(model: str, current_max_A: float) -> Traits:
    return Traits(
        model=model,
        voltage_max_V=5.0,
        current_max_A=current_max_A,
        shortest_interval_s=0.1,
        autonomous=True,
        off_mode="output off (open circuit)",
        holds=(
            "the step's cut-offs: time, voltage, current, charge",
            "the safety window as the cycler's own protection, after 1 s beyond it",
        ),
        host_silence="the step's own end: cut-offs and time limit are in the cycler, which then opens the circuit",
        second_session=True,
        impedance=None,
    )


#: Assumed: the full scale of channels as they are sold; a channel tells neither its voltage nor its current.
MODELS = {
    name: _traits(name, current_max_A)
    for name, current_max_A in (
        ("5V10mA", 0.01),
        ("5V50mA", 0.05),
        ("5V100mA", 0.1),
        ("5V1A", 1.0),
        ("5V6A", 6.0),
        ("5V12A", 12.0),
    )
}
