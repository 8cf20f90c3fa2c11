"""Ships protocols, stations and the skeleton of drivers inside wheels; an editable install reads the checkout."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundledFilesHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the bundled files to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map each bundled file to its place in the wheel, unless the install is editable."""
        if version == "editable":
            return
        for folder in ("protocols", "stations"):
            for path in sorted(Path(self.root, folder).glob("*.yaml")):
                build_data["force_include"][str(path)] = f"labctl/_{folder}/{path.name}"
        example = Path(self.root, "examples", "labctl-driver-example")
        for path in sorted(example.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                place = path.relative_to(example).as_posix()
                build_data["force_include"][str(path)] = f"labctl/_skeleton/{place}"
