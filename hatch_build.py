"""Ships protocols/*.yaml inside real wheels as labctl/_protocols; an editable install reads the checkout."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProtocolsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the bundled protocols to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map each bundled protocol to its place in the wheel, unless the install is editable."""
        if version == "editable":
            return
        for path in sorted(Path(self.root, "protocols").glob("*.yaml")):
            build_data["force_include"][str(path)] = f"labctl/_protocols/{path.name}"
