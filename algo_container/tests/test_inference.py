"""What a network makes of pictures is the same in parts and blocks as at once, and each part has cores of its own."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from trainer.cores import PARTS
from trainer.inference import BLOCK_ROWS, infer
from trainer.network import build_cnn

PROGRAM = Path(__file__).parents[1]


@pytest.mark.parametrize("count", [1, 2, 7, BLOCK_ROWS, BLOCK_ROWS + 1])
def test_every_row_is_answered_in_its_place(count):
    rows = np.arange(count * 3, dtype=np.float32).reshape(count, 3)
    one, other = infer(lambda part: [part[:, :2], part.shape[-1] * part], rows)
    assert np.array_equal(one, rows[:, :2]) and np.array_equal(other, 3 * rows)


@pytest.mark.parametrize("count", [1, 33, BLOCK_ROWS + 1])
def test_a_network_answers_as_its_own_predict_does(count):
    keras.utils.set_random_seed(1)
    network, pictures = build_cnn(), np.random.default_rng(0).random((count, 28, 28, 1), dtype=np.float32)
    assert infer(network, pictures) == pytest.approx(network.predict(pictures, verbose=0), abs=1e-5)


@pytest.mark.parametrize("chosen", [{}, {"TF_NUM_INTRAOP_THREADS": "3"}])
def test_the_cores_are_divided_among_the_parts_unless_a_person_has_done_so(chosen):
    program = """
from trainer.cores import divide_cores
import os
divide_cores()
print(os.environ["TF_NUM_INTEROP_THREADS"], os.environ["TF_NUM_INTRAOP_THREADS"])
"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_NUM")}
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=PROGRAM, env=kept | chosen, capture_output=True, text=True, check=True
    ).stdout
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert output.split() == [str(PARTS), chosen.get("TF_NUM_INTRAOP_THREADS", str(max(1, cores // PARTS)))]
