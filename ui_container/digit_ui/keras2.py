"""Rewrite the JSON of a Keras 2 model into the form that Keras 3 reads."""

import copy
from typing import Any


def from_keras2(config: dict[str, Any]) -> dict[str, Any]:
    """Return `config` as Keras 3 writes it; a Keras 3 configuration comes back as it is.

    Keras 2 names no module for the model itself, calls an input's shape `batch_input_shape` and may keep it inside
    the first layer, gives BatchNormalization a list of axes, and its older versions give a Sequential's layers as a
    bare list.
    """
    if "module" in config:
        return config
    config = copy.deepcopy(config)
    body = config["config"]
    if isinstance(body, list):
        body = {"name": "sequential", "layers": body}
    layers = [_layer(layer) for layer in body.get("layers", [])]
    if config["class_name"] == "Sequential" and layers and layers[0]["class_name"] != "InputLayer":
        shape = layers[0]["config"].get("batch_input_shape")
        if shape is not None:
            layers.insert(0, _layer({"class_name": "InputLayer", "config": {"batch_input_shape": shape}}))
    for layer in layers:
        shape = layer["config"].pop("batch_input_shape", None)
        if layer["class_name"] == "InputLayer" and shape is not None:
            layer["config"] = {"batch_shape": shape, "name": layer["config"].get("name", "input")}
        axis = layer["config"].get("axis")
        if isinstance(axis, list) and len(axis) == 1:  # BatchNormalization's
            layer["config"]["axis"] = axis[0]
    return {
        **config,
        "module": "keras.models" if config["class_name"] == "Sequential" else "keras.src.models.functional",
        "registered_name": config["class_name"],
        "config": {**body, "layers": layers},
    }


def _layer(layer: dict[str, Any]) -> dict[str, Any]:
    return {"module": "keras.layers", "registered_name": None, **layer, "config": dict(layer["config"])}
