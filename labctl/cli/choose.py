"""Which channel a command means: a station's, one named on the command line, or the bundled simulated one."""

from labctl import plugins
from labctl.errors import UserError
from labctl.instrument.analyser_queue import AnalyserQueue
from labctl.protocol.plan import Plan
from labctl.station.connect import AnalyserSpec, ChannelSpec
from labctl.station.thermometers import AuxiliarySpec, ThermometerSpec

_SIMULATED = "palmsens-emstat4"


def choose_channel(
    plan: Plan,
    station: str | None,
    channel: str | None,
    driver: str | None,
    resource: str | None,
    cell: str | None,
    analyser: str | None = None,
    analyser_resource: str | None = None,
    temperature: str | None = None,
) -> ChannelSpec:
    """The channel that the options describe.

    Raises:
        UserError: the options contradict each other, or name what does not exist.
    """
    if station is not None:
        if driver or resource or cell or analyser or temperature:
            raise UserError(
                "--station names the instruments: leave --driver, --resource, --cell, --analyser and "
                "--temperature out"
            )
        from labctl.station.file import load_station

        return load_station(station).channel(channel)
    if channel is not None:
        raise UserError("--channel names a channel of a station: give --station FILE too")
    if resource is not None:
        if driver is None:
            raise UserError(f"--resource needs --driver: one of {', '.join(plugins.names('drivers'))}")
        if cell is not None:
            raise UserError(
                "--cell is for instruments simulated in this process: leave it out with --resource"
            )
        beside = analyser_beside(analyser, analyser_resource)
        name = plugins.driver(driver).name
        thermometer = thermometer_beside(temperature)
        return ChannelSpec(driver, name, resource, analyser=beside, thermometer=thermometer)
    if analyser_resource is not None:
        raise UserError(
            "--analyser-resource is for an instrument at a --resource: leave it out, both are simulated"
        )
    name = plugins.driver(driver or _SIMULATED).name
    beside = analyser_beside(analyser, None)
    thermometer = thermometer_beside(temperature)
    lived = cell or _simulated_cell(plan)
    return ChannelSpec("simulated", name, cell=lived, analyser=beside, thermometer=thermometer)


def analyser_beside(name: str | None, resource: str | None) -> AnalyserSpec | None:
    """The analyser that the options describe; None: none.

    Raises:
        UserError: no driver has that name, or there is a resource without one.
    """
    if name is None:
        if resource is not None:
            raise UserError("--analyser-resource needs --analyser: the driver of what is there")
        return None
    driver = plugins.driver(name).name
    return AnalyserSpec(driver, AnalyserQueue(driver), resource or "")


def thermometer_beside(text: str | None) -> ThermometerSpec | None:
    """The thermometer that ``espec-pr3j@RESOURCE`` names, by its first sensor; None: none.

    Raises:
        UserError: no driver has that name.
    """
    if text is None:
        return None
    name, _, resource = text.partition("@")
    auxiliary = AuxiliarySpec(name, plugins.auxiliary(name).name, resource)
    return ThermometerSpec(auxiliary, auxiliary.sensors()[0])


def _simulated_cell(plan: Plan) -> str:
    if plan.cell.simulate_as is None:
        raise UserError(
            f"the protocol {plan.protocol} names no simulated cell (cell: simulate_as): "
            f"give --cell, one of {', '.join(plugins.names('cells'))}, or --resource with --driver"
        )
    return plan.cell.simulate_as
