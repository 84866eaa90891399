"""A short-lived program: read model.json and model.h5 with Keras and write them as OpenVINO models.

    python -m digit_ui.pair_reader model.json model.h5 folder

model.xml answers: ten probabilities and, where the network ends in a plain layer, what reaches that. layers.xml
explains: what each convolution makes of the picture; a network without any has none.

It runs in a process of its own, so that neither Keras' memory nor a broken or hostile file reaches the server.
Exit status 0: they are written; 1: the last line on standard error says what is wrong with the pair.
"""

import contextlib
import gc
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from digit_ui.keras2 import from_keras2
from digit_ui.layout import carry_turns_forward

INPUT_SHAPE = (28, 28, 1)
OUTPUTS = 10
MAX_PARAMETERS = 50_000_000
MAX_MAPS = 256
MEMORY_BYTES = 2 * 2**30  # that may be written to; the shipped model takes 0.3, a layer of a JSON file any number
FILE_BYTES = 2**30
# Layers that carry code of their own, or that look their code up by name when they are made.
EXECUTABLE = ("Lambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer")
OPENVINO_KERAS = {"KERAS_BACKEND": "openvino"}


class PairError(Exception):
    """The pair is no model that can be served."""


def read_config(text: str) -> dict[str, Any]:
    """Parse model.json to the form of Keras 3. Raises PairError if it is no model, or one that holds code."""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PairError(f"model.json is not JSON ({error}); write it with model.to_json()") from error
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict | list) or "class_name" not in config:
        raise PairError("model.json is JSON but describes no Keras model; write it with model.to_json()")
    _refuse_code(config)
    try:
        return from_keras2(config)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = f"{type(error).__name__}: {_reason(error)}"
        raise PairError(f"model.json describes no network of Keras 2 or 3 ({reason})") from error


def convert(model_json: Path, model_h5: Path, folder: Path) -> None:
    """Read the pair and write it for OpenVINO into `folder`, with a free batch dimension. Raises PairError."""
    config = read_config(model_json.read_text(encoding="utf-8"))
    os.environ.update(OPENVINO_KERAS)
    gc.disable()  # to look for garbage in what stays, now and at the end, takes a third of the time
    import h5py
    import keras
    import openvino

    gc.freeze()
    gc.enable()
    if not h5py.is_hdf5(model_h5):
        raise PairError("model.h5 is no HDF5 file, or is cut off; copy it again")
    try:
        model = keras.models.model_from_json(json.dumps(config))
    except Exception as error:
        raise PairError(f"model.json cannot be built by Keras {keras.__version__}: {_reason(error)}") from error
    _check_shapes(model)
    try:
        model.load_weights(model_h5)
    except Exception as error:
        raise PairError(f"model.h5 does not fit model.json: {_reason(error)}") from error
    openvino.serialize(_trace(model, {"probabilities": model.outputs[0], **_embedding(model)}), folder / "model.xml")
    with contextlib.suppress(Exception):  # a model that cannot be explained in full still answers
        maps = {layer.name: layer.output for layer in model.layers if _is_shown(layer)}
        if maps:
            openvino.serialize(_trace(model, maps), folder / "layers.xml")


def _embedding(model: Any) -> dict[str, Any]:  # noqa: ANN401 # Keras comes without types
    """Name what reaches the last layer, if that is a list of numbers and the layer gives the answer."""
    try:
        last = model.layers[-1]
        given, plain = last.input, last.output is model.outputs[0]
    except (AttributeError, ValueError):  # a layer that is used twice has no one input
        return {}
    return {"embedding": given} if plain and len(getattr(given, "shape", ())) == 2 else {}


def _is_shown(layer: Any) -> bool:  # noqa: ANN401 # as above
    """Tell a convolution whose maps can be shown: rows, columns, then maps, and not too many of them."""
    import keras

    is_plain = isinstance(layer, keras.layers.Conv2D) and layer.data_format == "channels_last"
    return is_plain and layer.filters <= MAX_MAPS


def _trace(model: Any, outputs: dict[str, Any]) -> Any:  # noqa: ANN401 # Keras and OpenVINO come without types
    """Record the forward pass to the named outputs for any batch size.

    Not model.export(): it records a batch of one, which Flatten writes into the graph as a constant, and a larger
    batch then fails or, worse, comes back wrong.
    """
    import keras
    import openvino
    from keras.src.backend.openvino.core import OpenVINOKerasTensor
    from openvino import opset16

    pictures = opset16.parameter(openvino.PartialShape([-1, *INPUT_SHAPE]), openvino.Type.f32, name="pictures")
    traced = keras.Model(model.inputs, outputs)(OpenVINOKerasTensor(pictures.output(0)), training=False)
    recorded = openvino.Model([opset16.result(tensor.output) for tensor in traced.values()], [pictures])
    carry_turns_forward(recorded)
    for name, result in zip(traced, recorded.get_results(), strict=True):
        result.output(0).tensor.set_names({name})
    return recorded


def _refuse_code(node: object) -> None:
    if isinstance(node, dict):
        name = node.get("class_name")
        if name in EXECUTABLE or name == "function" or "__lambda__" in (name, node.get("type")):
            raise PairError(f"model.json holds a {name} layer, which could execute code; a model file is data only")
        if str(node.get("module") or "keras").split(".")[0] not in ("keras", "builtins"):
            raise PairError(f"model.json takes {name} from {node['module']!r}; only Keras' own layers are read")
        for value in node.values():
            _refuse_code(value)
    elif isinstance(node, list):
        for value in node:
            _refuse_code(value)


def _check_shapes(model: Any) -> None:  # noqa: ANN401 # as above
    got_input, got_output = model.input_shape, model.output_shape
    if got_input != (None, *INPUT_SHAPE):
        raise PairError(f"the model takes {got_input}, expected (None, 28, 28, 1)")
    if got_output != (None, OUTPUTS):
        raise PairError(f"the model gives {got_output}, expected (None, 10): one probability for each digit")
    if model.count_params() > MAX_PARAMETERS:
        raise PairError(f"the model has {model.count_params()} parameters, expected at most {MAX_PARAMETERS}")


def _reason(error: Exception) -> str:
    """Give the line of a many-lined message that says why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    cause = [line for line in lines if line.startswith("Exception encountered:")]
    return (cause or lines)[0].removeprefix("Exception encountered:").strip()[:300]


def main() -> int:
    """Run the program on its three arguments."""
    model_json, model_h5, folder = map(Path, sys.argv[1:])
    try:
        _limit()
        convert(model_json, model_h5, folder)
    except PairError as error:
        print(_reason(error), file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 # a file can make any library stumble; the server must hear of it
        print(f"the pair cannot be read ({type(error).__name__}: {_reason(error)})", file=sys.stderr)
        return 1
    return 0


def _limit() -> None:
    """Bound what a hostile file can make this process take; never above the machine's own limit."""
    for kind, wanted in ((resource.RLIMIT_DATA, MEMORY_BYTES), (resource.RLIMIT_FSIZE, FILE_BYTES)):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
