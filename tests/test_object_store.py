"""Trainer and server meet in an object store; it may go away, and nobody who draws notices."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import ALGO_PYTHON, ROOT
from killable_trainer import at_work
from served import Server, free_port
from test_both_programs import DIGIT_LIKE, repeating

CLIENTS = 3
PRETRAINED = ROOT / "shared" / "pretrained"
# Of freezing it, and again of killing it.
AWAY_S = float(os.environ.get("AWAY_S", "4"))


@pytest.fixture
def trainer(s3, tmp_path):
    """A trainer elsewhere, which has networks to publish."""
    environment = {**os.environ, "STORE_COPY_DIR": str(tmp_path / "trainers copy")}
    with at_work(s3.url, tmp_path / "trainer.log", environment=environment) as trainer:
        yield trainer


@pytest.fixture
def replica(s3, tmp_path, cache_dir):
    """A server with two workers, whose models come from the store."""
    environment = {
        **s3.variables,
        "SHARED_DIR": s3.url,
        "DATABASE_URL": f"sqlite:///{tmp_path}/feedback.db",
        "STORE_COPY_DIR": str(tmp_path / "servers copy"),
        "STORE_POLL_INTERVAL_S": "0.5",
        "WEB_CONCURRENCY": "2",
    }
    server = Server(tmp_path, free_port(), cache_dir, tmp_path / "server.log", environment)
    yield server
    server.stop()


def serves(server, version: str) -> None:
    """Wait until every worker serves it."""
    server.wait_until(lambda: server.get("/readyz")["model_version"] == version)


def lay(s3, version: str) -> str:
    """Put the shipped model into the store as another version, and into service."""
    manifest = json.loads((PRETRAINED / "manifest.json").read_text()) | {"version": version}
    for place in (f"versions/{version}/", ""):
        for name in manifest["files"]:
            s3.put(place + name, (PRETRAINED / name).read_bytes())
        s3.put(f"{place}manifest.json", json.dumps(manifest).encode())
    return version


@contextlib.contextmanager
def clients(server):
    """Some that draw on and on; gives (version, seconds) of each answer, and what failed."""
    answers, failures = [], []

    def ask() -> None:
        began = time.monotonic()
        try:
            version = server.post("/predict", {"strokes": DIGIT_LIKE})["model_version"]
            answers.append((version, time.monotonic() - began))
        except OSError as error:
            failures.append(error)

    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(repeating(ask, pause_s=0.02))
        yield answers, failures


def reached(server) -> bool:
    return server.get("/readyz")["object_store"]["reached"]


def test_the_store_goes_away_and_serving_goes_on_and_the_next_version_comes_when_it_is_back(s3, trainer, replica):
    first = trainer.publish()
    replica.start()
    serves(replica, first)
    looking = [line for line in replica.log().splitlines() if "the object store answers" in line]
    assert len(looking) == 1  # one worker looks for both

    with clients(replica) as (answers, failures):
        second = trainer.publish()
        serves(replica, second)

        s3.freeze()
        replica.wait_until(lambda: not reached(replica))
        time.sleep(AWAY_S)
        assert replica.get("/readyz")["model_version"] == second  # ready all the same
        s3.thaw()
        replica.wait_until(lambda: reached(replica))
        third = trainer.publish()
        serves(replica, third)

        files = s3.files()
        s3.kill()
        replica.wait_until(lambda: not reached(replica))
        time.sleep(AWAY_S)
        assert replica.get("/readyz")["model_version"] == third
        s3.again(files)
        fourth = trainer.publish()
        serves(replica, fourth)
        asked = len(answers)
        replica.wait_until(lambda: len(answers) > asked + 20)
    assert failures == []
    assert list(dict.fromkeys(version for version, _ in answers)) == [first, second, third, fourth]
    times_s = sorted(took for _, took in answers)
    print(f"{len(times_s)} answers, half within {times_s[len(times_s) // 2]:.4f} s, the slowest in {times_s[-1]:.3f} s")


def test_a_server_that_starts_while_the_store_is_away_serves_its_copy(s3, replica):
    version = lay(s3, "v1")
    replica.start()
    serves(replica, version)
    replica.stop()
    s3.kill()
    replica.start()
    assert replica.get("/readyz")["model_version"] == version
    replica.wait_until(lambda: not reached(replica))
    ready = replica.get("/readyz")
    assert "does not answer" in ready["object_store"]["fault"] and ready["model_version"] == version
    assert s3.variables["AWS_SECRET_ACCESS_KEY"] not in replica.log() + json.dumps(ready)


def test_workers_that_are_killed_are_followed_by_others_that_look(s3, replica):
    replica.start()
    pid = replica.process.pid
    for worker in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        os.kill(int(worker), signal.SIGKILL)
    serves(replica, lay(s3, "v1"))


def test_a_watching_trainer_takes_requests_and_gives_news_through_the_store(s3, replica, tmp_path):
    first, second = lay(s3, "20260101T000000Z-a"), lay(s3, "20260102T000000Z-b")
    replica.start()
    serves(replica, second)
    environment = {
        **os.environ,
        "SHARED_DIR": s3.url,
        "DATABASE_URL": f"sqlite:///{tmp_path}/feedback.db",
        "STORE_COPY_DIR": str(tmp_path / "watchers copy"),
    }
    command = [ALGO_PYTHON, "algo_container/cnn_mnist.py", "--watch"]
    with (tmp_path / "trainer.log").open("w") as log:
        trainer = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        replica.wait_until(lambda: (replica.get("/training/status")["watcher"] or {}).get("watching"))
        replica.change("/training/rollback", {"version": first})
        serves(replica, first)
        listed = replica.get("/training/versions")
        assert listed["in_service"] == first
        assert {first, second} <= {version["version"] for version in listed["versions"]}
        replica.change("/training/retrain", {})
        job = replica.wait_until(lambda: (replica.get("/training/status")["job"] or {}).get("outcome"))
        assert job["verdict"] == "nothing"  # nobody has drawn
    finally:
        trainer.terminate()
        trainer.wait(timeout=20)
    assert trainer.returncode == 143, (tmp_path / "trainer.log").read_text()


def test_the_trainers_commands_say_what_is_wrong_with_the_store(s3, tmp_path):
    environment = {**os.environ, "STORE_COPY_DIR": str(tmp_path / "copy")}
    command = [ALGO_PYTHON, "algo_container/cnn_mnist.py", "--rollback", "--out", "s3://elsewhere/x"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert (
        result.stderr.startswith("cnn_mnist.py: s3://elsewhere/x: there is no such bucket")
        and "Traceback" not in result.stderr
    )
    shutil.rmtree(tmp_path / "copy")
