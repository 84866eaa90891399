"""A sign of life for whoever watches the trainer: a file whose age says when it last got on.

As a program, `python trainer/heartbeat.py`: exit with status 0 if that was lately, else with 1 and one sentence.
"""

import os
import sys
import time
from pathlib import Path

# The longest that a slow machine takes between two signs: start TensorFlow, or examine and draw what was learned.
STALE_AFTER_S = 300


def beat() -> None:
    """Renew the sign of life, where HEARTBEAT_FILE names one."""
    name = os.environ.get("HEARTBEAT_FILE")
    if name:
        Path(name).touch()


def main() -> int:
    """Tell how the trainer does, as an exit status."""
    name = os.environ.get("HEARTBEAT_FILE")
    if not name:
        print("HEARTBEAT_FILE is not set: nothing tells whether the trainer gets on")
        return 1
    try:
        age_s = time.time() - Path(name).stat().st_mtime
    except OSError as error:
        print(f"{name}: {error.strerror}: the trainer has not begun")
        return 1
    if age_s > STALE_AFTER_S:
        print(f"the trainer has not got on for {age_s:.0f} s, expected a sign of life every {STALE_AFTER_S} s")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
