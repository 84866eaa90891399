"""Read what another program writes: a file that is missing, torn or something else altogether counts as absent."""

import json
import math
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

Facts = dict[str, Any]
UtcText = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Signature = tuple[int, int, int]


@dataclass(frozen=True)
class JsonFile:
    """A JSON object in a file, and when it was written, in seconds since 1970."""

    facts: Facts
    written_at: float


def read_json_file(path: Path) -> JsonFile | None:
    """Read a file that holds a JSON object; numbers that JSON does not know become null."""
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):  # a pipe would let us wait
            return None
        content = json.loads(path.read_bytes(), parse_constant=lambda _name: None, parse_float=_finite)
    except (OSError, ValueError, RecursionError):
        return None
    return JsonFile(content, facts.st_mtime) if isinstance(content, dict) else None


def signature(path: Path) -> Signature | None:
    """Give what changes when the file changes, without reading it; None if there is no file."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def utc_text(moment: datetime) -> str:
    """Write a time as the files have it; one without a zone, as SQLite gives back, is UTC."""
    in_utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="seconds").replace("+00:00", "Z")


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None
