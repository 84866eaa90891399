"""Let OpenVINO compute a convolution and what follows it in one go: half as many pictures more a second.

Keras puts the channels last, OpenVINO puts them first. Traced, every layer is led from one order to the other and back,
and what lies between two of those turns cannot join the convolution. Here each turn is carried past the layers that
treat every value alike, until it meets the one that undoes it.
"""

from typing import Any

import numpy as np

OF_EACH_VALUE = {"Clamp", "Convert", "Elu", "Relu", "Sigmoid", "Tanh"}
OF_TWO_VALUES = {"Add", "Multiply", "Subtract"}
CHANNEL_AXIS = 1  # where BatchNormInference has it, always


def carry_turns_forward(model: Any) -> None:  # noqa: ANN401 # OpenVINO comes without types
    """Move each Transpose of `model` towards the outputs, as far as it makes no difference to them."""
    for node in model.get_ordered_ops():
        for place, argument in enumerate(node.input_values()):
            axes = _axes(argument)
            if axes is None:
                continue
            unturned = argument.get_node().input_value(0)
            if node.get_type_name() == "Transpose":
                own = _axes(node.output(0))
                if own is not None:
                    _replace(node.output(0), unturned, [axes[axis] for axis in own])
            elif _is_carried(node, place, axes):
                _turn_other(node, place, axes)
                node.set_argument(place, unturned)
                _replace(node.output(0), node.output(0), axes)
            break
    model.validate_nodes_and_infer_types()


def _axes(output: Any) -> list[int] | None:  # noqa: ANN401 # as above
    """Give the order of axes by which a value is turned, if that is all that is done to it."""
    node = output.get_node()
    if node.get_type_name() != "Transpose" or node.input_value(1).get_node().get_type_name() != "Constant":
        return None
    return [int(axis) for axis in node.input_value(1).get_node().get_data()]


def _is_carried(node: Any, place: int, axes: list[int]) -> bool:  # noqa: ANN401 # as above
    kind = node.get_type_name()
    if kind == "BatchNormInference":
        return place == 0 and axes[CHANNEL_AXIS] == CHANNEL_AXIS
    if kind in OF_TWO_VALUES:
        # Of a fixed shape is only what does not depend on the picture, which is turned once and for all.
        other = node.input_value(1 - place).get_partial_shape()
        return bool(other.is_static and len(other) == len(axes))
    return kind in OF_EACH_VALUE


def _turn_other(node: Any, place: int, axes: list[int]) -> None:  # noqa: ANN401 # as above
    if node.get_type_name() in OF_TWO_VALUES:
        node.set_argument(1 - place, _turned(node.input_value(1 - place), np.argsort(axes).tolist()))


def _replace(old: Any, value: Any, axes: list[int]) -> None:  # noqa: ANN401 # as above
    """Give those who took `old` the turned `value`, or `value` itself where the turn is none."""
    takers = old.get_target_inputs()
    new = value if axes == sorted(axes) else _turned(value, axes)
    for taker in takers:
        taker.replace_source_output(new)


def _turned(value: Any, axes: list[int]) -> Any:  # noqa: ANN401 # as above
    from openvino import opset16

    return opset16.transpose(value, np.array(axes, dtype=np.int64)).output(0)
