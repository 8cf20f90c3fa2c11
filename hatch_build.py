"""Ships the bundled protocols and stations inside real wheels; an editable install reads the checkout."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundledFilesHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the bundled protocols and stations to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map each bundled file to its place in the wheel, unless the install is editable."""
        if version == "editable":
            return
        for folder in ("protocols", "stations"):
            for path in sorted(Path(self.root, folder).glob("*.yaml")):
                build_data["force_include"][str(path)] = f"labctl/_{folder}/{path.name}"
