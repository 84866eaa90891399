"""What the trainer publishes the server serves, whole or not at all; what people meant the trainer can read."""

import contextlib
import hashlib
import json
import random
import subprocess
import threading
import time
import urllib.request

import pytest
from conftest import ALGO_PYTHON, ROOT
from killable_trainer import at_work

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


def test_a_publisher_killed_at_any_moment_never_leaves_a_torn_model(server, tmp_path):
    rng = random.Random(0)
    seen, faults = set(), []

    def read() -> None:
        try:
            seen.add(check_whole(server.shared_dir))
        except Exception as error:  # noqa: BLE001 # any error of a reader is what this test is for
            faults.append(error)

    with at_work(server.shared_dir, tmp_path / "trainer.log") as trainer, repeating(read):
        assert trainer.do("publish")[0] == "done", trainer.log()
        outcome, lasts_s = trainer.do("publish")
        assert outcome == "done", trainer.log()
        outcomes = [trainer.do("publish", kill_after_s=rng.uniform(0, lasts_s))[0] for _ in range(KILLS)]
        last = trainer.publish()
    version = check_whole(server.shared_dir)
    assert faults == []
    assert last == version
    assert "failed" not in outcomes
    assert outcomes.count("killed") >= KILLS / 2
    assert len(seen) >= 2
    assert not list((server.shared_dir / "versions").glob(".partial-*"))

    server.wait_until(lambda: server.get("/readyz")["model_version"] == version)
    assert server.get("/readyz")["refused"] == []
    assert "refused" not in server.log()


def test_a_publisher_killed_over_the_users_own_pair_leaves_that_or_a_whole_model(tmp_path):
    shared_dir = tmp_path / "shared"
    shared_dir.mkdir()
    own = {name: (ROOT / "shared" / "pretrained" / name).read_bytes() for name in ("model.json", "model.h5")}
    with at_work(shared_dir, tmp_path / "trainer.log") as trainer:
        for replacement in (1, 2, 3, 4):
            (shared_dir / "manifest.json").unlink(missing_ok=True)
            for name, content in own.items():
                (shared_dir / name).write_bytes(content)
            trainer.begin("publish", dies_before=replacement)
            assert trainer.end() == "killed"
            if check_whole(shared_dir) is None:
                assert {name: (shared_dir / name).read_bytes() for name in own} == own


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
