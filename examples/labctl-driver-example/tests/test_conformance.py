"""What every channel promises, kept by this driver on its simulated instrument."""

import pytest
from labctl_example_ex1.driver import DRIVER
from labctl_example_ex1.firmware import ExampleEx1

from labctl import plugins
from labctl.instrument.conformance_simulated import EVERY_CHECK, bench_in_memory


@pytest.mark.parametrize(("check", "cell"), EVERY_CHECK, ids=lambda value: getattr(value, "__name__", ""))
async def test_in_memory(check, cell) -> None:
    await check(bench_in_memory(DRIVER, ExampleEx1, plugins.cell(cell, 1)))


def test_labctl_finds_driver_and_simulator_by_their_entry_points() -> None:
    assert plugins.driver("example-ex1") is DRIVER
    assert isinstance(plugins.simulator("example-ex1", "resistor:100", 1), ExampleEx1)
