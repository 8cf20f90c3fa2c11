"""The description of the interface: written by hand, joined with the vocabulary of telemetry, served as JSON."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from labctl.telemetry import messages

_FILE = Path(__file__).with_name("openapi.yaml")


@cache
def description() -> dict[str, Any]:
    """The OpenAPI 3.1 document; treat it as constant."""
    from ruamel.yaml import YAML

    document: dict[str, Any] = YAML(typ="safe", pure=True).load(_FILE.read_text("utf-8"))
    vocabulary = json.dumps(messages.schema()["$defs"]).replace('"#/$defs/', '"#/components/schemas/')
    document["components"]["schemas"].update(json.loads(vocabulary))
    return document


@cache
def as_json() -> bytes:
    """The same, as it is served."""
    return json.dumps(description(), ensure_ascii=False).encode()
