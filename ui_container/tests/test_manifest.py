"""The server's reading of a manifest agrees with the schema that the trainer is tested against."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
from digit_ui.manifest import Manifest
from pydantic import ValidationError

SHARED = Path(__file__).resolve().parents[2] / "shared"
SCHEMA = json.loads((SHARED / "manifest.schema.json").read_text())
SHIPPED = json.loads((SHARED / "pretrained" / "manifest.json").read_text())


def set_at(path: str, value: object) -> dict:
    manifest = copy.deepcopy(SHIPPED)
    *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    node = manifest
    for key in parents:
        node = node[key]
    node[last] = value
    return manifest


def test_the_shipped_manifest_is_read():
    jsonschema.validate(SHIPPED, SCHEMA)
    assert Manifest.model_validate(SHIPPED).version == SHIPPED["version"]


@pytest.mark.parametrize("key", ["schema_version", "version", "created_at", "input", "labels", "files", "probe"])
def test_both_want_what_the_server_needs(key):
    manifest = {name: value for name, value in SHIPPED.items() if name != key}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest, SCHEMA)
    with pytest.raises(ValidationError):
        Manifest.model_validate(manifest)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema_version", 2),
        ("version", "../up"),
        ("version", ""),
        ("input/shape", [32, 32, 1]),
        ("input/divisor", 0),
        ("input/ink", "dark"),
        ("files/model.h5", {}),
        ("files/model.json", {"sha256": "x", "size_bytes": 1}),
        ("files/is_digit.json", {}),
        ("probe/is_digit", [2]),
        ("probe/inputs", []),
        ("probe/inputs/0", [0] * 783),
        ("probe/inputs/0/5", 256),
        ("probe/outputs/0", [0.1] * 9),
        ("probe/tolerance", 1),
    ],
)
def test_both_refuse_the_same(path, value):
    manifest = set_at(path, value)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest, SCHEMA)
    with pytest.raises(ValidationError):
        Manifest.model_validate(manifest)
