"""Whether a digit was drawn at all is told by the model's own test, which is checked as its files are."""

import json
import shutil

import numpy as np
import pytest
from conftest import DIGIT_STROKES, install_pair, publish, write_manifest

ONE = {"strokes": DIGIT_STROKES[1]}


def publish_test(shared_dir, probe: dict | None = None, **changes):
    """Publish a pair with an is_digit.json that says yes to everything, but for the changes."""
    folder = publish(shared_dir, "v1")
    size = json.loads((folder / "model.json").read_text())
    units = [layer["config"]["units"] for layer in size["config"]["layers"] if layer["class_name"] == "Dense"][-2]
    test = {"weights": [0.0] * units, "bias": 2.0, "min_probability": 0.8, **changes}
    (folder / "is_digit.json").write_text(json.dumps(test))
    probe = {**json.loads((shared_dir / "manifest.json").read_text())["probe"], **(probe or {})}
    manifest = write_manifest(folder, "v1", probe, files=("model.json", "model.h5", "is_digit.json"))
    shutil.copy(manifest, shared_dir / "manifest.json")
    return folder


def ask(app) -> dict:
    app.extensions["model"].refresh()
    return app.test_client().post("/predict", json=ONE).get_json(force=True)


def test_the_published_test_decides(app, shared_dir):
    publish_test(shared_dir)
    assert ask(app)["is_digit"] is True
    publish_test(shared_dir, bias=1.0)  # a probability of 0.73
    assert ask(app)["is_digit"] is False


@pytest.mark.parametrize(("most", "is_digit"), [(0.49, False), (0.51, True)])
def test_without_a_test_half_of_the_probability_decides(app, shared_dir, monkeypatch, most, is_digit):
    install_pair(shared_dir)
    app.extensions["model"].refresh()
    probabilities = np.full((1, 10), (1 - most) / 9, dtype=np.float32)
    probabilities[0, 3] = most
    outputs = {"probabilities": probabilities, "embedding": np.zeros((1, 8), dtype=np.float32)}
    monkeypatch.setattr(app.extensions["model"].get(), "_model", lambda _: outputs)
    assert ask(app)["is_digit"] is is_digit


def test_the_probe_covers_the_test(app, shared_dir):
    pictures = len(install_pair(shared_dir / "x")["inputs"])
    publish_test(shared_dir, probe={"is_digit": [round(1 / (1 + np.exp(-2.0)), 6)] * pictures})
    assert ask(app)["is_digit"] is True


FAULTS = {
    "a probe of another length": ({"probe": {"is_digit": [0.1]}}, "inputs but 1 is_digit"),
    "a probe of another test": (
        {"probe": {"is_digit": [0.1] * 3}},
        "differ by 0.78 from those of its trainer (is_digit)",
    ),
    "a wrong size": ({"weights": [0.0]}, "has 1 weights"),
    "no number": ({"bias": float("nan")}, "is_digit.json: bias"),
    "no threshold": ({"min_probability": 1.0}, "is_digit.json: min_probability"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_test_that_is_not_what_it_must_be_is_refused_with_the_reason(app, shared_dir, fault):
    changes, reason = FAULTS[fault]
    publish_test(shared_dir, **changes)
    assert reason in ask(app)["detail"]


def test_a_changed_file_is_refused_by_its_digest(app, shared_dir):
    folder = publish_test(shared_dir)
    (folder / "is_digit.json").write_text((folder / "is_digit.json").read_text().replace("2.0", "9.0"))
    assert "is_digit.json: has" in ask(app)["detail"]


def test_a_missing_file_is_named(app, shared_dir):
    (publish_test(shared_dir) / "is_digit.json").unlink()
    detail = ask(app)["detail"]
    assert "is_digit.json: cannot be read" in detail and "publish the model again" in detail


def test_a_probe_for_a_test_that_is_not_there_is_refused(app, shared_dir):
    folder = publish_test(shared_dir)
    probe = json.loads((shared_dir / "manifest.json").read_text())["probe"]
    shutil.copy(write_manifest(folder, "v1", {**probe, "is_digit": [0.9] * len(probe["inputs"])}), shared_dir)
    assert "its probe has is_digit, but its files have no is_digit.json" in ask(app)["detail"]


NO_DIGITS = {
    "A": [[[10, 90], [50, 10], [90, 90]], [[28, 60], [72, 60]]],
    "H": [[[15, 10], [15, 90]], [[80, 10], [80, 90]], [[15, 50], [80, 50]]],
    "W": [[[5, 10], [28, 90], [50, 30], [72, 90], [95, 10]]],
    "two digits": [[[10, 10], [10, 90]], [[50, 10], [90, 10], [65, 90]]],
    "a zigzag": [[[x, 20 if x % 20 else 80] for x in range(0, 110, 10)]],
}


@pytest.mark.parametrize("thing", NO_DIGITS)
def test_the_shipped_model_refuses_what_is_no_digit_and_still_guesses(client, thing):
    answer = client.post("/predict", json={"strokes": NO_DIGITS[thing]}).get_json()
    assert answer["is_digit"] is False and answer["digit"] in range(10)


@pytest.mark.parametrize("digit", range(10))
def test_the_shipped_model_keeps_digits(client, digit):
    answer = client.post("/predict", json={"strokes": DIGIT_STROKES[digit]}).get_json()
    assert (answer["is_digit"], answer["digit"]) == (True, digit)
