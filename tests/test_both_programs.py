"""What the trainer publishes the server serves, whole or not at all; what people meant the trainer can read."""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.request

import pytest
from conftest import ALGO_PYTHON, ROOT

KILLS = 25
DIGIT_LIKE = [[[60, 60], [220, 60], [120, 240]]]

TRAIN_ON_BARS = """
import sys
sys.path[:0] = ["algo_container", "algo_container/tests"]
from pathlib import Path
from conftest import digit_table
folder = Path(sys.argv[1])
folder.mkdir()
digit_table(400, 1).to_csv(folder / "train.csv", index=False)
digit_table(100, 2).to_csv(folder / "test.csv", index=False)
"""

# Publishes one untrained network after another with the trainer's own code, each in a child that may be killed.
# The parent only imports TensorFlow: what it starts, it starts in the child.
PUBLISHER = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path[:0] = ["algo_container", "algo_container/tests"]
from pathlib import Path
import keras, numpy as np
from conftest import digit_table
from trainer.dataset import Digits
from trainer.network import build_cnn
from trainer.publishing import publish

table = digit_table(10, 0).to_numpy(dtype=np.uint8)
test = Digits(table[:, 0], table[:, 1:].reshape(-1, 28, 28), {"file": "test.csv", "rows": 10, "sha256": "0" * 64})
facts = {
    "metrics": {"dataset": "test.csv", "n": 10, "correct": 1, "accuracy": 0.1, "accuracy_ci95": [0.0, 0.4]},
    "training": {"rows": 10, "epochs": 1, "batch_size": 1, "seed": 0, "validation_share": 0.0, "duration_s": 0.0},
    "data": {"train": test.source, "test": test.source},
}
real_replace = os.replace
def replace_or_die(*paths):
    replace_or_die.left -= 1
    if replace_or_die.left == 0:
        os.kill(os.getpid(), 9)
    real_replace(*paths)

# A line of input: the seed, and before which replacement of a top-level file to die (0: before none).
for seed, replace_or_die.left in (map(int, line.split()) for line in sys.stdin):
    os.replace = replace_or_die
    child = os.fork()
    if child == 0:
        keras.utils.set_random_seed(seed)
        model, is_digit = build_cnn(), keras.layers.Dense(1)
        is_digit.build((None, 256))
        print(os.getpid(), flush=True)
        publish(model, is_digit, Path(sys.argv[1]), test, facts, lambda folder: (folder / "x").touch())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print("killed" if os.WIFSIGNALED(status) else "published" if status == 0 else "failed", flush=True)
"""


@contextlib.contextmanager
def repeating(task, pause_s: float = 0.0):
    """Do `task` over and over in the background until the block is left."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(pause_s):
            task()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def worker_count() -> int:
    return 2


