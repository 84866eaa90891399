"""/v1 answers clients of TensorFlow Serving as it would, and as the network itself answers."""

import base64
import json

import numpy as np
import pytest
from conftest import DIGIT_STROKES, draw, encode
from digit_ui.picture import ink_of_strokes
from digit_ui.preprocessing import to_network_input

PREDICT = "/v1/models/digits:predict"
PIXELS = np.stack([to_network_input(ink_of_strokes(DIGIT_STROKES[digit])) for digit in (3, 7, 0)])
TENSOR = (PIXELS / 255).round(4)


def encoded(picture: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(picture).decode()}


@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 28), (784,)])
def test_every_form_of_a_tensor_is_read_as_the_network_reads_it(client, app, shape):
    rows = TENSOR.reshape(-1, *shape).tolist()
    wanted = app.extensions["model"].get().predict(TENSOR * 255)
    for key, sent, received in (
        ("instances", rows, "predictions"),
        ("instances", [{"input": row} for row in rows], "predictions"),
        ("inputs", rows, "outputs"),
        ("inputs", {"input": rows}, "outputs"),
    ):
        answer = client.post(PREDICT, json={key: sent})
        assert answer.status_code == 200 and list(answer.get_json()) == [received], answer.text
        assert np.array(answer.get_json()[received]) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_are_prepared_as_predict_prepares_them(client, kind):
    pictures = [encode(draw(digit), kind) for digit in (3, 7, 0)]
    wanted = [
        client.post("/predict", data=picture, content_type=f"image/{kind.lower()}").get_json()["probabilities"]
        for picture in pictures
    ]
    rows = [encoded(picture) for picture in pictures]
    for key, sent, received in (
        ("instances", rows, "predictions"),
        ("instances", [{"input": row} for row in rows], "predictions"),
        ("inputs", rows, "outputs"),
        ("inputs", {"input": rows}, "outputs"),
    ):
        got = client.post(PREDICT, json={key: sent}).get_json()[received]
        assert np.array(got) == pytest.approx(np.array(wanted), abs=1e-5)


def test_tensors_and_pictures_may_stand_in_one_question(client):
    rows = [encoded(encode(draw(7))), TENSOR[0].tolist()]
    predictions = client.post(PREDICT, json={"instances": rows}).get_json()["predictions"]
    assert np.argmax(predictions, axis=1).tolist() == [7, 3]


def test_many_pictures_are_answered_in_their_order(client):
    rows = np.resize(PIXELS > 127, (1024, 784)).astype(int).tolist()
    body = json.dumps({"instances": rows}, separators=(",", ":"))
    predictions = client.post(PREDICT, data=body).get_json()["predictions"]
    assert np.argmax(predictions, axis=1).tolist() == np.resize([3, 7, 0], 1024).tolist()


