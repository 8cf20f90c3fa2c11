"""Every driver of a thermometer or a chamber conforms on its simulated twin, over a good wire and a bad one."""

from collections.abc import Awaitable, Callable

import pytest

from labctl_drivers import binder_mk53, espec_pr3j, julabo, modbus_temperature
from labctl_simulators.firmware.binder_mk53 import BinderMk53
from labctl_simulators.firmware.espec_pr3j import EspecPr3j
from labctl_simulators.firmware.julabo import Julabo
from labctl_simulators.firmware.modbus_temperature import ModbusTemperature
from tests.conformance.auxiliary_conformance import CHAMBERS, THERMOMETERS, Pair
from tests.link.faulty import Fault

Check = Callable[[Pair], Awaitable[None]]


def logger(framing: str) -> Pair:
    """Two of the inputs of a Modbus logger."""
    registers = "air input 0 int16 * 0.1 degC; cell holding 34 float32 low-first degC"
    return Pair(
        modbus_temperature.DRIVER,
        lambda: ModbusTemperature(None, 1),
        lambda device: {"air": device.temperature_C(0), "cell": device.temperature_C(1)},
        tuple(Fault),
        {"registers": registers, "framing": framing},
    )


PAIRS = {
    "binder-mk53": Pair(
        binder_mk53.DRIVER,
        lambda: BinderMk53(None, 1),
        lambda device: {"temperature": device.air.temperature_C},
        tuple(Fault),
    ),
    "espec-pr3j": Pair(
        espec_pr3j.DRIVER,
        lambda: EspecPr3j(None, 1),
        lambda device: {"temperature": device.air.temperature_C},
    ),
    "julabo": Pair(julabo.DRIVER, lambda: Julabo(None, 1), lambda device: {"bath": device.air.temperature_C}),
    "modbus-temperature tcp": logger("tcp"),
    "modbus-temperature rtu": logger("rtu"),
}
HOLDING = {name: pair for name, pair in PAIRS.items() if pair.driver.range_K is not None}


@pytest.mark.parametrize("check", THERMOMETERS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", PAIRS)
async def test_thermometer(name: str, check: Check) -> None:
    await check(PAIRS[name])


@pytest.mark.parametrize("check", CHAMBERS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", HOLDING)
async def test_chamber(name: str, check: Check) -> None:
    await check(HOLDING[name])
