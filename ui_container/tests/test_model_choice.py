"""The best model that is whole and honest serves; whatever is wrong with another one is said."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import openvino
import pytest
from conftest import DIGIT_STROKES, PAIRS, PRETRAINED, install_pair, publish, write_manifest
from digit_ui import conversion
from digit_ui.artefacts import ArtefactError, Candidate
from digit_ui.classifier import Classifier
from digit_ui.conversion import converted
from digit_ui.pair_reader import PairError, read_config
from digit_ui.problems import Problem
from digit_ui.serving import ModelInService
from digit_ui.settings import Settings


@pytest.fixture
def model(app):
    return app.extensions["model"]


def load(folder, cache_dir) -> Classifier:
    artefact = Candidate("user's own pair", folder, has_manifest=False).read()
    return Classifier(artefact, converted(artefact, cache_dir))


def edit_config(folder, change) -> None:
    config = json.loads((folder / "model.json").read_text())
    change(config)
    (folder / "model.json").write_text(json.dumps(config))


@pytest.mark.parametrize("pair", ["keras-2.2.4", "keras-2.15"])
@pytest.mark.parametrize("weights", ["model.h5", "saved.h5"])
def test_a_pair_of_keras_2_computes_what_keras_2_computed(tmp_path, cache_dir, pair, weights):
    expected = install_pair(tmp_path / "pair", pair, weights)
    pixels = np.array(expected["inputs"], dtype=np.uint8).reshape(-1, 28, 28)
    classifier = load(tmp_path / "pair", cache_dir)
    assert classifier.predict(pixels) == pytest.approx(np.array(expected["outputs"]), abs=1e-5)


def test_a_batch_gets_the_same_answers_as_its_pictures_one_by_one(tmp_path, cache_dir):
    install_pair(tmp_path / "pair")
    classifier = load(tmp_path / "pair", cache_dir)
    pixels = np.random.default_rng(1).integers(0, 256, (64, 28, 28), dtype=np.uint8)
    one_by_one = np.concatenate([classifier.predict(picture[np.newaxis]) for picture in pixels])
    assert classifier.predict(pixels) == pytest.approx(one_by_one, abs=1e-5)


def test_a_pair_of_keras_3_is_served_without_a_manifest(tmp_path, cache_dir):
    for name in ("model.json", "model.h5"):
        shutil.copy(PRETRAINED / name, (tmp_path / name))
    probe = json.loads((PRETRAINED / "manifest.json").read_text())["probe"]
    pixels = np.array(probe["inputs"], dtype=np.uint8).reshape(-1, 28, 28)
    assert load(tmp_path, cache_dir).predict(pixels) == pytest.approx(np.array(probe["outputs"]), abs=1e-3)


MODELS = """
import sys, keras
from keras import layers
def classifier(name, **options):
    return keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(4, 5, **options), layers.Flatten(),
                             layers.Dense(10, activation="softmax")], name=name)
def functional(make):
    x = keras.Input((28, 28, 1))
    return keras.Model(x, make(x))