def test_a_body_may_call_itself_anything_as_curl_does(client):
    body = b'{"signature_name": "serving_default", "instances": [' + str([0] * 784).encode() + b"]}"
    answer = client.post(PREDICT, data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200 and len(answer.get_json()["predictions"][0]) == 10


def test_the_model_says_that_it_is_available(client):
    version = client.get("/readyz").get_json()["model_version"]
    status = {"error_code": "OK", "error_message": ""}
    wanted = {"model_version_status": [{"version": version, "state": "AVAILABLE", "status": status}]}
    for path in ("/v1/models/digits", f"/v1/models/digits/versions/{version}"):
        assert client.get(path).get_json() == wanted
    assert client.post(f"/v1/models/digits/versions/{version}:predict", json={"inputs": TENSOR.tolist()}).json[
        "outputs"
    ]


def test_the_model_says_what_it_takes_and_gives(client):
    version = client.get("/readyz").get_json()["model_version"]
    metadata = client.get("/v1/models/digits/metadata").get_json()
    assert metadata["model_spec"] == {"name": "digits", "signature_name": "", "version": version}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    shapes = {
        name: (tensor["dtype"], [dimension["size"] for dimension in tensor["tensor_shape"]["dim"]])
        for part in ("inputs", "outputs")
        for name, tensor in signature[part].items()
    }
    assert shapes == {"input": ("DT_FLOAT", ["-1", "28", "28", "1"]), "probabilities": ("DT_FLOAT", ["-1", "10"])}
    assert client.get(f"/v1/models/digits/versions/{version}/metadata").get_json() == metadata


@pytest.mark.parametrize("name", ["letters", "digits/versions/1"])
def test_another_model_or_version_is_not_found(client, name):
    answers = [client.get(f"/v1/models/{name}{what}") for what in ("", "/metadata")]
    answers.append(client.post(f"/v1/models/{name}:predict", json={"instances": TENSOR.tolist()}))
    for answer in answers:
        problem = answer.get_json(force=True)
        assert answer.status_code == 404 and problem["error"] == problem["detail"]
        assert "ask for " in problem["error"]


def test_without_a_model_the_answer_is_503(app):
    client = app.test_client()
    for answer in (client.get("/v1/models/digits"), client.post(PREDICT, json={"instances": TENSOR.tolist()})):
        assert answer.status_code == 503 and answer.headers["Retry-After"] and answer.get_json(force=True)["error"]


ROWS = TENSOR.reshape(-1, 784).tolist()
BLANK = encoded(encode(draw(1, box=(-900, 0, 9))))
REFUSALS = {
    "no JSON": ({"data": "{"}, "bad_json"),
    "NaN": ({"data": '{"instances": [[NaN]]}'}, "bad_json"),
    "infinity": ({"data": '{"instances": [[1e999]]}'}, "bad_json"),
    "deep JSON": ({"data": b'{"instances": ' + b"[" * 100_000}, "bad_json"),
    "deep lists": ({"data": b'{"instances": [' + b"[" * 200 + b"]" * 200 + b"]}"}, "bad_value"),
    "too many numbers": ({"data": b"[" + b"0," * 900_000 + b"0]"}, "too_many_pictures"),
    "a list": ({"json": ROWS}, "bad_field"),
    "another signature": ({"json": {"signature_name": "letters", "instances": ROWS}}, "bad_field"),
    "neither": ({"json": {}}, "one_format"),
    "both": ({"json": {"instances": ROWS, "inputs": ROWS}}, "one_format"),
    "no pictures": ({"json": {"instances": []}}, "bad_field"),
    "no named pictures": ({"json": {"inputs": {"input": []}}}, "bad_field"),
    "too many pictures": ({"json": {"instances": [[]] * 1025}}, "bad_field"),
    "too many encoded pictures": ({"json": {"instances": [BLANK] * 101}}, "too_many_drawings"),
    "a picture alone": ({"json": {"inputs": ROWS[0]}}, "bad_field"),
    "rows of a picture": ({"json": {"instances": TENSOR[0].tolist()}}, "bad_shape"),
    "another side": ({"json": {"instances": [ROWS[0][:783]]}}, "bad_shape"),
    "rows of different lengths": ({"json": {"instances": [[[0] * 28] * 27 + [[0] * 27]]}}, "bad_value"),
    "a text for a number": ({"json": {"instances": [["0"] * 784]}}, "bad_value"),
    "a boolean for a number": ({"json": {"instances": [[True] * 784]}}, "bad_value"),
    "more than ink": ({"json": {"instances": [[255] * 784]}}, "bad_value"),
    "less than paper": ({"json": {"instances": [[-0.1] * 784]}}, "bad_value"),
    "another name": ({"json": {"instances": [{"image": ROWS[0]}]}}, "bad_field"),
    "a second name": ({"json": {"inputs": {"input": ROWS, "key": 1}}}, "bad_field"),
    "base64 that is none": ({"json": {"instances": [{"b64": "@@@"}]}}, "bad_base64"),
    "a GIF": ({"json": {"instances": [encoded(encode(draw(1), "GIF"))]}}, "not_an_image"),
    "a picture cut off": ({"json": {"instances": [encoded(encode(draw(1))[:300])]}}, "undecodable_image"),
    "a blank picture": ({"json": {"instances": [BLANK]}}, "nothing_drawn"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_bad_question_is_refused_with_status_400_in_words_that_clients_show(client, case):
    request, code = REFUSALS[case]
    answer = client.post(PREDICT, **request)
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["status"], problem["code"]) == (400, 400, code), problem
    assert answer.content_type == "application/problem+json"
    assert problem["error"] == problem["detail"]


def test_a_refusal_says_which_picture_it_is_about(client):
    rows = [ROWS[0], {"b64": "@@@"}]
    assert client.post(PREDICT, json={"instances": rows}).get_json(force=True)["error"].startswith("picture 1: ")


def test_a_body_that_is_too_large_or_compressed_is_refused(app, client):
    compressed = client.post(PREDICT, json={"instances": ROWS}, headers={"Content-Encoding": "gzip"})
    assert (compressed.status_code, compressed.get_json(force=True)["code"]) == (415, "compressed_body")
    app.config["MAX_CONTENT_LENGTH"] = 1000
    large = client.post(PREDICT, json={"instances": ROWS})
    assert large.status_code == 413 and large.get_json(force=True)["error"]
