"""/v2 answers clients of KServe and Triton as their protocol says, and as the network itself answers."""

import json

import jsonschema
import numpy as np
import pytest
from conftest import DIGIT_STROKES
from digit_ui.picture import ink_of_strokes
from digit_ui.preprocessing import to_network_input

INFER = "/v2/models/digits/infer"
LENGTH = "Inference-Header-Content-Length"
PIXELS = np.stack([to_network_input(ink_of_strokes(DIGIT_STROKES[digit])) for digit in (3, 7, 0)])
TENSORS = {"FP32": (PIXELS / 255).astype("<f4"), "UINT8": PIXELS}
DTYPES = {"FP32": "<f4", "INT64": "<i8", "BOOL": "?"}


def question(array: np.ndarray, form: str = "nested", tensor: dict | None = None, **fields) -> dict:
    """Ask for what the network makes of `array`; tensor, fields: what is to be sent instead or besides."""
    head = {
        "name": "input",
        "datatype": "UINT8" if array.dtype == np.uint8 else "FP32",
        "shape": list(array.shape),
    }
    if form == "binary":
        head["parameters"] = {"binary_data_size": array.nbytes}
    else:
        head["data"] = (array if form == "nested" else array.ravel()).tolist()
    asked = json.dumps({"inputs": [head | (tensor or {})], **fields}).encode()
    if form == "binary":
        return {"data": asked + array.tobytes(), "headers": {LENGTH: len(asked)}}
    return {"data": asked}


def outputs_of(answer) -> dict[str, np.ndarray]:
    """Read an answer's tensors, those that came as numbers and those that came as bytes."""
    assert answer.status_code == 200, answer.text
    head = answer.data[: int(answer.headers.get(LENGTH, len(answer.data)))]
    rest, arrays = answer.data[len(head) :], {}
    for output in json.loads(head)["outputs"]:
        dtype = DTYPES[output["datatype"]]
        if "data" in output:
            array = np.array(output["data"], dtype)
        else:
            size = output["parameters"]["binary_data_size"]
            array, rest = np.frombuffer(rest[:size], dtype), rest[size:]
        arrays[output["name"]] = array.reshape(output["shape"])
    assert not rest
    return arrays


@pytest.mark.parametrize("form", ["nested", "flat", "binary"])
@pytest.mark.parametrize("datatype", TENSORS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 28), (784,)])
def test_every_form_of_a_tensor_is_read_as_the_network_reads_it(client, app, shape, datatype, form):
    answer = client.post(INFER, **question(TENSORS[datatype].reshape(-1, *shape), form))
    got, wanted = outputs_of(answer), app.extensions["model"].get().read(PIXELS)
    assert list(got) == ["probabilities", "digit", "is_digit"]
    assert got["probabilities"] == pytest.approx(wanted.probabilities, abs=1e-6)
    assert got["digit"].tolist() == [3, 7, 0]
    assert got["is_digit"].tolist() == wanted.is_digit.tolist()


def test_many_pictures_are_answered_in_their_order(client):
    many = np.resize(PIXELS, (1024, 784))
    got = outputs_of(client.post(INFER, **question(many, "binary")))
    assert got["probabilities"].shape == (1024, 10)
    assert got["digit"].tolist() == np.resize([3, 7, 0], 1024).tolist()


def test_the_answer_names_model_version_and_question(client):
    version = client.get("/readyz").get_json()["model_version"]
    body = client.post(f"/v2/models/digits/versions/{version}/infer", **question(PIXELS, id="a question")).get_json()
    assert (body["model_name"], body["model_version"], body["id"]) == ("digits", version, "a question")
    assert "id" not in client.post(INFER, **question(PIXELS)).get_json()


def test_only_the_outputs_that_are_asked_for_come_and_in_that_order(client):
    answer = client.post(INFER, **question(PIXELS, outputs=[{"name": "is_digit"}, {"name": "digit"}]))
    assert list(outputs_of(answer)) == ["is_digit", "digit"]


def test_outputs_come_as_bytes_where_all_or_some_are_wanted_so(client):
    as_numbers = client.post(INFER, **question(PIXELS))
    all_bytes = client.post(INFER, **question(PIXELS, parameters={"binary_data_output": True}))
    outputs = [{"name": "probabilities"}, {"name": "digit", "parameters": {"binary_data": False}}]
    mixed = client.post(INFER, **question(PIXELS, parameters={"binary_data_output": True}, outputs=outputs))
    wanted = [{"name": "digit", "parameters": {"binary_data": True}}]
    one = client.post(INFER, **question(PIXELS, outputs=wanted))
    assert LENGTH not in as_numbers.headers and as_numbers.content_type == "application/json"
    for answer, sizes in ((all_bytes, [120, 24, 3]), (mixed, [120]), (one, [24])):
        assert answer.content_type == "application/octet-stream"
        assert len(answer.data) - int(answer.headers[LENGTH]) == sum(sizes)
        for name, array in outputs_of(answer).items():
            assert array.tolist() == outputs_of(as_numbers)[name].tolist()


