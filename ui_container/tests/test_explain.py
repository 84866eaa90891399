"""POST /explain shows the way to the network's input, its feature maps, and which pixels decided."""

import base64

import numpy as np
import pytest
from conftest import DIGIT_STROKES, draw, encode, install_pair
from digit_ui.explanation import weigh

SEVEN = {"strokes": DIGIT_STROKES[7]}


def pixels_of(picture: dict) -> np.ndarray:
    rows = np.frombuffer(base64.b64decode(picture["grey"]), dtype=np.uint8)
    return rows.reshape(picture["height"], picture["width"])


def test_it_explains_the_answer_that_predict_gives(client):
    predicted = client.post("/predict?input=1", json=SEVEN).get_json()
    explained = client.post("/explain", json=SEVEN).get_json()
    assert (explained["digit"], explained["model_version"]) == (predicted["digit"], predicted["model_version"])
    others = [share for digit, share in enumerate(predicted["probabilities"]) if digit != predicted["digit"]]
    assert explained["second"] != explained["digit"]
    assert predicted["probabilities"][explained["second"]] == max(others)
    assert np.array_equal(pixels_of(explained["steps"]["centred"]), predicted["input"])


def test_the_steps_lead_from_the_ink_to_28_by_28(client):
    picture = {"data": encode(draw(7, box=(100, 20, 150))), "content_type": "image/png"}
    steps = {name: pixels_of(step) for name, step in client.post("/explain", **picture).get_json()["steps"].items()}
    assert list(steps) == ["ink", "cropped", "fitted", "centred"]
    assert steps["ink"].shape == (140, 140) and steps["centred"].shape == (28, 28)
    assert steps["cropped"][0].max() > 0 and steps["cropped"][-1].max() > 0
    assert max(steps["fitted"].shape) == 20
    assert all(step.max() > 200 for step in steps.values())


def test_every_filter_of_both_convolutions_is_shown(client):
    layers = client.post("/explain", json=SEVEN).get_json()["layers"]
    assert [(len(layer["maps"]), pixels_of(layer["maps"][0]).shape) for layer in layers] == [
        (32, (24, 24)),
        (64, (8, 8)),
    ]
    assert sum(pixels_of(picture).max() == 255 for picture in layers[0]["maps"]) >= 10


class SeesOneCorner:
    """Says 3 as far as there is ink in the top left corner, else 8."""

    def predict(self, pixels):
        share = pixels[:, 4:8, 4:8].mean(axis=(1, 2)) / 255 * 0.8 + 0.1
        probabilities = np.zeros((len(pixels), 10))
        probabilities[:, 3], probabilities[:, 8] = share, 1 - share
        return probabilities


def test_evidence_lies_where_the_network_looks_and_nowhere_else():
    pixels = np.zeros((28, 28), dtype=np.uint8)
    pixels[4:8, 4:8] = pixels[20:24, 20:24] = 255
    evidence = weigh(SeesOneCorner(), pixels)
    assert (evidence.digit, evidence.second) == (3, 8)
    assert evidence.of_ink[5:7, 5:7].min() > 0.1
    assert np.abs(evidence.of_ink[14:, 14:]).max() == pytest.approx(0, abs=1e-6)
    assert np.abs(evidence.of_paper).max() == pytest.approx(0, abs=1e-6)


def test_ink_that_would_have_changed_the_answer_is_seen_on_the_paper():
    pixels = np.zeros((28, 28), dtype=np.uint8)
    pixels[20:24, 20:24] = 255
    evidence = weigh(SeesOneCorner(), pixels)
    assert (evidence.digit, evidence.second) == (8, 3)
    assert evidence.of_paper[5:7, 5:7].min() > 0.1
    assert np.abs(evidence.of_ink).max() == pytest.approx(0, abs=1e-6)


def test_a_users_own_pair_is_explained_too(app, shared_dir):
    install_pair(shared_dir)
    app.extensions["model"].refresh()
    explained = app.test_client().post("/explain", json=SEVEN).get_json()
    assert explained["layers"] and np.shape(explained["evidence"]["ink"]) == (28, 28)


def test_bad_input_is_refused_as_by_predict(client):
    assert client.post("/explain", json={}).get_json(force=True)["code"] == "one_drawing"
    assert client.post("/explain", json={"strokes": []}).get_json(force=True)["code"] == "nothing_drawn"


def test_it_asks_the_network_about_what_a_patch_changes_only_and_in_chunks_of_one_size(client, app):
    classifier = app.extensions["model"].get()
    asked = []
    counted = type("Counted", (), {"predict": lambda _, x: asked.append(len(x)) or classifier.predict(x)})()
    pixels = np.array(client.post("/predict?input=1", json=SEVEN).get_json()["input"], dtype=np.uint8)
    weigh(counted, pixels)
    assert set(asked) == {64} and 3 <= len(asked) <= 6


class SureOfEverything:
    """Says 5 with all of the probability, whatever it sees."""

    def predict(self, pixels):
        return np.tile(np.eye(10)[5], (len(pixels), 1))


def test_a_network_that_nothing_moves_has_no_evidence():
    evidence = weigh(SureOfEverything(), np.full((28, 28), 255, dtype=np.uint8))
    assert evidence.digit == 5 and evidence.second == 0
    assert np.abs(evidence.of_ink).max() == 0


def test_a_very_sure_answer_still_has_evidence(client):
    explained = client.post("/explain", json={"strokes": DIGIT_STROKES[0]}).get_json()
    assert np.abs(explained["evidence"]["ink"]).max() > 1