made = {
    "nested": lambda: functional(classifier("inner")),
    "ensemble": lambda: functional(lambda x: layers.Average()([classifier("a")(x), classifier("b")(x)])),
    "without convolutions": lambda: keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")]),
    "softmax apart": lambda: keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10), layers.Softmax()]),
}[sys.argv[1]]()
open(sys.argv[2] + "/model.json", "w").write(made.to_json())
made.save(sys.argv[2] + "/model.h5", include_optimizer=False)
"""


@pytest.mark.parametrize("form", ["nested", "ensemble", "without convolutions", "softmax apart"])
def test_networks_of_other_forms_answer_and_are_explained_as_far_as_they_can_be(app, shared_dir, form):
    arguments = [sys.executable, "-c", MODELS, form, str(shared_dir)]
    subprocess.run(arguments, check=True, capture_output=True, env={**os.environ, "KERAS_BACKEND": "openvino"})
    app.extensions["model"].refresh()
    assert app.extensions["model"].refusals == {}
    for path in ("/predict", "/explain"):
        answer = app.test_client().post(path, json={"strokes": DIGIT_STROKES[7]})
        assert answer.status_code == 200 and answer.get_json()["model_version"].startswith("own-")


def test_the_network_is_computed_in_single_precision_whatever_the_processor_offers(tmp_path, cache_dir):
    for name in ("model.json", "model.h5"):
        shutil.copy(PRETRAINED / name, (tmp_path / name))
    network = load(tmp_path, cache_dir)._model
    for compiled in (network.for_one, network.for_many):
        assert compiled.get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32


def test_published_comes_before_own_pair_before_shipped(model, shared_dir):
    shutil.copytree(PRETRAINED, shared_dir / "pretrained")
    model.refresh()
    assert model.get().origin == "shipped model"
    install_pair(shared_dir, "keras-2.2.4")
    model.refresh()
    assert model.get().origin == "user's own pair"
    publish(shared_dir, "v1")
    model.refresh()
    assert (model.get().origin, model.get().version) == ("published model", "v1")


def test_the_shipped_model_may_be_kept_elsewhere(tmp_path, cache_dir):
    places = {"SHARED_DIR": tmp_path / "shared", "PRETRAINED_DIR": PRETRAINED, "CACHE_DIR": cache_dir}
    model = ModelInService(Settings.from_environment({name: str(place) for name, place in places.items()}))
    model.refresh()
    assert model.get().origin == "shipped model"


def test_a_refused_publication_over_the_users_own_pair_keeps_that_serving(client, model, shared_dir):
    install_pair(shared_dir, "keras-2.2.4")
    model.refresh()
    lying_probe(shared_dir, publish(shared_dir, "v1"))
    model.refresh()
    assert model.get().origin == "user's own pair"
    assert "answers to the probe differ" in " ".join(client.get("/readyz").get_json()["refused"])


def test_a_newly_published_version_is_swapped_in(model, shared_dir):
    publish(shared_dir, "v1", "keras-2.2.4")
    model.refresh()
    before = model.get()
    publish(shared_dir, "v2", "keras-2.15")
    model.refresh()
    assert model.get().version == "v2" and before.version == "v1"


def torn_h5(shared_dir, folder):
    path = folder / "model.h5"
    path.write_bytes(path.read_bytes()[:-500])


def changed_json(shared_dir, folder):
    edit_config(folder, lambda config: config["config"].update(name="other"))


def missing_h5(shared_dir, folder):
    (folder / "model.h5").unlink()


def lying_probe(shared_dir, folder):
    manifest = json.loads((shared_dir / "manifest.json").read_text())
    manifest["probe"]["outputs"][0] = [0.1] * 10
    (shared_dir / "manifest.json").write_text(json.dumps(manifest))


def half_manifest(shared_dir, folder):
    text = (shared_dir / "manifest.json").read_text()
    (shared_dir / "manifest.json").write_text(text[: len(text) // 2])


def escaping_version(shared_dir, folder):
    manifest = json.loads((shared_dir / "manifest.json").read_text())
    (shared_dir / "manifest.json").write_text(json.dumps({**manifest, "version": "../../elsewhere"}))


DAMAGES = {
    torn_h5: "bytes and SHA-256",
    changed_json: "bytes and SHA-256",
    missing_h5: "cannot be read",
    lying_probe: "answers to the probe differ",
    half_manifest: "Invalid JSON",
    escaping_version: "version",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_publication_keeps_the_previous_model_serving(model, shared_dir, damage):
    publish(shared_dir, "v1", "keras-2.2.4")
    model.refresh()
    damage(shared_dir, publish(shared_dir, "v2", "keras-2.15"))
    model.refresh()
    assert model.get().version == "v1"
    assert DAMAGES[damage] in " ".join(model.refusals.values())


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_publication_at_start_lets_the_next_model_serve(client, app, model, shared_dir, damage):
    damage(shared_dir, publish(shared_dir, "v2"))
    model.refresh()
    assert model.get().origin == "shipped model"
    assert DAMAGES[damage] in " ".join(client.get("/readyz").get_json()["refused"])


def test_a_mended_publication_is_served(model, shared_dir):
    folder = publish(shared_dir, "v1")
    whole = (folder / "model.h5").read_bytes()
    (folder / "model.h5").write_bytes(whole[:100])
    model.refresh()
    with pytest.raises(Exception, match="SHA-256"):
        model.get()
    (folder / "model.h5").write_bytes(whole)
    write_manifest(folder, "v1", json.loads((PAIRS / "keras-2.15" / "expected.json").read_text()))
    shutil.copy(folder / "manifest.json", shared_dir / "manifest.json")
    model.refresh()
    assert model.get().version == "v1"


def with_lambda(config):
    config["config"]["layers"].append({"class_name": "Lambda", "config": {"function": "os.system"}})


def with_foreign_module(config):
    config["config"]["layers"][-1].update(module="os", class_name="system")


def with_nine_outputs(config):
    config["config"]["layers"][-1]["config"]["units"] = 9


def with_other_input(config):
    config["config"]["layers"][0]["config"]["batch_input_shape"] = [None, 32, 32, 1]


def with_unknown_layer(config):
    config["config"]["layers"][1]["class_name"] = "Conv9D"


def with_other_weights(config):
    config["config"]["layers"][-2]["config"]["units"] = 17


def with_no_softmax(config):
    config["config"]["layers"][-1]["config"]["activation"] = "linear"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_lambda, "Lambda layer, which could execute code"),
        (with_foreign_module, "only Keras' own layers"),
        (with_nine_outputs, r"gives \(None, 9\), expected \(None, 10\)"),
        (with_other_input, r"takes \(None, 32, 32, 1\), expected \(None, 28, 28, 1\)"),
        (with_unknown_layer, "cannot be built by Keras 3"),
        (with_other_weights, "model.h5 does not fit model.json"),
        (with_no_softmax, "no probabilities"),
    ],
)
def test_a_pair_that_is_no_digit_model_is_refused_with_the_reason(tmp_path, cache_dir, change, reason):
    install_pair(tmp_path / "pair", "keras-2.2.4")  # whose JSON, unlike the later ones, says each shape once
    edit_config(tmp_path / "pair", change)
    with pytest.raises(ArtefactError, match=reason):
        load(tmp_path / "pair", cache_dir)


def test_a_cut_off_h5_without_a_manifest_is_refused(tmp_path, cache_dir):
    install_pair(tmp_path / "pair")
    path = tmp_path / "pair" / "model.h5"
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ArtefactError, match="model.h5"):
        load(tmp_path / "pair", cache_dir)


def removed_kernel(weights) -> str:
    """Remove a convolution's kernel from an HDF5 file and return its name there."""
    names = []
    weights.visititems(lambda key, item: names.append(key) if "kernel" in key and item.ndim == 4 else None)
    del weights[names[0]]
    return names[0]


