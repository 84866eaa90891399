"""What a change of the model costs those who ask meanwhile."""

import shutil
import threading
import time
from pathlib import Path

from folds import FOLDS_DIR
from load import Load, load
from servers import ours
from stages import bodies

SWAPS = 5
EVERY_S = 1.5


def swap_under_load(work: Path, swaps: int = SWAPS) -> tuple[Load, Load]:
    """Let 8 clients ask without pause: first in peace, then while another model is published again and again."""
    shared, seconds = work / "shared", swaps * EVERY_S
    pictures = bodies()["PNG"]
    with ours(work, POLL_INTERVAL_S="0.2") as (url, _):
        for fold in (0, 1):  # their converted forms are made before anybody asks
            _publish(shared, fold)
            time.sleep(6)
        quiet = load(f"{url}/predict", pictures, "application/json", clients=8, seconds=seconds)
        publisher = threading.Thread(target=_publish_often, args=(shared, swaps))
        publisher.start()
        swapping = load(f"{url}/predict", pictures, "application/json", clients=8, seconds=seconds + 1)
        publisher.join()
    return quiet, swapping


def _publish_often(shared: Path, swaps: int) -> None:
    for number in range(swaps):
        time.sleep(EVERY_S)
        _publish(shared, number % 2)


def _publish(shared: Path, fold: int) -> None:
    """Put a fold's model into service as the trainer does: the manifest last, at once."""
    for name in ("model.json", "model.h5", "is_digit.json"):
        shutil.copy(FOLDS_DIR / str(fold) / name, shared / f"{name}.partial")
        (shared / f"{name}.partial").replace(shared / name)
    shutil.copy(FOLDS_DIR / str(fold) / "manifest.json", shared / "manifest.partial")
    (shared / "manifest.partial").replace(shared / "manifest.json")