def test_answers_are_counted_like_those_of_predict(client):
    client.post(INFER, **question(PIXELS))
    assert 'digits_answers_total{digit="7",is_digit="true"} 1.0' in client.get("/metrics").text


def test_an_answer_has_the_form_that_is_described(client):
    components = client.get("/openapi.json").get_json()["components"]
    schema = {"$ref": "#/components/schemas/InferResponse", "components": components}
    jsonschema.validate(client.post(INFER, **question(PIXELS)).get_json(), schema)


def test_the_server_says_what_it_is_and_that_it_is_ready(client):
    server = client.get("/v2").get_json()
    assert server["name"] and server["version"] and server["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/").get_json() == server
    assert client.get("/v2/health/live").get_json() == {"live": True}
    assert client.get("/v2/health/ready").get_json() == {"ready": True}


def test_the_model_says_what_it_takes_and_gives(client):
    version = client.get("/readyz").get_json()["model_version"]
    model = client.get("/v2/models/digits").get_json()
    assert (model["name"], model["versions"], model["platform"]) == ("digits", [version], "openvino")
    tensors = [
        [tensor[part] for part in ("name", "datatype", "shape")] for tensor in model["inputs"] + model["outputs"]
    ]
    assert tensors == [
        ["input", "FP32", [-1, 28, 28, 1]],
        ["probabilities", "FP32", [-1, 10]],
        ["digit", "INT64", [-1]],
        ["is_digit", "BOOL", [-1]],
    ]
    assert client.get(f"/v2/models/digits/versions/{version}").get_json() == model
    for path in ("/v2/models/digits/ready", f"/v2/models/digits/versions/{version}/ready"):
        assert client.get(path).get_json() == {"name": "digits", "ready": True}


@pytest.mark.parametrize("name", ["letters", "digits/versions/1"])
def test_another_model_or_version_is_not_found(client, name):
    answers = [client.get(f"/v2/models/{name}{what}") for what in ("", "/ready")]
    answers.append(client.post(f"/v2/models/{name}/infer", **question(PIXELS)))
    for answer in answers:
        problem = answer.get_json(force=True)
        assert answer.status_code == 404 and problem["error"] == problem["detail"]
        assert "ask for " in problem["error"]


def test_without_a_model_the_server_lives_but_is_not_ready(app):
    client = app.test_client()
    assert client.get("/v2/health/live").status_code == client.get("/v2").status_code == 200
    for path in ("/v2/health/ready", "/v2/models/digits", "/v2/models/digits/ready"):
        answer = client.get(path)
        assert answer.status_code == 503 and answer.headers["Retry-After"] and answer.get_json(force=True)["error"]


def wrong(value: float) -> np.ndarray:
    """Give a picture with one value that no picture has."""
    picture = TENSORS["FP32"][:1].copy()
    picture[0, 5, 5] = value
    return picture