def external_link(path, h5py):
    with h5py.File(path.with_name("elsewhere.h5"), "w") as other:
        other["secret"] = np.zeros((3, 3, 1, 4), "float32")
    with h5py.File(path, "r+") as weights:
        weights[removed_kernel(weights)] = h5py.ExternalLink("elsewhere.h5", "secret")


def virtual_dataset(path, h5py):
    with h5py.File(path.with_name("elsewhere.h5"), "w") as other:
        other["secret"] = np.zeros((3, 3, 1, 4), "float32")
    with h5py.File(path, "r+") as weights:
        layout = h5py.VirtualLayout((3, 3, 1, 4), "float32")
        layout[:] = h5py.VirtualSource(path.with_name("elsewhere.h5"), "secret", (3, 3, 1, 4))
        weights.create_virtual_dataset(removed_kernel(weights), layout)


@pytest.mark.parametrize("reach", [external_link, virtual_dataset])
def test_weights_that_lie_in_another_file_are_refused(tmp_path, cache_dir, reach):
    install_pair(tmp_path / "pair")
    hostile = "import sys, pathlib, h5py, test_model_choice as t; t.%s(pathlib.Path(sys.argv[1]), h5py)"
    run_in_child(hostile % reach.__name__, tmp_path / "pair" / "model.h5")
    with pytest.raises(ArtefactError, match="model.h5"):
        load(tmp_path / "pair", cache_dir)


def run_in_child(program, *arguments) -> None:
    """Keep h5py, as Keras, out of the process that stands for the server."""
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (here, here.parent, here.parents[1] / "tests")))
    environment = {**os.environ, "PYTHONPATH": paths}
    subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True, env=environment)


def test_a_config_that_makes_a_library_stumble_is_refused_with_what_it_was(tmp_path, cache_dir):
    install_pair(tmp_path / "pair")
    (tmp_path / "pair" / "model.json").write_text('{"class_name": "Sequential", "config": {"layers": [1]}}')
    with pytest.raises(ArtefactError, match=r"no network of Keras 2 or 3 \(TypeError"):
        load(tmp_path / "pair", cache_dir)


