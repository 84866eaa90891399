"""Load damaged weights into a network, one file after another, and print which one is at work; test_fuzz.py runs this.

usage: read_damaged_weights.py FIRST END PATH
"""

import contextlib
import itertools
import json
import os
import signal
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path += [str(FOLDER.parent), str(FOLDER.parents[1] / "tests")]

from digit_ui.pair_reader import OPENVINO_KERAS, read_config  # noqa: E402 # the paths come first
from fuzzing import mutants  # noqa: E402

os.environ.update(OPENVINO_KERAS)
import h5py  # noqa: E402 # after the choice of the backend
import keras  # noqa: E402

LONGEST_S = 5
PAIR = FOLDER / "pairs" / "keras-2.15"

network = keras.models.model_from_json(json.dumps(read_config((PAIR / "model.json").read_text())))
path = Path(sys.argv[3])
inputs = mutants([(PAIR / name).read_bytes() for name in ("model.h5", "saved.h5")])
for number, data in itertools.islice(enumerate(inputs), int(sys.argv[1]), int(sys.argv[2])):
    print(number, flush=True)
    path.write_bytes(data)
    signal.alarm(LONGEST_S)  # which ends the process, as nothing else ends a library that does not return
    with contextlib.suppress(Exception):
        if h5py.is_hdf5(path):
            network.load_weights(path)
