"""How the server logs: lines for people at a terminal, JSON lines elsewhere.

gunicorn.conf.py reads this, so it imports nothing of ours.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
FORMATTERS: dict[str, dict[str, Any]] = {
    "text": {
        "()": "logging.Formatter",
        "fmt": "%(asctime)s %(levelname)s [%(request_id)s] %(message)s",
        "defaults": {"request_id": "-"},
    },
    "json": {
        "()": "pythonjsonlogger.json.JsonFormatter",
        "fmt": "%(levelname)s %(name)s %(process)d %(message)s",
        "rename_fields": {"levelname": "level", "name": "logger"},
        "timestamp": True,
        "json_ensure_ascii": False,
    },
}
ADDRESS = re.compile(r"\bip=\S+")


class WithoutAddresses(logging.Filter):
    """Takes the client's address out of what gunicorn says of a request that it does not understand."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass."""
        record.msg = ADDRESS.sub("ip=-", str(record.msg))
        return True


def configuration(environment: Mapping[str, str] = os.environ, at_terminal: bool | None = None) -> dict[str, Any]:
    """Read LOG_FORMAT, LOG_LEVEL and LOG_ADDRESSES into what `logging.config.dictConfig` takes.

    at_terminal: whether somebody looks on. Raises ValueError naming the variable whose value cannot be used.
    """
    at_terminal = sys.stderr.isatty() if at_terminal is None else at_terminal
    level = _one_of(environment, "LOG_LEVEL", LEVELS, "INFO")
    form = _one_of(environment, "LOG_FORMAT", tuple(FORMATTERS), "text" if at_terminal else "json")
    names_addresses = _one_of(environment, "LOG_ADDRESSES", ("0", "1"), "0") == "1"
    to_stderr = {"level": level, "handlers": ["stderr"]}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {form: FORMATTERS[form]},
        "filters": {"without_addresses": {"()": WithoutAddresses}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": [] if names_addresses else ["without_addresses"],
            }
        },
        "root": to_stderr,
        "loggers": {
            "gunicorn.error": {**to_stderr, "propagate": False},
            "alembic": {"level": "WARNING"},  # digit_ui.migrating says what it did
            "PIL": {"level": "WARNING"},  # below, it tells what a photograph says of its place and time
            # Below, they tell what requests to the object store are signed with.
            **{name: {"level": "WARNING"} for name in ("aiobotocore", "botocore", "s3fs")},
        },
    }


def _one_of(environment: Mapping[str, str], name: str, values: tuple[str, ...], default: str) -> str:
    value = environment.get(name) or default
    if value not in values:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(values)}")
    return value
