"""The Zahner power potentiostats that have a USB port of their own, as a station file names them."""

from labctl.instrument.channel import Traits


def _traits(model: str, voltage_max_V: float, current_max_A: float) -> Traits:
    return Traits(
        model=model,
        voltage_max_V=voltage_max_V,
        current_max_A=current_max_A,
        shortest_interval_s=0.01,
        autonomous=True,
        off_mode="potentiostat off (open circuit)",
        holds=(
            "the step's cut-offs: time, voltage, current, charge",
            "the safety window as global limits, which switch the potentiostat off",
        ),
        host_silence=None,  # its data have to be read, or it hangs: nobody says whether its limits still act then
        second_session=False,
        impedance=None,
    )


#: Assumed: voltages and currents as in Zahner's leaflets; an instrument tells its name only.
MODELS = {
    traits.model: traits
    for traits in (
        _traits("PP212", 12.0, 20.0),
        _traits("PP222", 20.0, 10.0),
        _traits("PP242", 5.0, 40.0),
        _traits("XPOT2", 25.0, 0.5),
    )
}

REFUSED = {"EL1002": "an electronic load: it discharges only, and its ranges are not known here"}
