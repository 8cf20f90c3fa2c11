"""The JSON Schema by which an editor completes and checks protocol files."""

from typing import Any

from labctl.protocol.model import Protocol


def editor_schema() -> dict[str, Any]:
    """The schema of the structure; what depends on the cell is checked when a protocol is loaded."""
    schema: dict[str, Any] = _without_null(Protocol.model_json_schema(by_alias=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _without_null(schema: Any) -> Any:
    """What is optional is left out of a file, never written as null."""
    if isinstance(schema, list):
        return [_without_null(part) for part in schema if part != {"type": "null"}]
    if isinstance(schema, dict):
        return {key: _without_null(part) for key, part in schema.items() if (key, part) != ("default", None)}
    return schema
