"""JSON that people can read: a key a line, but a list of numbers on one line."""

import json
import re

NUMBERS = re.compile(r"\[\s*(-?\d[-+.\deE,\s]*?)\s*\]")


def to_json_text(value: object) -> str:
    """Serialise `value`; raises ValueError for NaN and infinity, which JSON does not have."""
    text = json.dumps(value, indent=1, allow_nan=False)
    return NUMBERS.sub(lambda match: "[" + " ".join(match[1].split()) + "]", text) + "\n"
