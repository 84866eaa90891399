"""Layers are computed together without a change of what they compute, and any number of pictures at a time."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openvino
import pytest
from conftest import PRETRAINED
from digit_ui.artefacts import Candidate
from digit_ui.conversion import converted
from digit_ui.layout import carry_turns_forward
from digit_ui.network import Network
from openvino import opset16


@pytest.fixture(scope="module")
def xml(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return converted(Candidate("shipped model", PRETRAINED, has_manifest=True).read(), cache) / "model.xml"


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).random((70, 28, 28, 1), dtype=np.float32)


def test_between_the_shipped_models_convolutions_nothing_is_turned_any_more(xml):
    nodes = openvino.Core().read_model(xml).get_ordered_ops()
    convolutions = [number for number, node in enumerate(nodes) if node.get_type_name() == "Convolution"]
    # Of no fixed shape is what depends on the pictures; weights are turned once and for all.
    between = [node for node in nodes[convolutions[0] : convolutions[1]] if node.get_output_partial_shape(0).is_dynamic]
    kinds = [node.get_type_name() for node in between]
    assert "MaxPool" in kinds and "Transpose" not in kinds


@pytest.mark.parametrize("count", [1, 2, 16, 17, 70])
def test_any_number_of_pictures_gets_the_answers_that_each_gets_alone(xml, pictures, count):
    network = Network(xml)
    alone = [network(picture[np.newaxis]) for picture in pictures[:count]]
    together = network(pictures[:count])
    for name in ("probabilities", "embedding"):
        assert together[name] == pytest.approx(np.concatenate([outputs[name] for outputs in alone]), abs=1e-4)


def test_threads_that_ask_at_once_get_their_own_answers(xml, pictures):
    network = Network(xml)
    alone = [network(picture[np.newaxis])["probabilities"] for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            answers = pool.map(lambda picture: network(picture[np.newaxis])["probabilities"], pictures)
            assert all(np.array_equal(answer, wanted) for answer, wanted in zip(answers, alone, strict=True))


def turned(value, axes):
    return opset16.transpose(value, np.array(axes, dtype=np.int64))


def graph(middle):
    """A turn, what `middle` makes of its output, and the turn back."""
    x = opset16.parameter(openvino.PartialShape([-1, 3, 4, 5]), openvino.Type.f32)
    return openvino.Model([opset16.result(turned(middle(turned(x, [0, 2, 3, 1])), [0, 3, 1, 2]))], [x])


LAST = np.arange(3, dtype=np.float32)
MIDDLES = {
    "a value for each channel": lambda x: opset16.add(x, opset16.constant(LAST.reshape(1, 1, 1, 3))),
    "a value taken from": lambda x: opset16.subtract(opset16.constant(LAST.reshape(1, 1, 1, 3)), x),
    "each value alone": lambda x: opset16.relu(opset16.subtract(x, opset16.constant(np.float32([[[[0.5]]]])))),
    "of lower rank, which is left alone": lambda x: opset16.multiply(x, opset16.constant(LAST)),
    "the picture with itself": lambda x: opset16.multiply(x, opset16.sigmoid(x)),
    "a sum over an axis": lambda x: opset16.multiply(x, opset16.reduce_sum(x, np.int64([3]), keep_dims=True)),
}


@pytest.mark.parametrize("middle", MIDDLES)
def test_turns_are_carried_only_where_it_makes_no_difference(middle):
    x = np.random.default_rng(0).random((2, 3, 4, 5), dtype=np.float32)
    carried = graph(MIDDLES[middle])
    carry_turns_forward(carried)
    wanted, got = (
        openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)[0]
        for model in (graph(MIDDLES[middle]), carried)
    )
    assert got == pytest.approx(wanted, abs=1e-6)
