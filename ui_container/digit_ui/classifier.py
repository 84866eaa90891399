"""The network in service: what it makes of pictures, and whether it is the one that was trained."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digit_ui.artefacts import Artefact, ArtefactError
from digit_ui.manifest import Probe
from digit_ui.network import INPUT_SHAPE, Network

# A user's own pair has no probe; a softmax over any picture must still be one.
SUM_TOLERANCE = 1e-3
# For a model that brings no test of its own: below it the network prefers no digit to all the others together.
MIN_CONFIDENCE = 0.5


@dataclass(frozen=True)
class Readings:
    """What the model makes of n pictures.

    probabilities: float32 (n, 10); digit_probabilities: float32 (n,); is_digit: bool (n,).
    """

    probabilities: np.ndarray
    digit_probabilities: np.ndarray
    is_digit: np.ndarray


class Classifier:
    """One loaded model. `version` is what the answers name."""

    def __init__(self, artefact: Artefact, folder: Path) -> None:
        """Load and check the model. Raises ArtefactError if it does not compute what its trainer computed."""
        self.version = artefact.version
        self.origin = artefact.origin
        self.artefact = artefact
        self._model = Network(folder / "model.xml")
        self._layers = Network(folder / "layers.xml") if (folder / "layers.xml").exists() else None
        self._divisor = np.float32(artefact.contract.divisor)
        self._digit_test = artefact.digit_test
        if artefact.digit_test is not None:
            self._weights = np.array(artefact.digit_test.weights, dtype=np.float32)
            self._check_weights(artefact.version)
        if artefact.probe is not None:
            self._check_probe(artefact.probe, artefact.version)
        else:
            self._check_softmax(artefact.version)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """Return probabilities float32 (n, 10) for pixels (n, 28, 28) of any type, 0 to 255, ink bright."""
        return self._model(self._scaled(pixels))["probabilities"]

    def read(self, pixels: np.ndarray) -> Readings:
        """Return what `predict` does and whether each of the pictures is a digit at all."""
        outputs = self._model(self._scaled(pixels))
        probabilities, test = outputs["probabilities"], self._digit_test
        if test is None:
            confidences = probabilities.max(axis=1)
            return Readings(probabilities, confidences, confidences >= MIN_CONFIDENCE)
        log_odds = outputs["embedding"] @ self._weights + np.float32(test.bias)
        digit_probabilities = 1 / (1 + np.exp(-log_odds))
        return Readings(probabilities, digit_probabilities, digit_probabilities >= test.min_probability)

    def layers(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Return what each convolution makes of one picture, uint8 (28, 28): float32 (height, width, maps) by name."""
        if self._layers is None:
            return {}
        return {name: maps[0] for name, maps in self._layers(self._scaled(pixels[np.newaxis])).items()}

    def _scaled(self, pixels: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = (pixels.astype(np.float32) / self._divisor).reshape(-1, *INPUT_SHAPE)
        return scaled

    def _check_weights(self, version: str) -> None:
        embedding = self._model(np.zeros((1, *INPUT_SHAPE), dtype=np.float32)).get("embedding")
        size = 0 if embedding is None else embedding.shape[1]
        if len(self._weights) != size:
            raise ArtefactError(
                f"model {version}: is_digit.json has {len(self._weights)} weights, but {size} values reach the last "
                "layer; publish the model again"
            )

    def _check_probe(self, probe: Probe, version: str) -> None:
        pixels = np.array(probe.inputs, dtype=np.uint8).reshape(-1, 28, 28)
        readings = self.read(pixels)
        answers = [("outputs", np.array(probe.outputs), readings.probabilities)]
        if probe.is_digit is not None:
            if self._digit_test is None:
                raise ArtefactError(f"model {version}: its probe has is_digit, but its files have no is_digit.json")
            answers.append(("is_digit", np.array(probe.is_digit), readings.digit_probabilities))
        for name, wanted, got in answers:
            if len(wanted) != len(pixels):
                raise ArtefactError(f"model {version}: its probe has {len(pixels)} inputs but {len(wanted)} {name}")
            difference = float(np.abs(got - wanted).max())
            if not difference <= probe.tolerance:  # also true for NaN
                raise ArtefactError(
                    f"model {version}: its answers to the probe differ by {difference:.2g} from those of its trainer "
                    f"({name}), expected at most {probe.tolerance:g}; it is not the network that was trained"
                )

    def _check_softmax(self, version: str) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)
        answers = self.predict(pixels)
        in_range = np.isfinite(answers).all() and answers.min() >= 0
        if not in_range or np.abs(answers.sum(axis=1) - 1).max() > SUM_TOLERANCE:
            raise ArtefactError(f"model {version}: its outputs are no probabilities; end the network with softmax")
