"""Keep how far a training has come, so that workers that were stopped or killed go on from there.

`training/checkpoint.npz` in the shared folder holds every weight, the optimizer's own numbers, and a line of JSON that
says of which training they are. One worker writes and reads it; it tells the others.
"""

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.disk import replace
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
        self._path = path_in(shared_dir)
        self.plan = json.loads(json.dumps(plan))  # as it comes out of the file

    def save(self, state: State) -> None:
        """Put a state in the place of the one before. Raises OSError."""
        self.write(self.packed(state))

    def load(self, shapes: Sequence[tuple[int, ...]]) -> State | None:
        """Give what is kept of this training; None if nothing is, or it is of another one. shapes: of all weights."""
        try:
            return self.unpacked(self._path.read_bytes(), shapes)
        except OSError:
            return None

    def forget(self) -> None:
        """Keep nothing any more."""
        self._path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Save and load in this block, and forget after it."""
        yield

    def write(self, content: bytes) -> None:
        """Put a packed state in the place of the one before. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        replace(self._path, content)

    def packed(self, state: State) -> bytes:
        """Make of a state what the file holds."""
        facts = json.dumps({"plan": self.plan, "steps": state.steps, "history": state.history})
        arrays: dict[str, Any] = {FACTS: np.array(facts)}
        arrays |= {str(number): value for number, value in enumerate(state.weights)}
        content = io.BytesIO()
        np.savez(content, **arrays)
        return content.getvalue()

    def unpacked(self, content: bytes, shapes: Sequence[tuple[int, ...]]) -> State | None:
        """Make a state of a file's content, as `load` does."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as kept:
                facts = json.loads(str(kept[FACTS]))
                if facts["plan"] != self.plan:
                    return None
                weights = [kept[str(number)] for number in range(len(shapes))]
                steps, history = int(facts["steps"]), dict(facts["history"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None
        return State(steps, history, weights) if [value.shape for value in weights] == list(shapes) else None


def path_in(shared_dir: Path) -> Path:
    """Say where a folder's checkpoint is."""
    return shared_dir / "training" / FILE


@contextlib.contextmanager
def spent(checkpoint: Checkpoint) -> Iterator[None]:
    """Forget the checkpoint once what it led to is published in this block, or is not good enough to be."""
    try:
        yield
    except AccuracyTooLowError:
        checkpoint.forget()
        raise
    checkpoint.forget()
