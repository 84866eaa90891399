"""What the page's own preparation of strokes is compared with is what the server makes of them."""

import base64
import json

import numpy as np
import pytest
from digit_ui.picture import ink_of_strokes
from digit_ui.preprocessing import to_network_input
from network_input_vectors import PATH, drawings

VECTORS = json.loads(PATH.read_text())


def test_the_vectors_are_of_the_drawings_that_are_meant():
    assert {vector["name"]: vector["strokes"] for vector in VECTORS} == drawings(), "run `make vectors`"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_server_makes_of_the_strokes_what_the_vectors_say(vector):
    wanted = np.frombuffer(base64.b64decode(vector["pixels"]), dtype=np.uint8).reshape(28, 28)
    got = to_network_input(ink_of_strokes(vector["strokes"]))
    assert np.array_equal(got, wanted), "run `make vectors`, and mend the page's scripts if their test then fails"
