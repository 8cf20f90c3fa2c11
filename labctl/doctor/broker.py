"""Whether there is a broker where the station file says."""

import socket

from labctl.doctor.line import Line, look, ok, wrong
from labctl.station.broker import Broker

_PATIENCE_S = 3.0


def check_broker(broker: Broker | None) -> Line:
    """Whether something listens there and the files are. Who may publish, the broker tells ``labctl serve`` only."""
    if broker is None:
        return ok("broker", "not set up: nothing is published over MQTT")
    files = (broker.password_file, broker.ca, broker.certificate, broker.key, broker.command_key)
    missing = ", ".join(str(path) for path in files if path is not None and not path.is_file())
    if missing:
        return wrong("broker", f"there is no file {missing}", "correct `mqtt` in the station file")
    try:
        with socket.create_connection((broker.host, broker.port), _PATIENCE_S):
            return ok(
                "broker", f"{broker}: somebody listens there; whether we may publish, labctl serve says"
            )
    except OSError as error:
        return look(
            "broker",
            f"{broker}: {error.strerror or error}",
            "start it; runs go on without it, and what is recorded meanwhile is published afterwards",
        )
