"""How much a client may send, and for how long. gunicorn.conf.py reads this too, so it imports nothing of ours."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one request may take: bytes of its body, and seconds until it has come whole."""

    max_body_bytes: int
    read_timeout_s: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Limits":
        """Read MAX_BODY_BYTES and READ_TIMEOUT_S. Raises ValueError naming the one that is wrong."""
        return cls(
            max_body_bytes=int(positive_number(environment, "MAX_BODY_BYTES", 2 * 2**20)),
            read_timeout_s=positive_number(environment, "READ_TIMEOUT_S", 30),
        )


def positive_number(environment: Mapping[str, str], name: str, default: float) -> float:
    """Read a finite number above 0. Raises ValueError naming the variable."""
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {text!r}, expected a number above 0, such as {default:g}")
    return value
