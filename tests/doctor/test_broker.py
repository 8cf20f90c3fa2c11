"""The doctor's line on the broker."""

import socket
from dataclasses import replace
from pathlib import Path

from labctl.doctor.broker import check_broker
from labctl.doctor.line import Verdict
from labctl.station.broker import Broker


def test_a_broker_is_there_or_not(tmp_path: Path) -> None:
    assert check_broker(None).verdict is Verdict.OK
    with socket.create_server(("127.0.0.1", 0)) as listening:
        broker = Broker("127.0.0.1", listening.getsockname()[1])
        assert check_broker(broker).verdict is Verdict.OK
        missing = check_broker(replace(broker, ca=tmp_path / "ca.pem"))
    assert (missing.verdict, "ca.pem" in missing.found) == (Verdict.WRONG, True)
    gone = check_broker(broker)
    assert (gone.verdict, str(broker) in gone.found) == (Verdict.LOOK, True)
