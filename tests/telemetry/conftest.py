"""What the tests of telemetry share."""

from collections.abc import Iterator

import pytest

from tests.telemetry.benches import runtime_directory


@pytest.fixture(autouse=True)
def _own_runtime_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with runtime_directory() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.delenv("LABCTL_MQTT_PASSWORD", raising=False)
        yield
