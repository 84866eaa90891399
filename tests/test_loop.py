"""The whole loop: a person corrects, the trainer learns, the gate decides, the server follows, and one goes back."""

import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import threading
import time

import jsonschema
import pytest
from conftest import ALGO_PYTHON, ROOT

CLIENTS = 8
RETRAIN_AFTER = 30


def flat_flagged_one(rng: random.Random) -> list:
    """Write a 1 whose flag is long and nearly flat, as some people do; the shipped model hesitates to call it a 1."""
    top, lean = 20 + rng.uniform(-8, 8), rng.uniform(-10, 10)
    flag_x, flag_y = 60 + rng.uniform(-12, 12), 24 + rng.uniform(-8, 8)
    stem_x = 150 + lean
    return [
        [[stem_x - flag_x, top + flag_y], [stem_x, top], [stem_x - lean + rng.uniform(-6, 6), 250 + rng.uniform(-9, 9)]]
    ]


@contextlib.contextmanager
def watching(server, data, *options):
    """A watching trainer beside the server; its log on failure."""
    log = server.log_file.with_name("trainer.log")
    command = [
        ALGO_PYTHON,
        "algo_container/cnn_mnist.py",
        "--watch",
        "--out",
        server.shared_dir,
        "--data",
        data,
        *options,
    ]
    with log.open("w") as file:
        trainer = subprocess.Popen(
            command, cwd=ROOT, stdout=file, stderr=file, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
    try:
        yield
    except BaseException:
        print(log.read_text()[-4000:])
        trainer.kill()
        raise
    trainer.send_signal(signal.SIGTERM)
    assert trainer.wait(timeout=20) == 143


@contextlib.contextmanager
def clients(server):
    """Eight that ask /predict without pause; gives (version, seconds) of each answer, and what failed."""
    answers, failures, stop = [], [], threading.Event()
    rng = random.Random(1)
    drawings = [flat_flagged_one(rng) for _ in range(20)]

    def ask() -> None:
        while not stop.is_set():
            started = time.monotonic()
            try:
                version = server.post("/predict", {"strokes": random.choice(drawings)})["model_version"]
                answers.append((version, time.monotonic() - started))
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield answers, failures
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def stage(server) -> str | None:
    """Say what the trainer does just now."""
    return (server.get("/training/status")["job"] or {}).get("stage")


def share_read_as_one(server, drawings) -> float:
    return statistics.mean(server.post("/predict", {"strokes": strokes})["digit"] == 1 for strokes in drawings)


@pytest.mark.usefixtures("mnist_dir")
def test_a_hand_that_is_corrected_is_read_better_and_one_can_go_back(server, small_data):
    rng = random.Random(0)
    taught, others = ([flat_flagged_one(rng) for _ in range(count)] for count in (RETRAIN_AFTER, 60))
    shipped = server.get("/readyz")["model_version"]
    before = share_read_as_one(server, others)
    assert before < 0.8

    with watching(server, small_data, "--retrain-after", str(RETRAIN_AFTER)):
        server.wait_until(lambda: (server.get("/training/status")["watcher"] or {}).get("watching"))
        for strokes in taught:
            answer = server.post("/predict", {"strokes": strokes})
            given = {"digit": answer["digit"], "model_version": answer["model_version"], "session": "a-hand"}
            server.post("/feedback", {"strokes": strokes, "label": 1, **given})
        server.wait_until(lambda: stage(server) == "learning", timeout_s=120)
        late = server.post("/feedback", {"strokes": others[0], "label": 1})["id"]  # while it trains
        server.wait_until(lambda: stage(server) == "publishing", timeout_s=240)
        with clients(server) as (answers, failures):
            retrained = server.wait_until(
                lambda: (version := server.get("/readyz")["model_version"]) != shipped and version, timeout_s=60
            )
            time.sleep(0.5)
        assert failures == []
        assert {version for version, _ in answers} == {shipped, retrained}

        manifest = json.loads((server.shared_dir / "manifest.json").read_text())
        jsonschema.validate(manifest, json.loads((ROOT / "shared" / "manifest.schema.json").read_text()))
        learned, examined = (set(manifest["feedback"][side]) for side in ("learned", "examined"))
        stored = {row["id"] for row in server.feedback()}
        assert (manifest["version"], manifest["parent"]) == (retrained, shipped)
        assert not learned & examined and learned | examined <= stored - {late} and len(examined) >= 5
        assert manifest["gate"]["verdict"] == "served" and manifest["base"]["version"] == shipped
        assert share_read_as_one(server, others) > before + 0.1
        status = server.get("/training/status")
        assert status["job"]["outcome"] == {"verdict": "served", "version": retrained, "reason": None}
        assert status["watcher"]["new_labels"] == 1  # the late one

        asked = time.monotonic()
        server.change("/training/rollback", {"version": shipped})
        server.wait_until(lambda: server.get("/readyz")["model_version"] == shipped, timeout_s=10)
        assert time.monotonic() - asked < 5
        time.sleep(3)  # the watcher looks again, and lets be what a person has chosen
        assert server.get("/readyz")["model_version"] == shipped


def test_the_same_feedback_and_seed_make_the_same_model_again(server, small_data):
    rng = random.Random(0)
    shipped = server.get("/readyz")["model_version"]
    for _ in range(20):
        server.post("/feedback", {"strokes": flat_flagged_one(rng), "label": 1, "session": "a-hand"})

    def retrain() -> str:
        command = [ALGO_PYTHON, "-c", QUICK_RETRAIN, "--retrain", "--out", server.shared_dir, "--data", small_data]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode in (0, 3), result.stderr
        return newest(server)["files"]["model.h5"]["sha256"]

    def go_back() -> None:
        command = [ALGO_PYTHON, "algo_container/cnn_mnist.py", "--rollback", shipped, "--out", server.shared_dir]
        subprocess.run(command, cwd=ROOT, check=True)

    first = retrain()
    go_back()
    assert retrain() == first
    go_back()
    deleted = server.feedback()[0]["id"]
    server.change(f"/training/feedback/{deleted}", {}, method="DELETE")
    assert retrain() != first
    feedback = newest(server)["feedback"]
    assert deleted not in feedback["learned"] and deleted not in feedback["examined"]


QUICK_RETRAIN = """
import sys
sys.path[:0] = ["algo_container"]
from trainer import retraining
import cnn_mnist
retraining.EPOCHS, retraining.STEPS = 1, 4
sys.exit(cnn_mnist.main())
"""


def newest(server) -> dict:
    """Give the newest version's manifest, in service or refused."""
    paths = (server.shared_dir / "versions").glob("[!.]*/manifest.json")
    return json.loads(max(paths, key=lambda path: path.stat().st_mtime).read_text())
