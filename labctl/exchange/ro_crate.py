"""Describes a directory of exported files as an RO-Crate: who measured what on which cell, with which hashes.

Source: RO-Crate Metadata Specification 1.1 (ro-crate-metadata.json, root data entity, provenance by CreateAction);
terms of schema.org.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labctl.protocol.plan import CellDescription
from labctl.store.records import RunRecord

Entity = dict[str, Any]
NAME = "ro-crate-metadata.json"
_CONFORMS = "https://w3id.org/ro/crate/1.1"
_MEDIA = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".mpt": "text/plain",
    ".yml": "application/yaml",
    ".yaml": "application/yaml",
}


def write_ro_crate(directory: Path, run: RunRecord, files: Sequence[Path], licence: str | None) -> Path:
    """Write the metadata of ``files``, all of which lie in ``directory``.

    Args:
        directory: the crate's root.
        run: the run that was exported.
        files: what the crate holds.
        licence: an SPDX identifier or a URL, as the person said it; None: nothing was said, and the crate says so.
    """
    parts = [_file(path) for path in files]
    entities = [
        {
            "@id": NAME,
            "@type": "CreativeWork",
            "conformsTo": {"@id": _CONFORMS},
            "about": {"@id": "./"},
        },
        _root(run, parts, _licence(licence)),
        *_licence(licence),
        *parts,
        *_provenance(run, parts),
    ]
    document = {"@context": f"{_CONFORMS}/context", "@graph": entities}
    path = directory / NAME
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _file(path: Path) -> Entity:
    content = path.read_bytes()
    return {
        "@id": path.name,
        "@type": "File",
        "name": path.name,
        "contentSize": str(len(content)),
        "encodingFormat": _MEDIA.get(path.suffix, "application/octet-stream"),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _root(run: RunRecord, parts: Sequence[Entity], licence: Sequence[Entity]) -> Entity:
    cell = run.cell.name or "an unnamed cell"
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{run.protocol} on {cell}",
        "description": f"Run {run.run_id} of labctl: {run.protocol} on {cell}; {run.state}: {run.end_reason or '-'}",
        "datePublished": _calendar(run.ended_unix_s or run.last_written_unix_s),
        "license": {"@id": licence[0]["@id"]} if licence else "not stated by those who measured it",
        "identifier": f"run {run.run_id}, protocol sha256 {run.protocol_sha256}",
        "hasPart": [{"@id": part["@id"]} for part in parts],
        "mentions": {"@id": "#run"},
    }


def _licence(text: str | None) -> list[Entity]:
    """The licence, if there is one."""
    if text is None:
        return []
    url = text if text.startswith(("https://", "http://")) else f"https://spdx.org/licenses/{text}"
    return [{"@id": url, "@type": "CreativeWork", "name": text}]


def _provenance(run: RunRecord, parts: Sequence[Entity]) -> list[Entity]:
    identity, properties = run.identity, _properties(run.cell)
    return [
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": f"run {run.run_id}",
            "startTime": _calendar(run.started_unix_s),
            "endTime": _calendar(run.ended_unix_s or run.last_written_unix_s),
            "instrument": [{"@id": "#instrument"}, {"@id": "#labctl"}],
            "object": {"@id": "#cell"},
            "result": [{"@id": part["@id"]} for part in parts],
        },
        {
            "@id": "#instrument",
            "@type": "IndividualProduct",
            "name": f"{identity.manufacturer} {identity.model}",
            "manufacturer": identity.manufacturer,
            "model": identity.model,
            "serialNumber": identity.serial,
            "version": identity.firmware,
        },
        {
            "@id": "#labctl",
            "@type": "SoftwareApplication",
            "name": "labctl",
            "version": run.software_version,
        },
        {
            "@id": "#cell",
            "@type": "IndividualProduct",
            "name": run.cell.name or "an unnamed cell",
            "additionalProperty": [{"@id": entity["@id"]} for entity in properties],
        },
        *properties,
    ]


def _properties(cell: CellDescription) -> list[Entity]:
    """What is known of the cell, each an entity of its own, as RO-Crate wants its graph flat."""
    known = (
        ("area", cell.area_cm2, "cm2"),
        ("active mass", cell.active_mass_g, "g"),
        ("nominal capacity", cell.nominal_capacity_C, "C"),
        ("equilibrium voltage", cell.equilibrium_voltage_V, "V"),
        ("electrolyte", cell.electrolyte or None, ""),
    )
    return [
        {"@id": f"#cell-{name.replace(' ', '-')}", "@type": "PropertyValue", "name": name, "value": value}
        | ({"unitText": unit} if unit else {})
        for name, value, unit in known
        if value is not None
    ]


def _calendar(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")
