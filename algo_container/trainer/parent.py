"""Read the model in service, as what a retrained one begins with."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trainer.errors import RetrainError
from trainer.inference import infer
from trainer.label_checks import Opinion
from trainer.lesson import Lesson
from trainer.network import build_cnn
from trainer.publishing import probe_difference
from trainer.versions import Manifest, in_service, read_manifest


@dataclass(frozen=True)
class Parent:
    """The model in service. `network` stays as it is; `lesson` gives a copy to be taught."""

    manifest: Manifest
    network: keras.Sequential
    is_digit_weights: list[np.ndarray]

    @property
    def version(self) -> str:
        """Its name."""
        return str(self.manifest["version"])

    @property
    def base(self) -> dict[str, Any]:
        """What was trained from scratch at its beginning: version, settings and data."""
        facts = self.manifest.get("base") or {name: self.manifest[name] for name in ("version", "training", "data")}
        return dict(facts)

    def lesson(self, seed: int) -> Lesson:
        """Make a network like it, ready to be taught further."""
        network = build_cnn()
        network.set_weights(self.network.get_weights())
        lesson = Lesson(network, seed, freeze=True)
        lesson.is_digit.set_weights(self.is_digit_weights)
        return lesson

    def blend(self, lesson: Lesson, share: float) -> None:
        """Go back from what the lesson has learned towards what it began with; `share` of the way to it is kept.

        Such a mean of weights keeps more of what both know than either end of the way, and costs nothing.
        Source: Wortsman et al., "Robust fine-tuning of zero-shot models", 2022.
        """
        for layer, before in ((lesson.network, self.network.get_weights()), (lesson.is_digit, self.is_digit_weights)):
            layer.set_weights([old + share * (new - old) for old, new in zip(before, layer.get_weights(), strict=True)])

    def opinion(self, pictures: np.ndarray) -> Opinion:
        """Say what it makes of pictures float32 (n, 28, 28, 1) in 0..1."""
        both = keras.Model(self.network.inputs, [self.network.outputs[0], self.network.layers[-1].input])
        probabilities, features = infer(both, pictures)
        kernel, bias = self.is_digit_weights
        return Opinion(probabilities, 1 / (1 + np.exp(-(features @ kernel[:, 0] + bias[0]))), features)


def read_base(shared_dir: Path, parent: Parent) -> keras.Sequential | None:
    """Read the network that was trained from scratch at the parent's beginning.

    None if that is the parent itself, or if somebody has deleted it.
    """
    version = parent.base["version"]
    if version == parent.version:
        return None
    for folder in (shared_dir / "versions" / version, shared_dir / "pretrained"):
        manifest = read_manifest(folder)
        if manifest is not None and manifest["version"] == version:
            network = build_cnn()
            network.load_weights(folder / "model.h5")
            return network
    return None


def read_parent(shared_dir: Path) -> Parent:
    """Read the model in service. Raises RetrainError if there is none, or it is not of this network's form."""
    now = in_service(shared_dir)
    if now is None:
        raise RetrainError(
            f"{shared_dir}: no model of this trainer is in service, so there is none to retrain; train one first "
            "(a pair of your own is served, but not retrained)"
        )
    manifest, folder = now
    network = build_cnn()
    try:
        # The weights alone, into layers of our own: nothing that a file describes is run.
        network.load_weights(folder / "model.h5")
        test = json.loads((folder / "is_digit.json").read_text(encoding="utf-8"))
        weights = [np.array(test["weights"], dtype=np.float32)[:, np.newaxis], np.array([test["bias"]], np.float32)]
        Lesson(network, 0).is_digit.set_weights(weights)
        difference = probe_difference(network, manifest["probe"])
        if not difference <= manifest["probe"]["tolerance"]:
            raise ValueError(f"its answers to its probe differ by {difference:.2g}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RetrainError(
            f"version {manifest['version']}, which is in service, is not a model of this trainer that can be taught "
            f"further ({error}): train one first, or go back to one (--rollback)"
        ) from error
    return Parent(manifest, network, weights)
