"""Characters that a person does not see and a terminal may obey: they come neither in as names nor out on a screen."""

import json
import re

INVISIBLE = re.compile(
    "["
    "\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f"  # control characters; a line end is left to whoever reads lines
    "\\u00ad\\u180e\\u200b\\u2060-\\u2064\\ufeff"  # nothing, or nearly
    "\\u061c\\u200c-\\u200f\\u202a-\\u202e\\u2066-\\u2069"  # order of reading
    "\\u2028\\u2029"  # other line ends
    "\\ud800-\\udfff"  # halves of characters
    "\\ufff9-\\ufffb\\ufffe\\uffff\\U000e0000-\\U000e007f"
    "]"
)


def visible(text: str) -> str:
    """The same with every such character written as its JSON escape, but for tabs: a JSON document stays the same."""
    return INVISIBLE.sub(lambda found: found[0] if found[0] == "\t" else json.dumps(found[0])[1:-1], text)
