"""Write the network as ONNX, which browsers and many other runtimes read, and tell what that file answers.

From the weights, layer by layer, with the format's own library: of the general converters Keras' needs tf2onnx, which
is made for older versions of TensorFlow and NumPy. Nothing is folded or rounded, so that the file is the same network.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from trainer.dataset import SIDE, normalise
from trainer.errors import PublishError

# Of 2021: no runtime of today is too old for them.
OPSET = 15
IR_VERSION = 8
INPUT = "pictures"
PROBABILITIES, DIGIT_PROBABILITY, IS_DIGIT = "probabilities", "digit_probability", "is_digit"


def write_onnx(model: keras.Sequential, is_digit: keras.layers.Dense, min_digit_probability: float, path: Path) -> None:
    """Write a network of float32 (n, 28, 28, 1) in 0..1, ink bright, with three outputs.

    probabilities: float32 (n, 10); digit_probability: float32 (n,), that it is a digit at all, from the layer
    `is_digit`, which takes what reaches the model's last layer; is_digit: bool (n,). Raises PublishError for a layer
    that it does not know.
    """
    graph = _Graph()
    value = graph.add("Reshape", INPUT, graph.constant(np.array([-1, 1, SIDE, SIDE])))  # of one channel: no turn
    for layer in model.layers:
        embedding = value  # what reaches the last layer, in the end
        value = graph.add_layer(layer, value)
    log_odds = graph.add_layer(is_digit, embedding)
    flat = graph.add("Reshape", graph.add("Sigmoid", log_odds), graph.constant(np.array([-1])))
    least = graph.constant(np.array(min_digit_probability, dtype=np.float32))
    for name, result in (
        (PROBABILITIES, value),
        (DIGIT_PROBABILITY, flat),
        (IS_DIGIT, graph.add("GreaterOrEqual", flat, least)),
    ):
        graph.nodes.append(helper.make_node("Identity", [result], [name]))
    path.write_bytes(_proto(graph).SerializeToString())


def read_with_onnx(path: Path, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell what a file makes of pictures uint8 (n, 28, 28): the probabilities (n, 10), and those of being a digit (n,).

    It is computed by the format's own reference, slowly, and by the letter.
    """
    session = ReferenceEvaluator(onnx.load(path))
    probabilities, digit_probabilities = session.run([PROBABILITIES, DIGIT_PROBABILITY], {INPUT: normalise(pixels)})
    return np.asarray(probabilities), np.asarray(digit_probabilities)


class _Graph:
    """A list of nodes, each a function of earlier values, and the constants among them."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: np.ndarray) -> str:
        """Add a constant; return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 # numbers or lists of them, as the node wants
        """Add a node of this kind; return the name of what it gives."""
        name = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def add_layer(self, layer: keras.layers.Layer, value: str) -> str:
        """Add the nodes of a Keras layer, which has its channels last, for values that have them first."""
        add = LAYERS.get(type(layer).__name__)
        if add is None:
            raise PublishError(
                f"layer {layer.name} is a {type(layer).__name__}, which onnx_export.py cannot write; nothing is "
                "published: teach it this layer"
            )
        return add(self, layer, value)


def _add_convolution(graph: _Graph, layer: keras.layers.Layer, value: str) -> str:
    kernel, bias = (keras.ops.convert_to_numpy(weights) for weights in (layer.kernel, layer.bias))
    turned = graph.constant(kernel.transpose(3, 2, 0, 1))
    return _activated(graph, layer, graph.add("Conv", value, turned, graph.constant(bias)))


def _add_normalisation(graph: _Graph, layer: keras.layers.Layer, value: str) -> str:
    weights = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    constants = [graph.constant(keras.ops.convert_to_numpy(weight)) for weight in weights]
    return graph.add("BatchNormalization", value, *constants, epsilon=layer.epsilon)


def _add_pooling(graph: _Graph, layer: keras.layers.Layer, value: str) -> str:
    return graph.add("MaxPool", value, kernel_shape=list(layer.pool_size), strides=list(layer.strides))


def _add_flattening(graph: _Graph, _layer: keras.layers.Layer, value: str) -> str:
    return graph.add("Flatten", graph.add("Transpose", value, perm=[0, 2, 3, 1]))


def _add_dense(graph: _Graph, layer: keras.layers.Layer, value: str) -> str:
    constants = [graph.constant(keras.ops.convert_to_numpy(weights)) for weights in (layer.kernel, layer.bias)]
    return _activated(graph, layer, graph.add("Gemm", value, *constants))


def _add_nothing(_graph: _Graph, _layer: keras.layers.Layer, value: str) -> str:
    return value


LAYERS: dict[str, Callable[[_Graph, keras.layers.Layer, str], str]] = {
    "Conv2D": _add_convolution,
    "Dropout": _add_nothing,
    "BatchNormalization": _add_normalisation,
    "MaxPooling2D": _add_pooling,
    "Flatten": _add_flattening,
    "Dense": _add_dense,
}
ACTIVATIONS = {"relu": "Relu", "softmax": "Softmax"}


def _activated(graph: _Graph, layer: keras.layers.Layer, value: str) -> str:
    name = layer.activation.__name__
    return value if name == "linear" else graph.add(ACTIVATIONS[name], value)


def _proto(graph: _Graph) -> onnx.ModelProto:
    def described(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, list(shape))

    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "cnn_mnist",
            [described(INPUT, TensorProto.FLOAT, "n", SIDE, SIDE, 1)],
            [
                described(PROBABILITIES, TensorProto.FLOAT, "n", 10),
                described(DIGIT_PROBABILITY, TensorProto.FLOAT, "n"),
                described(IS_DIGIT, TensorProto.BOOL, "n"),
            ],
            graph.constants,
        ),
        producer_name="projet_digit",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(proto)
    return proto
