"""Drives a simulated PP212 with zahner_potentiostat as its user would, through two serial ports; tells it as JSON."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zahner_potentiostat.scpi_control.control import COUPLING, RELATION, SCPIDevice
from zahner_potentiostat.scpi_control.datareceiver import TrackTypes
from zahner_potentiostat.scpi_control.error import ZahnerSCPIError
from zahner_potentiostat.scpi_control.searcher import SCPIDeviceSearcher
from zahner_potentiostat.scpi_control.serial_interface import SerialCommandInterface, SerialDataInterface


def search(ports: list[str]) -> dict[str, Any]:
    searcher = SCPIDeviceSearcher()
    serials = searcher.searchDevicesWithIDN(ports)
    command, data = searcher.selectDevice("33000")
    return {"serials": serials, "command": command, "data": data}


def points(device: SCPIDevice, wanted: int = 1) -> dict[str, list[float]]:
    """What has been measured since it was asked last; the data port may be a moment behind."""
    receiver = device.getDataReceiver()
    deadline = time.monotonic() + 10.0
    while receiver.getNumberOfOnlinePoints() or receiver.getNumberOfCompletePoints() < wanted:
        assert time.monotonic() < deadline, "points are missing"
        time.sleep(0.01)  # noqa: TID251 - waits for the client's own thread
    found = receiver.getCompletePoints()
    receiver.deletePoints()
    return {
        name: found[track.toString()]
        for name, track in (
            ("time_s", TrackTypes.TIME),
            ("voltage_V", TrackTypes.VOLTAGE),
            ("current_A", TrackTypes.CURRENT),
        )
    }


@contextmanager
def telling(device: SCPIDevice) -> Iterator[list[int]]:
    """Errors are raised inside, and their numbers collected."""
    numbers: list[int] = []
    device.setRaiseOnErrorEnabled(True)
    try:
        yield numbers
    except ZahnerSCPIError as error:
        numbers.append(error._error_code)
    finally:
        device.setRaiseOnErrorEnabled(False)


def error_of(device: SCPIDevice, act: Any) -> int:
    with telling(device) as numbers:
        act()
    return numbers[0] if numbers else 0


def abort(device: SCPIDevice) -> dict[str, Any]:
    """From another thread, while a current flows."""
    device.setMaximumTimeParameter("10 h")
    replies: list[str] = []
    measuring = threading.Thread(target=lambda: replies.append(device.measurePolarization()))
    measuring.start()
    receiver = device.getDataReceiver()
    while receiver.getNumberOfOnlinePoints() < 3:
        time.sleep(0.01)  # noqa: TID251 - waits for the client's own thread
    seen = receiver.getOnlineTrack(TrackTypes.CURRENT.toString())
    acknowledged = device.abortCommand()
    measuring.join(10.0)
    refused = device.measurePolarization()
    state = device.readState()
    device.clearState()
    return {
        "online_A": seen[:3],
        "acknowledged": acknowledged.strip(),
        "replied": replies[0].strip(),
        "refused": refused.strip(),
        "state": state.strip(),
        "cleared": device.readState().strip(),
        "kept": len(points(device)["time_s"]),
    }


def drive(device: SCPIDevice) -> dict[str, Any]:
    found: dict[str, Any] = {"identity": device.IDN().strip()}
    device.clearState()
    device.setLineFrequency(50)
    found["line_Hz"] = device.getLineFrequency()
    device.setDateTime(2026, 11, 22, 12, 0, 0)
    found["date"] = device.getDateTime().strip()  # getDateTimeStruct stumbles over the end of the line
    found["calibrated"] = device.calibrateOffsets().strip()
    device.setSamplingFrequency(10)
    device.setAutorangingEnabled(True)
    device.setInterpolationEnabled(True)
    device.setMinimumShuntIndex(1)
    device.setMaximumShuntIndex(3)

    device.setMaximumTimeParameter("20 s")
    found["rest"] = {"reply": device.measureOCVScan().strip(), **points(device, 200)}
    found["open_circuit_V"] = device.measureOCV()
    found["charge"] = {"reply": device.measureCharge(1.0, 3.6, "10 min").strip(), **points(device)}
    found["discharge"] = {"reply": device.measureDischarge(-1.0, 3.4, "10 min").strip(), **points(device)}
    found["too_short"] = {"reply": device.measureCharge(1.0, 4.0, "5 s").strip(), **points(device, 50)}

    device.setMinMaxVoltageParameterCheckEnabled(False)
    device.setMaximumCharge(20.0)
    device.setMinimumCharge(-5.0)
    device.setChargeBreakEnabled(True)
    device.setCurrentParameter(2.0)
    device.setMaximumTimeParameter("1 h")
    found["by_charge"] = {"reply": device.measurePolarization().strip(), **points(device)}
    device.setChargeBreakEnabled(False)

    device.setCoupling(COUPLING.POTENTIOSTATIC)
    device.setVoltageParameterRelation(RELATION.OCV)
    device.measureOCV()
    device.setVoltageParameter(0.05)
    device.setMinimumCurrentParameter(0.2)
    device.setMaximumCurrentParameter(10.0)
    device.setMinMaxCurrentParameterCheckEnabled(True)
    found["hold"] = {"reply": device.measurePolarization().strip(), **points(device)}
    device.setMinMaxCurrentParameterCheckEnabled(False)
    device.setVoltageParameterRelation(RELATION.ZERO)
    device.setToleranceBreakEnabled(True)
    device.setRelativeTolerance(0.001)
    device.setMinimumTimeParameter(2)
    device.setVoltageParameter(3.5)
    found["settled"] = {"reply": device.measurePolarization().strip(), **points(device)}
    device.setToleranceBreakEnabled(False)

    start = device.measureOCV()
    device.setVoltageValue(start)
    found["ramp"] = {"reply": device.measureRampValueInScanRate(start + 0.1, 0.01).strip(), **points(device)}
    found["ramp_back"] = {"reply": device.measureRampValueInTime(start, 10).strip(), **points(device, 100)}
    device.setVoltageValue(start)
    found["ramp_for"] = {"reply": device.measureRampScanRateForTime(-0.01, 5).strip(), **points(device, 50)}
    device.setVoltageValue(start)
    device.setStepSize(0.02)
    device.setMaximumTimeParameter(1)
    device.setVoltageParameter(start + 0.1)
    found["stairs"] = {"reply": device.measureIEStairs().strip(), **points(device, 5)}

    profile = [
        {"time": 0, "value": 0.1},
        {"time": 2, "value": 0.4},
        {"time": 4, "value": -0.3},
        {"time": 6, "value": 0},
    ]
    device.measureProfile(profile, COUPLING.GALVANOSTATIC, scalingFactor=2.0)
    found["profile"] = points(device, 60)

    middle = device.measureOCV()
    device.measurePITT(middle + 0.1, middle - 0.1, 0.05, onTime=5, openCircuitTime=5)
    found["pitt"] = points(device, 500)
    device.measureGITT(middle + 0.1, middle - 0.1, 1.0, onTime=10, openCircuitTime=5)
    found["gitt"] = points(device, 500)
    device.setGlobalVoltageCheckEnabled(False)
    device.setGlobalLimitCheckToleranceTime(0)
    device.setParameterLimitCheckToleranceTime(0)

    device.setCoupling("gal")
    device.setCurrentParameter(0.5)
    device.setSamplingFrequency(1)
    found["abort"] = abort(device)

    device.setMaximumVoltageGlobal(device.getVoltage() + 0.01)
    device.setMinimumVoltageGlobal(0.0)
    device.setGlobalVoltageCheckEnabled(True)
    found["errors"] = {
        "global_limit": error_of(device, device.measurePolarization),
        "after_it": error_of(device, device.measurePolarization),
        "range": error_of(device, lambda: device.setCurrentParameter(1000)),
        "unknown": error_of(device, lambda: device._writeCommandToInterfaceAndReadLine(":MEAS:EIS?")),
    }
    device.clearState()
    device.setGlobalVoltageCheckEnabled(False)
    device.setPotentiostatEnabled(True)
    found["on_A"] = device.getCurrentMedian(3)
    device.setPotentiostatEnabled(False)
    found["off_A"] = device.getCurrent()
    return found


def main() -> None:
    command, data = sys.argv[1:]
    found = {"search": search([command, data])}
    device = SCPIDevice(SerialCommandInterface(command), SerialDataInterface(data))
    try:
        found |= drive(device)
    finally:
        device.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
