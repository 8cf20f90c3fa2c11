"""What the messages of the simulated Maccor are made of: values by their names in JSON, and what cannot be answered."""

from collections.abc import Mapping
from typing import Any

ALL_SELECTED = 0xFFFF
"""As a channel: all that are selected."""

OTHER_PROBLEM = 0xFFFF
"""As a result: none of those that have a number."""

Params = Mapping[str, Any]
Answer = dict[str, Any]


class MacNetError(Exception):
    """A message that cannot be answered as asked; says why as JSON has it."""
