"""Several processes train together, as TF_CONFIG says."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cnn_mnist import own_copy
from loop_fixtures import put_version
from trainer.checkpoint import Checkpoint, State, spent
from trainer.cluster import Cluster, read_cluster
from trainer.cores import divide_cores
from trainer.dataset import read_digits
from trainer.errors import AccuracyTooLowError, ClusterError
from trainer.store_mark import begin_copy
from trainer.versions import only_publisher

PROGRAM = Path(__file__).parents[1] / "cnn_mnist.py"
WORKERS = 2
# Of a whole training, on a machine that has other work.
PATIENCE_S = 500


class Worker:
    """One process of a cluster, and all that it has said."""

    def __init__(self, addresses: list[str], index: int, arguments: list[str], log: Path) -> None:
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        # As on a machine of its own: what it has on its disk nobody else has.
        environment = {
            **os.environ,
            "TF_CONFIG": json.dumps(config),
            "PYTHONUNBUFFERED": "1",
            "STORE_COPY_DIR": str(log.with_suffix("")),
        }
        self._log = log
        with log.open("w") as file:
            command = [sys.executable, str(PROGRAM), *arguments]
            self.process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def waits_for(self, pattern: str) -> None:
        """Wait until it says something."""
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.said):
            assert self.process.poll() is None and time.monotonic() < deadline, self.said
            time.sleep(0.1)

    def ends(self) -> int:
        """Wait for its end; return its exit status."""
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def free_addresses(count: int) -> list[str]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]


@contextlib.contextmanager
def started(
    data: Path, out: Path | str, logs: Path, *options: str
) -> Iterator[tuple[list[Worker], list[str], list[str]]]:
    """Start all workers; hand them over with their addresses and arguments."""
    addresses = free_addresses(WORKERS)
    arguments = ["--data", str(data), "--out", str(out), *options]
    workers = [Worker(addresses, index, arguments, logs / f"{index}.log") for index in range(WORKERS)]
    try:
        yield workers, addresses, arguments
    finally:
        for worker in workers:
            worker.kill()


def weights_of(worker: Worker) -> str:
    return re.findall(r"weights after \d+ steps: (\w+)", worker.said)[-1]


def test_two_workers_keep_the_same_weights_and_the_chief_publishes_what_reads_most(small_data, tmp_path):
    out = tmp_path / "out"
    options = ("--epochs", "3", "--batch-size", "64", "--min-accuracy", "0.8")
    with started(small_data, out, tmp_path, *options) as (workers, _, _):
        assert [worker.ends() for worker in workers] == [0, 0], [worker.said for worker in workers]
    assert weights_of(workers[0]) == weights_of(workers[1])
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["training"]["rows"] == 3600 and manifest["metrics"]["accuracy"] >= 0.8
    assert "published version" in workers[0].said and "published version" not in workers[1].said
    assert len(list((out / "versions").iterdir())) == 1 and not (out / "training" / "checkpoint.npz").exists()
    history = json.loads((out / "versions" / manifest["version"] / "history.json").read_text())
    assert {len(values) for values in history.values()} == {3} and set(history) == {
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
    }


@pytest.mark.parametrize("lost", [0, 1], ids=["the chief", "another"])
def test_a_killed_worker_that_comes_back_elsewhere_goes_on_from_the_checkpoint_with_the_others(
    easy_data, s3, tmp_path, lost
):
    options = ("--epochs", "10", "--batch-size", "20", "--min-accuracy", "0.3")
    with started(easy_data, s3.url, tmp_path, *options) as (workers, addresses, arguments):
        workers[0].waits_for(r"Epoch  3/10")
        kept = json.loads(s3.get("training/checkpoint.json"))["steps"]
        workers[lost].kill()
        workers[1 - lost].waits_for(r"another worker cannot be reached")
        workers[lost] = Worker(addresses, lost, arguments, tmp_path / "again.log")
        assert [worker.ends() for worker in workers] == [0, 0], [worker.said for worker in workers]
    for worker in workers:
        (went_on_from,) = re.findall(r"going on from step (\d+) of 300", worker.said)
        assert int(went_on_from) >= kept >= 30
    assert weights_of(workers[0]) == weights_of(workers[1])
    manifest = json.loads(s3.get("manifest.json"))
    history = json.loads(s3.get(f"versions/{manifest['version']}/history.json"))
    assert {len(values) for values in history.values()} == {10}
    assert not [name for name in s3.names() if "checkpoint" in name]


def test_on_a_machine_that_never_saw_the_store_no_worker_waits_where_there_is_nothing_to_do(
    easy_data, s3, tmp_path, monkeypatch
):
    data = {part: read_digits(easy_data / f"{part}.csv").source for part in ("train", "test")}
    recipe = {"epochs": 30, "batch_size": 128, "seed": 1, "validation_share": 0.1, "quick": False}
    begin_copy(tmp_path / "elsewhere", s3.url, tmp_path / "none")
    with only_publisher(tmp_path / "elsewhere"):
        version = put_version(tmp_path / "elsewhere", 1, training=recipe, data=data)
    monkeypatch.setenv("UNATTENDED", "1")
    with started(easy_data, s3.url, tmp_path) as (workers, _, _):
        for worker in workers:
            worker.waits_for("serves|to learn from")
            assert f"version {version} serves" in worker.said and worker.ends() == 0


def test_a_model_that_is_too_bad_ends_every_worker_with_a_failure(easy_data, tmp_path):
    options = ("--epochs", "1", "--batch-size", "400", "--min-accuracy", "1")
    with started(easy_data, tmp_path, tmp_path, *options) as (workers, _, _):
        assert [worker.ends() for worker in workers] == [1, 1], [worker.said for worker in workers]
    assert "is below the 100.00% that may be published" in workers[0].said
    assert not (tmp_path / "manifest.json").exists() and not (tmp_path / "training" / "checkpoint.npz").exists()


def test_a_worker_that_waits_for_others_hears_a_ctrl_c(easy_data, tmp_path):
    arguments = ["--data", str(easy_data), "--out", str(tmp_path)]
    worker = Worker(free_addresses(2), 1, arguments, tmp_path / "log")
    try:
        worker.waits_for("360 digits to learn from")
        time.sleep(5)
        worker.process.send_signal(signal.SIGINT)
        assert worker.process.wait(20) in (-signal.SIGINT, 130)
    finally:
        worker.kill()


def test_workers_of_one_machine_have_copies_of_the_store_of_their_own(tmp_path):
    copies = [own_copy(tmp_path, Cluster(("a:1", "a:2", "a:3"), index)) for index in range(3)]
    assert copies[0] == own_copy(tmp_path, None) == tmp_path and len(set(copies)) == 3


def config(cluster: object, task: object) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


def test_the_chief_is_the_first_worker_or_the_one_that_is_called_so():
    two = {"worker": ["a:1", "b:2"]}
    assert read_cluster(config(two, {"type": "worker", "index": 1})) == Cluster(("a:1", "b:2"), 1)
    with_chief = {"worker": ["a:1", "b:2"], "chief": ["c:3"]}
    assert read_cluster(config(with_chief, {"type": "chief", "index": 0})) == Cluster(("c:3", "a:1", "b:2"), 0)
    assert read_cluster(config(with_chief, {"type": "worker", "index": 0})).index == 1


@pytest.mark.parametrize("environment", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": "{}"}, config({}, {})])
def test_without_a_cluster_a_training_is_alone(environment):
    assert read_cluster(environment) is None


TASK = {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("nonsense", "is not JSON"),
        ("[1]", "expected an object"),
        (config([], TASK)["TF_CONFIG"], "expected an object of jobs"),
        (config({"worker": ["a:1"], "ps": ["b:2"]}, TASK)["TF_CONFIG"], "the job 'ps'"),
        (config({"worker": []}, TASK)["TF_CONFIG"], "expected a list of host:port"),
        (config({"worker": ["a"]}, TASK)["TF_CONFIG"], "the address 'a'"),
        (config({"worker": ["a:99999"]}, TASK)["TF_CONFIG"], "the address 'a:99999'"),
        (config({"worker": ["a:1", "a:1"]}, TASK)["TF_CONFIG"], "names a:1 twice"),
        (config({"chief": ["a:1", "b:1"]}, TASK)["TF_CONFIG"], "2 chiefs"),
        (config({"worker": ["a:1"]}, None)["TF_CONFIG"], "the task 'None'"),
        (config({"worker": ["a:1"]}, {"type": "chief", "index": 0})["TF_CONFIG"], "with the type worker"),
        (config({"worker": ["a:1"]}, {"type": "worker", "index": 1})["TF_CONFIG"], "from 0 to 0"),
        (config({"worker": ["a:1"]}, {"type": "worker", "index": "0"})["TF_CONFIG"], "the index '0'"),
    ],
)
def test_a_wrong_tf_config_is_refused_and_says_what_is_wrong(text, wrong):
    with pytest.raises(ClusterError, match=re.escape(wrong)) as refused:
        read_cluster({"TF_CONFIG": text})
    assert str(refused.value).startswith("TF_CONFIG ") and "or unset to train alone" in str(refused.value)


def test_a_wrong_tf_config_ends_the_program_with_one_sentence(easy_data, tmp_path):
    result = subprocess.run(
        [sys.executable, PROGRAM, "--data", easy_data, "--out", tmp_path],
        env={**os.environ, "TF_CONFIG": "nonsense"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1 and result.stderr.startswith("cnn_mnist.py: TF_CONFIG is not JSON")
    assert result.stderr.count("\n") == 1


def test_workers_of_one_host_share_its_cores(monkeypatch):
    cluster = Cluster(("10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1", "10.0.0.1:3"), 1)
    assert cluster.on_this_host() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)))
    for trainings, threads in ((1, "6"), (3, "2"), (100, "1")):
        monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
        divide_cores(trainings)
        assert os.environ["TF_NUM_INTRAOP_THREADS"] == threads


def test_a_step_that_cannot_be_shared_evenly_is_refused():
    assert Cluster(("a:1", "b:1", "c:1"), 0).share_of_step(96) == 32
    with pytest.raises(ClusterError, match="--batch-size 128 cannot be shared evenly by 3 workers; .* such as 129"):
        Cluster(("a:1", "b:1", "c:1"), 0).share_of_step(128)


STATE = State(7, {"loss": [0.5]}, [np.arange(6.0).reshape(2, 3), np.array(3)])
SHAPES = [(2, 3), ()]


def test_a_checkpoint_gives_back_what_was_kept(tmp_path):
    checkpoint = Checkpoint(tmp_path, {"seed": 1})
    assert checkpoint.load(SHAPES) is None
    checkpoint.save(STATE)
    kept = checkpoint.load(SHAPES)
    assert (kept.steps, kept.history) == (7, {"loss": [0.5]})
    assert all(np.array_equal(a, b) for a, b in zip(kept.weights, STATE.weights, strict=True))


def test_a_checkpoint_of_another_training_or_a_torn_one_is_not_gone_on_from(tmp_path):
    checkpoint = Checkpoint(tmp_path, {"seed": 1})
    checkpoint.save(STATE)
    assert Checkpoint(tmp_path, {"seed": 2}).load(SHAPES) is None
    assert checkpoint.load([(2, 3), (1,)]) is None and checkpoint.load([(2, 3), (), ()]) is None
    path = tmp_path / "training" / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:200])
    assert checkpoint.load(SHAPES) is None
    path.write_bytes(b"")
    assert checkpoint.load(SHAPES) is None


@pytest.mark.parametrize(("error", "is_kept"), [(None, False), (AccuracyTooLowError, False), (OSError, True)])
def test_a_checkpoint_is_kept_until_its_model_is_published_or_refused(tmp_path, error, is_kept):
    checkpoint = Checkpoint(tmp_path, {})
    checkpoint.save(STATE)
    with contextlib.suppress(OSError, AccuracyTooLowError), spent(checkpoint):
        if error is not None:
            raise error("as it may happen")
    assert (tmp_path / "training" / "checkpoint.npz").exists() is is_kept
