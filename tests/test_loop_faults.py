"""The trainer is killed a hundred times while it watches, trains, publishes and goes back, and the loop goes on."""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter

import pytest
from conftest import ALGO_PYTHON, ROOT
from test_both_programs import DIGIT_LIKE, TRAIN_ON_BARS, check_whole, repeating

KILLS = {"watch": 20, "retrain": 20, "publish": 30, "rollback": 30}

# Does one piece of a trainer's work after another, each in a child that may be killed at any moment. TensorFlow is
# imported here and started only there; run eagerly, it learns little, but at once.
WORKER = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path[:0] = ["algo_container", "algo_container/tests"]
from pathlib import Path
import keras, numpy as np, tensorflow as tf
import cnn_mnist
from trainer import retraining, watching
from trainer.network import build_cnn
from trainer.dataset import read_digits
from trainer.publishing import publish
from trainer.versions import in_service, manifests, roll_back

shared_dir, data = Path(sys.argv[1]), sys.argv[2]
retraining.EPOCHS, retraining.STEPS, retraining.FORMS, retraining.NON_DIGITS = 1, 3, 30, 30
retraining.EXAMINED_FORMS, retraining.TRUSTED_ROWS, retraining.UNSURE_ROWS = 20, 200, 50
watching.POLL_INTERVAL_S = 0.02
options = ["--out", str(shared_dir), "--data", data, "--min-accuracy", "0", "--retrain-after", "1000000"]

def publish_new(seed):
    keras.utils.set_random_seed(seed)
    model, is_digit = build_cnn(), keras.layers.Dense(1)
    is_digit.build((None, 256))
    test = read_digits(Path(data) / "test.csv")
    facts = {
        "metrics": {"dataset": "test.csv", "n": 10, "correct": 1, "accuracy": 0.1, "accuracy_ci95": [0.0, 0.4]},
        "training": {"rows": 9, "epochs": 1, "batch_size": 1, "seed": seed, "validation_share": 0.0, "duration_s": 0.0},
        "data": {"train": test.source, "test": test.source},
    }
    publish(model, is_digit, shared_dir, test, facts, lambda folder: (folder / "x").touch())

def go_back(seed):
    now = in_service(shared_dir)[0]["version"]
    others = [
        manifest["version"]
        for manifest in manifests(shared_dir)
        if manifest["version"] != now and manifest.get("gate", {}).get("verdict") != "refused"
    ]
    roll_back(shared_dir, np.random.default_rng(seed).choice(others))

def retrain(_seed):
    tf.config.run_functions_eagerly(True)
    status = cnn_mnist.main(["--retrain", *options])
    assert status in (0, 3), status

def watch(_seed):
    cnn_mnist.main(["--watch", *options])

work = {"publish": publish_new, "rollback": go_back, "retrain": retrain, "watch": watch}
for line in sys.stdin:
    name, seed = line.split()
    child = os.fork()
    if child == 0:
        sys.stdout = sys.stderr
        print(os.getpid(), file=sys.__stdout__, flush=True)
        try:
            work[name](int(seed))
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print("killed" if os.WIFSIGNALED(status) else "done" if status == 0 else "failed", flush=True)
"""


class Worker:
    """The other end of the program above."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process
        self._seed = 0

    def do(self, name: str, kill_after_s: float | None = None) -> tuple[str, float]:
        """Have a piece of work done, or killed; return how it ended and how long it took."""
        self._seed += 1
        self._process.stdin.write(f"{name} {self._seed}\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        started = time.monotonic()
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return self._process.stdout.readline().strip(), time.monotonic() - started


@pytest.fixture
def bars(tmp_path):
    """A small data set that can be learned in seconds."""
    subprocess.run([ALGO_PYTHON, "-c", TRAIN_ON_BARS, tmp_path / "data"], cwd=ROOT, check=True)
    return tmp_path / "data"


def test_killed_at_any_moment_it_loses_nothing_and_goes_on(server, bars, tmp_path):
    shared_dir, rng = server.shared_dir, random.Random(0)
    ids = [server.post("/feedback", {"strokes": DIGIT_LIKE, "label": label % 10})["id"] for label in range(12)]
    for feedback_id in ids:  # or they would be held back: the same drawing with many labels
        server.change(f"/training/feedback/{feedback_id}/accept", {})
    faults = []

    def read() -> None:
        try:
            check_whole(shared_dir)
            for manifest in (shared_dir / "versions").glob("[!.]*/manifest.json"):
                with contextlib.suppress(FileNotFoundError):  # pruned while it was looked at
                    files = json.loads(manifest.read_text())["files"]
                    for name, facts in files.items():
                        assert hashlib.sha256((manifest.parent / name).read_bytes()).hexdigest() == facts["sha256"]
        except Exception as error:  # noqa: BLE001 # any error of a reader is what this test is for
            faults.append(error)

    command = [ALGO_PYTHON, "-c", WORKER, shared_dir, bars]
    with (
        (tmp_path / "worker.log").open("w") as log,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
        repeating(read, pause_s=0.01),
    ):
        worker = Worker(process)
        lasts_s = {"watch": 1.0}
        for name in ("publish", "publish", "rollback", "retrain"):
            outcome, lasts_s[name] = worker.do(name)
            assert outcome == "done", (tmp_path / "worker.log").read_text()[-3000:]
        outcomes = Counter()
        for name in rng.sample(list(KILLS), counts=list(KILLS.values()), k=sum(KILLS.values())):
            outcome, _ = worker.do(name, kill_after_s=rng.uniform(0, lasts_s[name]))
            outcomes[name, outcome] += 1
        # And the loop goes on: with what had been begun finished, each piece of work is done again.
        for name in ("rollback", "publish", "retrain"):
            assert worker.do(name)[0] == "done", (tmp_path / "worker.log").read_text()[-3000:]
        process.stdin.close()

    assert faults == []
    assert not [name for name, outcome in outcomes if outcome == "failed"], (tmp_path / "worker.log").read_text()[
        -3000:
    ]
    for name, count in KILLS.items():
        assert outcomes[name, "killed"] >= count / 3, outcomes
    assert [row["id"] for row in server.feedback()] == ids
    assert not (shared_dir / ".publish.intent").exists()
    versions = [path.name for path in (shared_dir / "versions").iterdir()]
    assert not [name for name in versions if name.startswith(".")] and 2 <= len(versions) <= 12
    published = check_whole(shared_dir)
    server.wait_until(lambda: server.get("/readyz")["model_version"] == published)
    assert "refused" not in server.log()
    status = server.get("/training/status")
    assert status["job"]["stage"] == "done" and status["job"]["outcome"]["verdict"] in ("served", "refused")
