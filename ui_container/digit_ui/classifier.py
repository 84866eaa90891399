"""The network in service: OpenVINO on the CPU, safe to call from several threads."""

import threading
from pathlib import Path

import numpy as np
import openvino

from digit_ui.artefacts import Artefact, ArtefactError
from digit_ui.manifest import Probe

# A user's own pair has no probe; a softmax over any picture must still be one.
SUM_TOLERANCE = 1e-3
COMPILE_OPTIONS = {
    "PERFORMANCE_HINT": "LATENCY",
    # Left to itself OpenVINO takes bfloat16 or float16 where the processor has it, and the probe then tells another
    # network from the one that was trained.
    "INFERENCE_PRECISION_HINT": "f32",
}


class Classifier:
    """One loaded model. `version` is what the answers name."""

    def __init__(self, artefact: Artefact, xml: Path) -> None:
        """Load and check the model. Raises ArtefactError if it does not compute what its trainer computed."""
        try:
            model = openvino.Core().compile_model(xml, "CPU", COMPILE_OPTIONS)
        except RuntimeError as error:
            raise ArtefactError(f"{xml}: OpenVINO cannot load it ({str(error).splitlines()[0]})") from error
        self.version = artefact.version
        self.origin = artefact.origin
        self.digest = artefact.digest
        self._model = model
        self._divisor = np.float32(artefact.contract.divisor)
        self._local = threading.local()
        if artefact.probe is not None:
            self._check_probe(artefact.probe, artefact.version)
        else:
            self._check_softmax(artefact.version)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """Return probabilities float32 (n, 10) for uint8 pixels (n, 28, 28), ink bright."""
        request = getattr(self._local, "request", None)
        if request is None:  # a request holds its own buffers, so each thread has one
            request = self._local.request = self._model.create_infer_request()
        x = (pixels.astype(np.float32) / self._divisor).reshape(-1, 28, 28, 1)
        probabilities: np.ndarray = request.infer([x], share_inputs=True)[0].copy()
        return probabilities

    def _check_probe(self, probe: Probe, version: str) -> None:
        pixels = np.array(probe.inputs, dtype=np.uint8).reshape(-1, 28, 28)
        wanted = np.array(probe.outputs)
        if len(wanted) != len(pixels):
            raise ArtefactError(f"model {version}: its probe has {len(pixels)} inputs but {len(wanted)} outputs")
        difference = float(np.abs(self.predict(pixels) - wanted).max())
        if not difference <= probe.tolerance:  # also true for NaN
            raise ArtefactError(
                f"model {version}: its answers to the probe differ by {difference:.2g} from those of its trainer, "
                f"expected at most {probe.tolerance:g}; it is not the network that was trained"
            )

    def _check_softmax(self, version: str) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)
        answers = self.predict(pixels)
        in_range = np.isfinite(answers).all() and answers.min() >= 0
        if not in_range or np.abs(answers.sum(axis=1) - 1).max() > SUM_TOLERANCE:
            raise ArtefactError(f"model {version}: its outputs are no probabilities; end the network with softmax")