def test_files_replaced_while_they_are_read_are_not_cached_under_the_old_digest(tmp_path, cache_dir):
    install_pair(tmp_path / "pair", "keras-2.15")
    artefact = Candidate("user's own pair", tmp_path / "pair", has_manifest=False).read()
    install_pair(tmp_path / "pair", "keras-2.2.4")
    with pytest.raises(ArtefactError, match="changed while it was being read"):
        converted(artefact, tmp_path / "cache")


@pytest.mark.parametrize("comes_converted", [False, True])
def test_only_the_newest_converted_forms_are_kept(tmp_path, comes_converted):
    cache, now = tmp_path / "cache", time.time()
    for number in range(12):
        (cache / f"old-{number}").mkdir(parents=True)
        os.utime(cache / f"old-{number}", (now - 12 + number, now - 12 + number))
    if comes_converted:
        artefact = Candidate("shipped model", PRETRAINED, has_manifest=True).read()
    else:
        install_pair(tmp_path / "pair")
        artefact = Candidate("user's own pair", tmp_path / "pair", has_manifest=False).read()
    newest = converted(artefact, cache)
    kept = {path.name for path in cache.iterdir() if path.is_dir()}
    assert kept == {newest.name, *(f"old-{number}" for number in range(3, 12))}


def test_a_refused_publication_does_not_come_back_as_the_users_own_pair(model, shared_dir):
    lying_probe(shared_dir, publish(shared_dir, "v1"))
    model.refresh()
    with pytest.raises(Problem, match="answers to the probe differ"):
        model.get()


def test_what_is_refused_for_its_content_is_not_read_again_and_again(model, shared_dir, monkeypatch):
    lying_probe(shared_dir, publish(shared_dir, "v1"))
    model.refresh()
    monkeypatch.setattr(Candidate, "read", lambda self: pytest.fail("read again"))
    model.refresh()


def test_what_failed_for_a_passing_reason_is_tried_again(model, shared_dir, monkeypatch):
    publish(shared_dir, "v1")
    with monkeypatch.context() as broken:
        broken.setattr(Candidate, "read", lambda self: (_ for _ in ()).throw(OSError("no space left")))
        model.refresh()
        with pytest.raises(Problem, match="no space left"):
            model.get()
    monkeypatch.setattr("digit_ui.serving.time.monotonic", lambda: 1e12)
    model.refresh()
    assert model.get().version == "v1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no Keras model"),
        ('{"a": 1}', "no Keras model"),
        ('{"class_name": "Sequential", "config": [{"config": {}}]}', "no network of Keras 2 or 3"),
        ('{"class_name": "Sequential", "config": {"layers": 3}}', "no network of Keras 2 or 3"),
    ],
)
def test_json_that_is_no_model_is_refused(text, reason):
    with pytest.raises(PairError, match=reason):
        read_config(text)


def test_the_second_start_reads_the_cache_and_a_broken_cache_is_made_anew(tmp_path):
    install_pair(tmp_path / "pair")
    artefact = Candidate("user's own pair", tmp_path / "pair", has_manifest=False).read()
    folder = converted(artefact, tmp_path / "cache")
    made = (folder / "model.bin").stat().st_mtime_ns
    assert converted(artefact, tmp_path / "cache") == folder
    assert (folder / "model.bin").stat().st_mtime_ns == made


def test_the_shipped_model_comes_converted_as_a_conversion_does_it(tmp_path, monkeypatch):
    artefact = Candidate("shipped model", PRETRAINED, has_manifest=True).read()
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", None)  # no reader is started
        come = converted(artefact, tmp_path / "come")
    monkeypatch.setattr(conversion, "PREPARED", tmp_path / "none")
    made = converted(artefact, tmp_path / "made")
    files = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in (come, made)]
    assert files[0].keys() == files[1].keys() == {"model.xml", "model.bin", "layers.xml", "layers.bin"}
    assert files[0] == files[1], "what comes is out of date: make prepared"


def test_the_server_process_never_imports_keras(client):
    import sys

    assert "keras" not in sys.modules and "tensorflow" not in sys.modules