def check_whole(shared_dir) -> str | None:
    """Read as a strict reader would: whatever manifest.json names must be there, to the byte."""
    try:
        manifest = json.loads((shared_dir / "manifest.json").read_text())
    except FileNotFoundError:
        return None
    for name, facts in manifest["files"].items():
        content = (shared_dir / "versions" / manifest["version"] / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (facts["size_bytes"], facts["sha256"])
    return manifest["version"]


def test_a_publisher_killed_at_any_moment_never_leaves_a_torn_model(server):
    arguments = [ALGO_PYTHON, "-c", PUBLISHER, server.shared_dir]
    rng = random.Random(0)
    seen, faults, durations_s = set(), [], []

    def read() -> None:
        try:
            seen.add(check_whole(server.shared_dir))
        except Exception as error:  # noqa: BLE001 # any error of a reader is what this test is for
            faults.append(error)

    with (
        subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as publisher,
        repeating(read),
    ):

        def publish(seed: int, kill_after_s: float | None) -> str:
            child = begin(publisher, seed)
            started = time.monotonic()
            if kill_after_s is not None:
                time.sleep(kill_after_s)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            outcome = publisher.stdout.readline().strip()
            durations_s.append(time.monotonic() - started)
            return outcome

        assert publish(0, None) == "published"
        assert publish(1, None) == "published"
        outcomes = [publish(seed, rng.uniform(0, durations_s[1])) for seed in range(2, 2 + KILLS)]
        last = publish(99, None)
        publisher.stdin.close()
    version = check_whole(server.shared_dir)
    assert faults == []
    assert last == "published"
    assert "failed" not in outcomes
    assert outcomes.count("killed") >= KILLS / 2
    assert len(seen) >= 2
    assert not list((server.shared_dir / "versions").glob(".partial-*"))

    server.wait_until(lambda: server.get("/readyz")["model_version"] == version)
    assert server.get("/readyz")["refused"] == []
    assert "refused" not in server.log()


def begin(publisher: subprocess.Popen, seed: int, die_at: int = 0) -> int:
    """Have the next model published; return the process that does it."""
    publisher.stdin.write(f"{seed} {die_at}\n")
    publisher.stdin.flush()
    return int(publisher.stdout.readline())


def test_a_publisher_killed_over_the_users_own_pair_leaves_that_or_a_whole_model(tmp_path):
    own = {name: (ROOT / "shared" / "pretrained" / name).read_bytes() for name in ("model.json", "model.h5")}
    arguments = [ALGO_PYTHON, "-c", PUBLISHER, tmp_path]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as publisher:
        for die_at in (1, 2, 3, 4):
            (tmp_path / "manifest.json").unlink(missing_ok=True)
            for name, content in own.items():
                (tmp_path / name).write_bytes(content)
            begin(publisher, die_at, die_at)
            assert publisher.stdout.readline().strip() == "killed"
            if check_whole(tmp_path) is None:
                assert {name: (tmp_path / name).read_bytes() for name in own} == own
        publisher.stdin.close()


def test_a_training_is_swapped_in_while_people_draw(server, tmp_path):
    data = tmp_path / "data"
    subprocess.run([ALGO_PYTHON, "-c", TRAIN_ON_BARS, data], cwd=ROOT, check=True)
    shipped = server.get("/readyz")["model_version"]
    answers, failures = [], []

    def ask() -> None:
        try:
            answers.append(server.post("/predict", {"strokes": DIGIT_LIKE})["model_version"])
        except OSError as error:
            failures.append(error)

    options = ["--data", data, "--out", server.shared_dir, "--epochs", "1", "--min-accuracy", "0"]
    with repeating(ask, pause_s=0.01):
        training = subprocess.run([ALGO_PYTHON, "algo_container/cnn_mnist.py", *options], cwd=ROOT, check=False)
        trained = json.loads((server.shared_dir / "manifest.json").read_text())["version"]
        server.wait_until(lambda: server.get("/readyz")["model_version"] == trained)
        swapped = len(answers) + 1  # one may have been on its way
        server.wait_until(lambda: len(answers) > swapped + 20)
    assert training.returncode == 0
    assert failures == []
    assert set(answers) == {shipped, trained}
    assert set(answers[swapped:]) == {trained}  # by every worker


READ_CSV = """
import sys
sys.path[:0] = ["algo_container"]
from pathlib import Path
from trainer.dataset import read_digits
print(read_digits(Path(sys.argv[1])).labels.tolist())
"""


def test_the_trainer_reads_the_feedback_that_the_server_exports(server, tmp_path):
    for label in range(10):
        server.post("/feedback", {"strokes": DIGIT_LIKE, "label": label})
    urllib.request.urlretrieve(server.url + "/feedback.csv", tmp_path / "feedback.csv")
    arguments = [ALGO_PYTHON, "-c", READ_CSV, tmp_path / "feedback.csv"]
    result = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.stdout.strip() == str(list(range(10))), result.stderr


def test_a_stop_answers_the_request_in_progress_first(server):
    answers = []
    large = {"strokes": [[[x % 200, x % 170] for x in range(15_000)]]}
    asking = threading.Thread(target=lambda: answers.append(server.post("/predict", large)["digit"]))
    asking.start()
    time.sleep(0.05)
    started = time.monotonic()
    server.stop()
    asking.join()
    assert len(answers) == 1 and time.monotonic() - started < 10
