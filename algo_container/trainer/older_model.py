"""Give the model of an earlier trainer, which wrote none, its model.onnx: python -m trainer.older_model FOLDER.

For a folder that holds one model, such as shared/pretrained; a published version is never changed.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from trainer.digest import sha256
from trainer.disk import replace
from trainer.errors import PublishError
from trainer.json_text import to_json_text
from trainer.network import build_cnn
from trainer.onnx_export import write_onnx
from trainer.publishing import ONNX_NAME, onnx_difference
from trainer.versions import read_manifest


def add_onnx(folder: Path) -> None:
    """Write model.onnx beside model.h5 and into the manifest.

    Raises PublishError if there is no model with a manifest, or the file answers its probe otherwise than the model.
    """
    manifest = read_manifest(folder)
    if manifest is None or (folder / "versions").exists():
        raise PublishError(
            f"{folder}: expected a folder with one model and its manifest.json, such as shared/pretrained"
        )
    network = build_cnn()
    network.load_weights(folder / "model.h5")
    test = json.loads((folder / "is_digit.json").read_text(encoding="utf-8"))
    is_digit = keras.layers.Dense(1)
    is_digit.build((None, len(test["weights"])))
    is_digit.set_weights([np.array(test["weights"], np.float32)[:, np.newaxis], np.array([test["bias"]], np.float32)])
    write_onnx(network, is_digit, test["min_probability"], folder / ONNX_NAME)
    difference = onnx_difference(folder / ONNX_NAME, manifest["probe"])
    if not difference <= manifest["probe"]["tolerance"]:
        (folder / ONNX_NAME).unlink()
        raise PublishError(f"{folder / ONNX_NAME}: its answers to the probe differ by {difference:.2g}")
    facts = {"sha256": sha256(folder / ONNX_NAME), "size_bytes": (folder / ONNX_NAME).stat().st_size}
    manifest["files"][ONNX_NAME] = facts
    replace(folder / "manifest.json", to_json_text(manifest).encode())


if __name__ == "__main__":
    add_onnx(Path(sys.argv[1]))