ONE = TENSORS["FP32"][:1]
FLAT = ONE.reshape(1, 784)
REFUSALS = {
    "no JSON": ({"data": "{"}, "bad_json"),
    "deep JSON": ({"data": b'{"inputs": ' + b"[" * 100_000}, "bad_json"),
    "NaN as JSON": ({"data": b'{"inputs": [{"name": "input", "data": [NaN]}]}'}, "bad_json"),
    "a list": ({"json": []}, "bad_field"),
    "no inputs": ({"json": {}}, "bad_field"),
    "two inputs": ({"json": {"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 784]}] * 2}}, "bad_field"),
    "another name": (question(ONE, tensor={"name": "image"}), "bad_field"),
    "another type": (question(ONE, tensor={"datatype": "FP64"}), "bad_field"),
    "an id of another type": (question(ONE, id=3), "bad_field"),
    "half a letter as id": (question(ONE, id="\ud800"), "bad_field"),
    "the same output again and again": (question(ONE, outputs=[{"name": "digit"}] * 4), "bad_field"),
    "an unknown output": (question(ONE, outputs=[{"name": "letter"}]), "bad_field"),
    "classes": (question(ONE, outputs=[{"name": "digit", "parameters": {"classification": 3}}]), "bad_field"),
    "a shape of text": (question(ONE, tensor={"shape": ["1", "784"]}), "bad_field"),
    "a size of text": (question(ONE, "binary", {"parameters": {"binary_data_size": "3136"}}), "bad_field"),
    "a shape of another rank": (question(ONE, tensor={"shape": [784]}), "bad_shape"),
    "another side": (question(ONE, tensor={"shape": [1, 28, 14, 2]}), "bad_shape"),
    "channels first": (question(ONE, tensor={"shape": [1, 1, 28, 28]}), "bad_shape"),
    "no pictures": (question(ONE[:0]), "bad_shape"),
    "a negative number of pictures": (question(ONE, tensor={"shape": [-1, 28, 28]}), "bad_shape"),
    "too many pictures": (question(np.zeros((1025, 784), np.uint8), "binary"), "bad_shape"),
    "too many numbers": ({"data": b"[" + b"0," * 900_000 + b"0]"}, "too_many_pictures"),
    "too few numbers": (question(FLAT, tensor={"data": [0.0] * 783}), "bad_size"),
    "numbers of another shape": (question(ONE, tensor={"data": np.zeros((14, 56)).tolist()}), "bad_size"),
    "rows of different lengths": (question(ONE, tensor={"data": [[[0.0] * 28] * 27 + [[0.0] * 27]]}), "bad_value"),
    "a text": (question(FLAT, tensor={"data": ["0"] * 784}), "bad_value"),
    "a null": (question(FLAT, tensor={"data": [None] * 784}), "bad_value"),
    "a boolean": (question(FLAT, tensor={"data": [True] * 784}), "bad_value"),
    "an object": (question(FLAT, tensor={"data": [{}] * 784}), "bad_value"),
    "a huge number": (question(FLAT, tensor={"data": [10**400] * 784}), "bad_value"),
    "more than ink": (question(wrong(1.5)), "bad_value"),
    "less than paper": (question(wrong(-0.1)), "bad_value"),
    "half a grey": (question(PIXELS[:1], tensor={"data": [0.5] * 784}), "bad_value"),
    "more than white": (question(PIXELS[:1], tensor={"data": [256] * 784}), "bad_value"),
    "more than ink as bytes": (question(wrong(1.5), "binary"), "bad_value"),
    "less than paper as bytes": (question(wrong(-0.1), "binary"), "bad_value"),
    "NaN as bytes": (question(wrong(np.nan), "binary"), "bad_value"),
    "infinity as bytes": (question(wrong(np.inf), "binary"), "bad_value"),
    "neither numbers nor bytes": (question(ONE, tensor={"data": None}), "one_tensor"),
    "numbers and bytes": (question(ONE, "binary", {"data": [0.0] * 784}), "one_tensor"),
    "bytes of another tensor": (question(PIXELS[:1], "binary", {"datatype": "FP32"}), "bad_size"),
    "a size that is not theirs": (question(ONE, "binary", {"parameters": {"binary_data_size": 784}}), "bad_size"),
    "a negative size": (question(ONE, "binary", {"parameters": {"binary_data_size": -1}}), "bad_size"),
    "bytes that nobody announced": (
        question(ONE, "binary", {"parameters": {}, "data": [0.0] * 784, "shape": [1, 784]}),
        "bad_size",
    ),
    "bytes without a length of the JSON": ({"data": question(ONE, "binary")["data"]}, "bad_json"),
    "a length beyond the body": ({**question(ONE), "headers": {LENGTH: 1_000_000}}, "bad_length"),
    "a negative length": ({**question(ONE), "headers": {LENGTH: -1}}, "bad_length"),
    "a length of text": ({**question(ONE), "headers": {LENGTH: "all"}}, "bad_length"),
    "a length without end": ({**question(ONE), "headers": {LENGTH: "9" * 5000}}, "bad_length"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_bad_question_is_refused_with_status_400_in_words_that_clients_show(client, case):
    request, code = REFUSALS[case]
    answer = client.post(INFER, **request)
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["status"], problem["code"]) == (400, 400, code), problem
    assert answer.content_type == "application/problem+json"
    assert problem["error"] == problem["detail"]


def test_nested_lists_of_any_depth_are_refused(client):
    for depth in range(100, 1100, 50):
        nested = b"[" * depth + b"]" * depth
        for body in (nested, b'{"inputs": [{"name": %s}]}' % nested, question(ONE, tensor={"data": 7})["data"]):
            assert client.post(INFER, data=body.replace(b"7", nested)).status_code == 400


def test_a_body_that_is_too_large_or_compressed_is_refused(app, client):
    compressed = client.post(INFER, **question(ONE), headers={"Content-Encoding": "gzip"})
    assert (compressed.status_code, compressed.get_json(force=True)["code"]) == (415, "compressed_body")
    app.config["MAX_CONTENT_LENGTH"] = 1000
    large = client.post(INFER, **question(ONE))
    assert large.status_code == 413 and large.get_json(force=True)["error"]


def test_unknown_addresses_and_wrong_methods_are_told_to_clients_too(client):
    for answer in (client.get("/v2/repository/index"), client.get(INFER)):
        problem = answer.get_json(force=True)
        assert answer.status_code in (404, 405) and problem["error"] == problem["detail"]
    assert "error" not in client.get("/nowhere").get_json(force=True)
