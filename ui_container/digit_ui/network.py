"""A network as OpenVINO computes it on the CPU, safe to call from several threads."""

from functools import cached_property
from pathlib import Path

import numpy as np
import openvino

from digit_ui.artefacts import ArtefactError
from digit_ui.capacity import usable_cores

INPUT_SHAPE = (28, 28, 1)
COMPILE_OPTIONS = {
    "PERFORMANCE_HINT": "LATENCY",
    # Left to itself OpenVINO takes bfloat16 or float16 where the processor has it, and the probe then tells another
    # network from the one that was trained.
    "INFERENCE_PRECISION_HINT": "f32",
    # Else each worker process would bind its threads to the first cores, and leave the others idle.
    "ENABLE_CPU_PINNING": False,
}


class Network:
    """An OpenVINO model with named outputs. Raises ArtefactError if it cannot be loaded.

    One picture is computed by the thread that asks, on one core, so that several threads can ask at once. Many
    pictures, which are rare and take long, get all cores.
    """

    def __init__(self, xml: Path) -> None:
        self._xml = xml
        try:
            self._model = openvino.Core().read_model(xml)
            single = self._model.clone()
            single.reshape([1, *INPUT_SHAPE])  # a free size would be looked at anew in each call
        except RuntimeError as error:
            raise self._unusable(error) from error
        self._names = [output.any_name for output in self._model.outputs]
        self.for_one = self._compile(single, threads=1)
        self._idle: dict[str, list[openvino.InferRequest]] = {"for_one": [], "for_many": []}

    @cached_property
    def for_many(self) -> openvino.CompiledModel:
        """The form for any number of pictures, made when it is first wanted."""
        return self._compile(self._model, usable_cores())

    def __call__(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the outputs, by name, for float32 (n, 28, 28, 1)."""
        form = "for_one" if len(x) == 1 else "for_many"
        idle = self._idle[form]
        # A request holds its buffers, so that only one thread at a time may have it.
        try:
            request = idle.pop()
        except IndexError:
            request = getattr(self, form).create_infer_request()
        request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
        request.infer()
        outputs = {name: request.get_output_tensor(place).data.copy() for place, name in enumerate(self._names)}
        idle.append(request)
        return outputs

    def _compile(self, model: openvino.Model, threads: int) -> openvino.CompiledModel:
        try:
            return openvino.Core().compile_model(model, "CPU", {**COMPILE_OPTIONS, "INFERENCE_NUM_THREADS": threads})
        except RuntimeError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: RuntimeError) -> ArtefactError:
        return ArtefactError(f"{self._xml}: OpenVINO cannot load it ({str(error).splitlines()[0]})")
