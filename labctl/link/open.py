"""From a resource string to the kind of port that reaches it."""

import re
from typing import TYPE_CHECKING

from labctl.clock import ThreadClock
from labctl.link.port import Port

if TYPE_CHECKING:
    from labctl.instrument.auxiliary import AuxiliaryDriver
    from labctl.instrument.channel import Driver

_SCHEME = "serial://"
_DEVICE = re.compile(r"/dev/|COM\d+$", re.IGNORECASE)


def open_port(resource: str, clock: ThreadClock, driver: "Driver | AuxiliaryDriver") -> Port:
    """The port for a resource; nothing is opened yet.

    Args:
        resource: ``serial:///dev/ttyACM0``, ``/dev/ttyACM0`` or ``COM3`` for pyserial; anything else is for VISA.
        clock: the time of the thread that is going to own the port.
        driver: knows the settings of a serial line and what ends a message.
    """
    if resource.startswith(_SCHEME) or _DEVICE.match(resource):
        from labctl.link.serial import SerialPort

        return SerialPort(resource.removeprefix(_SCHEME), clock, driver.serial)
    from labctl.link.visa import VisaPort  # imports pyvisa, which takes a while

    answered: tuple[bytes, ...] = getattr(driver, "answered", ())  # of a thermometer, none
    return VisaPort(resource, clock, driver.terminator, driver.serial, answered)
