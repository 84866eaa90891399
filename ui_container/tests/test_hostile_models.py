"""A model file is data: nothing in it runs, leads elsewhere or takes the server's memory, and what serves goes on."""

import base64
import json
import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DIGIT_STROKES, install_pair, publish
from digit_ui.artefacts import ArtefactError, Candidate
from digit_ui.conversion import converted
from digit_ui.pair_reader import PairError, read_config

BODY = {"strokes": DIGIT_STROKES[7]}


@pytest.fixture
def pair(tmp_path) -> Path:
    """A folder with a sound pair, to be spoiled."""
    install_pair(tmp_path / "pair")
    return tmp_path / "pair"


def refuse(folder: Path, tmp_path: Path) -> str:
    """Have a pair refused; return the reason."""
    with pytest.raises(ArtefactError) as refused:
        converted(Candidate("user's own pair", folder, has_manifest=False).read(), tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").glob("*") if path.name != ".lock"]
    return str(refused.value)


def marshalled(marker: Path) -> str:
    code = compile(f"open({str(marker)!r}, 'w')", "hostile", "exec")
    return base64.b64encode(marshal.dumps(code)).decode()


def hostile_layers(marker: Path) -> dict[str, dict]:
    function = {"class_name": "__lambda__", "config": {"code": marshalled(marker), "defaults": None, "closure": None}}
    system = f"touch {marker}"
    return {
        "Lambda": {"module": "keras.layers", "class_name": "Lambda", "config": {"function": function}},
        "Lambda of Keras 2": {"class_name": "Lambda", "config": {"function": [marshalled(marker), None, None]}},
        "a lambda as activation": {"class_name": "Dense", "config": {"units": 10, "activation": function}},
        "a function by name": {
            "class_name": "Dense",
            "config": {"activation": {"module": "os", "class_name": "function", "config": "system"}},
        },
        "a class of another package": {"module": "subprocess", "class_name": "Popen", "config": {"args": system}},
        "a registered class": {"module": "mine", "class_name": "Layer", "registered_name": "mine>Layer", "config": {}},
        "a module whose name begins alike": {"module": "keras_evil.layers", "class_name": "Dense", "config": {}},
        "a saved program": {"class_name": "TFSMLayer", "config": {"filepath": "/tmp"}},  # noqa: S108 # never read
        "deep within": {
            "class_name": "Bidirectional",
            "config": {"layer": {"class_name": "TimeDistributed", "config": {"layer": {"class_name": "Lambda"}}}},
        },
    }


@pytest.mark.parametrize("name", hostile_layers(Path()))
def test_a_layer_that_could_run_something_is_refused_before_keras_is_asked(tmp_path, name):
    layer = hostile_layers(tmp_path / "marker")[name]
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [layer]}}
    with pytest.raises(PairError, match="could execute code|only Keras' own layers"):
        read_config(json.dumps(config))


def test_a_lambda_does_not_run_in_the_reader_either(pair, tmp_path):
    config = json.loads((pair / "model.json").read_text())
    config["config"]["layers"].append(hostile_layers(tmp_path / "marker")["Lambda of Keras 2"])
    (pair / "model.json").write_text(json.dumps(config))
    assert "could execute code" in refuse(pair, tmp_path)
    assert not (tmp_path / "marker").exists()


SPOIL = """
import sys, h5py, numpy
path, secret, how = sys.argv[1:]
with h5py.File(path, "r+") as file:
    kernels = []
    file.visititems(lambda name, item: kernels.append(name) if "kernel" in name and item.ndim == 4 else None)
    name, shape = kernels[0], file[kernels[0]].shape
    del file[name]
    size = int(numpy.prod(shape)) * 4
    open(secret, "wb").write(b"1" * size)
    match how:
        case "external storage": file.create_dataset(name, shape, "float32", external=[(secret, 0, size)])
        case "soft link": file[name] = h5py.SoftLink("/")
        case "loop": file[name] = file["/"]
        case "object references": file.create_dataset(name, shape, dtype=h5py.ref_dtype)
        case "terabytes": file.create_dataset(name, (10**6, 10**6), "float32", chunks=(1000, 1000), compression="gzip")
        case "gigabytes": file.create_dataset(name, (10**4, 10**5), "float32", chunks=(1000, 1000), compression="gzip")
"""


@pytest.mark.parametrize(
    "how", ["external storage", "soft link", "loop", "object references", "terabytes", "gigabytes"]
)
def test_weights_that_are_elsewhere_or_endless_are_refused(pair, tmp_path, how):
    arguments = [pair / "model.h5", tmp_path / "secret", how]
    subprocess.run([sys.executable, "-c", SPOIL, *map(str, arguments)], check=True)
    assert "model.h5 does not fit model.json" in refuse(pair, tmp_path)


@pytest.mark.parametrize("units", [10**12, 3_000_000])
def test_a_layer_of_any_width_takes_no_more_memory_than_is_allowed(pair, tmp_path, units):
    config = json.loads((pair / "model.json").read_text())
    next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense")["config"]["units"] = units
    (pair / "model.json").write_text(json.dumps(config))
    assert "Unable to allocate" in refuse(pair, tmp_path)


def test_json_that_is_nested_without_end_is_refused(pair, tmp_path):
    (pair / "model.json").write_text('{"class_name": "Sequential", "config": ' + "[" * 200_000)
    assert "model.json is not JSON" in refuse(pair, tmp_path)


def sparse(path: Path, size: int) -> None:
    path.unlink()
    with path.open("wb") as file:
        file.truncate(size)


def link(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("name", "spoil", "reason"),
    [
        ("model.h5", lambda path: sparse(path, 2**40), "expected at most"),
        ("model.json", lambda path: sparse(path, 2**30), "expected at most"),
        ("model.h5", lambda path: link(path, "/dev/zero"), "is no file"),
        ("model.json", lambda path: link(path, "/dev/zero"), "is no file"),
        ("model.h5", pipe, "is no file"),
        ("model.h5", lambda path: link(path, "/etc/passwd"), "no HDF5 file"),
        ("model.json", lambda path: link(path, "/etc/passwd"), "not JSON"),
    ],
)
def test_what_is_no_model_file_is_not_read_and_the_model_in_service_goes_on(
    client, app, shared_dir, name, spoil, reason
):
    install_pair(shared_dir)
    spoil(shared_dir / name)
    app.extensions["model"].refresh()
    ready = client.get("/readyz").get_json()
    assert ready["model_origin"] == "shipped model"
    assert client.post("/predict", json=BODY).get_json()["digit"] == 7
    refused = " ".join(ready["refused"])
    assert reason in refused and "root:" not in refused


@pytest.mark.parametrize("lie", ["size", "endless", "pipe", "nested"])
def test_a_manifest_that_lies_is_refused_and_the_model_in_service_goes_on(client, app, shared_dir, lie):
    publish(shared_dir, "v1")
    path = shared_dir / "manifest.json"
    manifest = json.loads(path.read_text())
    if lie == "size":
        manifest["files"]["model.h5"]["size_bytes"] = 10**30
        path.write_text(json.dumps(manifest))
    elif lie == "endless":
        sparse(path, 2**34)
    elif lie == "pipe":
        pipe(path)
    else:
        path.write_text('{"version": ' + "[" * 1_000_000)
    app.extensions["model"].refresh()
    assert client.get("/readyz").get_json()["refused"]
    assert client.post("/predict", json=BODY).get_json()["digit"] == 7
