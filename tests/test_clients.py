"""Triton's own client talks to a running server as to Triton's."""

import gzip
import json

import numpy as np
import pytest
from served import ROOT
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

BAR = np.zeros((1, 28, 28, 1), np.float32)
BAR[0, 4:24, 13:15] = 1


@pytest.fixture
def client(server):
    with InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


def tensor(array: np.ndarray, binary: bool = True) -> InferInput:
    tensor = InferInput("input", array.shape, "UINT8" if array.dtype == np.uint8 else "FP32")
    return tensor.set_data_from_numpy(array, binary_data=binary)


def test_the_client_finds_server_and_model_alive_and_ready(client, server):
    version = server.get("/readyz")["model_version"]
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("digits") and client.is_model_ready("digits", version)
    assert not client.is_model_ready("letters") and not client.is_model_ready("digits", "1")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    model = client.get_model_metadata("digits")
    assert model["versions"] == [version] and model == client.get_model_metadata("digits", version)


@pytest.mark.parametrize("binary_input", [True, False])
@pytest.mark.parametrize("binary_output", [True, False])
def test_the_client_has_pictures_read_as_bytes_and_as_numbers(client, server, binary_input, binary_output):
    two = np.concatenate([BAR, np.zeros_like(BAR)])
    wanted = [InferRequestedOutput(name, binary_data=binary_output) for name in ("probabilities", "digit", "is_digit")]
    answer = client.infer("digits", [tensor(two, binary_input)], outputs=wanted, request_id="a question")
    assert answer.get_response()["id"] == "a question"
    assert answer.as_numpy("probabilities").shape == (2, 10)
    assert answer.as_numpy("digit")[0] == 1 and answer.as_numpy("is_digit")[0]
    version = server.get("/readyz")["model_version"]
    everything = client.infer("digits", [tensor(two, binary_input)], model_version=version)
    for name in ("probabilities", "digit", "is_digit"):
        assert (everything.as_numpy(name) == answer.as_numpy(name)).all()


def test_the_client_shows_why_a_question_is_refused(client):
    for question, words in (
        (lambda: client.get_model_metadata("letters"), "no model 'letters'"),
        (lambda: client.infer("digits", [tensor(BAR)], model_version="1"), "version '1' is not in service"),
        (lambda: client.infer("digits", [tensor(BAR * 255)]), "from 0 to 1 is expected"),
        (lambda: client.infer("digits", [tensor(BAR[:, :14])]), "the shape is [1, 14, 28, 1]"),
        (lambda: client.infer("digits", [tensor(BAR)], request_compression_algorithm="gzip"), "send it as it is"),
        (lambda: client.get_model_repository_index(), "was not found"),
    ):
        with pytest.raises(InferenceServerException, match=words.replace("[", r"\[")) as refused:
            question()
        assert refused.value.status().startswith("4")


def test_mnist_is_read_through_the_client_as_well_as_the_manifest_says(client, mnist_dir):
    with gzip.open(mnist_dir / "test.csv.gz", "rt") as csv:
        table = np.loadtxt(csv, delimiter=",", skiprows=1, dtype=np.uint8)
    right = 0
    for rows in np.array_split(table, 10):
        digits = client.infer("digits", [tensor(np.ascontiguousarray(rows[:, 1:]))]).as_numpy("digit")
        right += int((digits == rows[:, 0]).sum())
    claimed = json.loads((ROOT / "shared" / "pretrained" / "manifest.json").read_text())["metrics"]["accuracy"]
    assert right / len(table) == pytest.approx(claimed, abs=2e-4)
