"""Keep how far a training has come, so that workers that were stopped or killed go on from there.

`training/checkpoint.npz` in the shared folder holds every weight, the optimizer's own numbers, and a line of JSON that
says of which training they are. One worker writes and reads it; it tells the others.
"""

import contextlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.disk import replacing
from trainer.errors import AccuracyTooLowError

FILE = "checkpoint.npz"
FACTS = "facts"


@dataclass(frozen=True)
class State:
    """A training after `steps` steps. history: as in Training, of the epochs that are done; weights: all there are."""

    steps: int
    history: dict[str, list[float]]
    weights: list[np.ndarray]


class Checkpoint:
    """The file for one training. plan: what a training must have in common with that of the file to go on from it."""

    def __init__(self, shared_dir: Path, plan: Mapping[str, object]) -> None:
        self._path = shared_dir / "training" / FILE
        self._plan = json.loads(json.dumps(plan))  # as it comes out of the file

    def save(self, state: State) -> None:
        """Put a state in the place of the one before. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        facts = json.dumps({"plan": self._plan, "steps": state.steps, "history": state.history})
        arrays: dict[str, Any] = {FACTS: np.array(facts)}
        arrays |= {str(number): value for number, value in enumerate(state.weights)}
        with replacing(self._path) as file:
            np.savez(file, **arrays)

    def load(self, shapes: Sequence[tuple[int, ...]]) -> State | None:
        """Give what is kept of this training; None if nothing is, or it is of another one. shapes: of all weights."""
        try:
            with self._path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                facts = json.loads(str(kept[FACTS]))
                if facts["plan"] != self._plan:
                    return None
                weights = [kept[str(number)] for number in range(len(shapes))]
                steps, history = int(facts["steps"]), dict(facts["history"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None
        return State(steps, history, weights) if [value.shape for value in weights] == list(shapes) else None


@contextlib.contextmanager
def spent(shared_dir: Path) -> Iterator[None]:
    """Forget the checkpoint once what it led to is published in this block, or is not good enough to be."""
    try:
        yield
    except AccuracyTooLowError:
        (shared_dir / "training" / FILE).unlink(missing_ok=True)
        raise
    (shared_dir / "training" / FILE).unlink(missing_ok=True)
