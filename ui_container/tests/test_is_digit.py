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
    (shared_dir / "manifest.json").touch()
    app.extensions["model"]._classifier = None
    assert ask(app)["is_digit"] is False


def test_without_a_test_half_of_the_probability_decides(app, shared_dir):
    install_pair(shared_dir)
    answer = ask(app)
    assert answer["is_digit"] is (answer["confidence"] >= 0.5)


def test_the_probe_covers_the_test(app, shared_dir):
    pictures = len(install_pair(shared_dir / "x")["inputs"])
    publish_test(shared_dir, probe={"is_digit": [round(1 / (1 + np.exp(-2.0)), 6)] * pictures})
    assert ask(app)["is_digit"] is True


FAULTS = {
    "another probe": ({"probe": {"is_digit": [0.1]}}, "is_digit"),
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
    assert "is_digit.json: cannot be read" in ask(app)["detail"]
