"""The watching trainer: when it trains, what a crash leaves to do, and that one training is at work at a time."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from loop_fixtures import Store, put_version, served
from trainer import attempts, watching
from trainer.attempts import last_attempt, note
from trainer.errors import BusyError
from trainer.job import only_training
from trainer.settings import read_settings
from trainer.status import JobStatus, tell, told
from trainer.watching import Watcher

PROGRAM = Path(__file__).parents[1] / "cnn_mnist.py"


def learn(settings) -> None:
    """Stand for a retraining: look at all there is and publish a version that says so."""
    store = Store.__new__(Store)
    store.path = settings.shared_dir / "feedback" / "feedback.db"
    with only_training(settings.shared_dir):
        contents = watching.FeedbackStore(settings.feedback).read()
        now = attempts.in_service(settings.shared_dir)
        number = len(list((settings.shared_dir / "versions").iterdir())) + 1
        looked = {"through": contents.through, "actions_through": contents.actions_through}
        version = put_version(settings.shared_dir, number, parent=now[0]["version"], feedback=looked)
        status = JobStatus(settings.shared_dir, "retraining")
        status.ends("served", version)


def fail(settings) -> None:
    JobStatus(settings.shared_dir, "retraining").ends("failed", reason="no room")
    sys.exit(1)


def die(_settings) -> None:
    os.kill(os.getpid(), 9)


def dawdle(_settings) -> None:
    time.sleep(60)


class Inline:
    """Runs a job at once where the watcher would start a process."""

    def __init__(self, job, settings) -> None:
        self.exitcode: int | None = 0
        try:
            job(settings)
        except SystemExit as end:
            self.exitcode = end.code

    def is_alive(self) -> bool:
        return False


@pytest.fixture
def watcher(tmp_path, monkeypatch):
    """Make watchers on the same folder, one after another, as restarts do."""

    def make(job=learn, inline: bool = True, **options) -> Watcher:
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        settings = read_settings(["--watch", "--out", str(tmp_path), "--retrain-after", "3", *arguments], {})
        watcher = Watcher(settings, job)
        if inline:
            monkeypatch.setattr(watcher, "_start", lambda given: setattr(watcher, "_training", Inline(job, given)))
        return watcher

    return make


def look_twice(watcher: Watcher) -> None:
    watcher.look()
    watcher.look()


def test_enough_new_labels_lead_to_one_training(tmp_path, watcher):
    base = put_version(tmp_path, 1)
    store = Store(tmp_path)
    one = watcher()
    for _ in range(2):
        store.add(3)
    look_twice(one)
    assert served(tmp_path) == base and told(tmp_path, "watcher.json")["new_labels"] == 2
    store.add(3)
    look_twice(one)
    retrained = served(tmp_path)
    assert retrained != base
    look_twice(one)
    look_twice(watcher())  # a restart
    assert served(tmp_path) == retrained and told(tmp_path, "watcher.json")["new_labels"] == 0


def test_labels_that_come_while_it_trains_count_for_the_next(tmp_path, watcher):
    put_version(tmp_path, 1)
    store = Store(tmp_path)
    for _ in range(3):
        store.add(3)

    def learn_while_more_comes(settings) -> None:
        learn(settings)
        store.add(4)
        store.add(4)

    one = watcher(learn_while_more_comes)
    look_twice(one)
    assert told(tmp_path, "watcher.json")["new_labels"] == 2


def test_a_request_leads_to_a_training_once(tmp_path, watcher):
    base = put_version(tmp_path, 1)
    store = Store(tmp_path)
    store.add(3)
    store.ask("retrain")
    look_twice(watcher())
    retrained = served(tmp_path)
    assert retrained != base
    look_twice(watcher())
    assert served(tmp_path) == retrained


def test_a_rollback_is_done_once_and_does_not_lead_to_the_same_training_again(tmp_path, watcher, capsys):
    base = put_version(tmp_path, 1)
    store = Store(tmp_path)
    for _ in range(3):
        store.add(3)
    look_twice(watcher())
    retrained = served(tmp_path)
    store.ask("rollback", version=base)
    look_twice(watcher())
    assert served(tmp_path) == base
    look_twice(watcher())
    assert served(tmp_path) == base
    store.ask("rollback", version=retrained)
    look_twice(watcher())
    assert served(tmp_path) == retrained
    assert f"version {base} serves again" in capsys.readouterr().out


def test_a_rollback_that_cannot_be_had_is_said_and_not_asked_for_again(tmp_path, watcher, capsys):
    base = put_version(tmp_path, 1)
    store = Store(tmp_path)
    store.ask("rollback", version="nonsense")
    one = watcher()
    one.look()
    assert "there is no version 'nonsense'" in told(tmp_path, "watcher.json")["error"]
    one.look()
    assert capsys.readouterr().out.count("nonsense") == 1 and served(tmp_path) == base
    assert "nonsense" in told(tmp_path, "watcher.json")["error"]  # who asked for it shall see it
    store.ask("rollback", version=base)
    one.look()
    assert told(tmp_path, "watcher.json")["error"] is None


def test_a_training_that_fails_is_tried_again_later_but_a_person_may_ask_at_once(tmp_path, watcher, monkeypatch):
    put_version(tmp_path, 1)
    store = Store(tmp_path)
    for _ in range(3):
        store.add(3)
    tried = []

    def count(settings) -> None:
        tried.append(settings)
        fail(settings)

    one = watcher(count)
    for _ in range(5):
        one.look()
    assert len(tried) == 1
    store.ask("retrain")
    for _ in range(5):
        one.look()
    assert len(tried) == 2
    monkeypatch.setattr(watching.time, "monotonic", lambda real=time.monotonic: real() + watching.LONGEST_RETRY_S)
    look_twice(one)
    assert len(tried) == 3


def test_a_refused_model_is_no_failure(tmp_path, watcher):
    base = put_version(tmp_path, 1)
    store = Store(tmp_path)

    def refuse(settings) -> None:
        note(settings.shared_dir, parent=base, through=3)
        sys.exit(watching.REFUSED_STATUS)

    one = watcher(refuse)
    for _ in range(3):
        store.add(3)
    look_twice(one)
    assert one._failures == 0 and last_attempt(tmp_path).through == 3


def test_requests_of_both_kinds_are_dealt_with_though_one_overtakes_the_other(tmp_path, watcher):
    base = put_version(tmp_path, 1)
    put_version(tmp_path, 2, parent=base)
    store = Store(tmp_path)
    store.add(3)
    store.ask("retrain")
    store.ask("rollback", version=base)
    killed = watcher(dawdle, inline=False)
    killed.look()  # the training begins, the rollback is done
    assert served(tmp_path) == base
    killed._training.kill()  # and the watcher is killed, too
    look_twice(watcher())
    assert served(tmp_path) != base
    store.ask("rollback", version=base)
    note(tmp_path, actions_through=3)  # somebody retrained by hand meanwhile
    look_twice(watcher())
    assert served(tmp_path) == base


def test_rollbacks_of_long_ago_do_not_come_again_if_the_note_is_lost(tmp_path, watcher):
    base = put_version(tmp_path, 1)
    store = Store(tmp_path)
    store.ask("rollback", version=base)
    now = put_version(tmp_path, 2, parent=base, feedback={"through": 0, "actions_through": 1})
    (tmp_path / "training").mkdir()
    look_twice(watcher())
    assert served(tmp_path) == now


def test_a_dealt_with_request_does_not_make_a_new_base_forget_the_feedback(tmp_path, watcher):
    base = put_version(tmp_path, 1)
    store = Store(tmp_path)
    for _ in range(3):
        store.add(3)
    look_twice(watcher())
    scratch = put_version(tmp_path, 9)
    store.ask("rollback", version="nonsense")
    look_twice(watcher())
    assert served(tmp_path) not in (base, scratch)


def test_labels_of_deleted_drawings_are_nothing_new(tmp_path, watcher):
    base = put_version(tmp_path, 1, feedback={"through": 3, "actions_through": 0})
    store = Store(tmp_path)
    ids = [store.add(3) for _ in range(3)]
    for feedback_id in ids * 2:
        store.ask("accept", feedback_id=feedback_id)
    for feedback_id in ids:
        store.delete(feedback_id)
    look_twice(watcher())
    assert served(tmp_path) == base


def test_a_killed_training_is_told_and_its_labels_are_not_lost(tmp_path, watcher, capsys):
    base = put_version(tmp_path, 1)
    store = Store(tmp_path)
    for _ in range(3):
        store.add(3)
    one = watcher(die, inline=False)
    one.look()
    one._training.join()
    one.look()
    outcome = told(tmp_path, "status.json")["outcome"]
    assert outcome["verdict"] == "failed" and "killed (signal 9)" in outcome["reason"]
    assert "killed (signal 9)" in capsys.readouterr().out
    assert served(tmp_path) == base
    look_twice(watcher())  # after a restart
    assert served(tmp_path) != base


def test_the_first_training_comes_first_and_once_more_after_a_crash(tmp_path, watcher, monkeypatch):
    jobs = []

    class Crashed(Inline):
        def __init__(self, settings) -> None:
            jobs.append((settings.retrain, settings.watch))
            self.exitcode = -9

    one = watcher()
    monkeypatch.setattr(one, "_start", lambda settings: setattr(one, "_training", Crashed(settings)))
    one.train_first()
    for _ in range(4):
        one.look()
    assert jobs == [(False, False), (False, False)]


def test_a_stop_stops_the_training(tmp_path, watcher):
    put_version(tmp_path, 1)
    store = Store(tmp_path)
    for _ in range(3):
        store.add(3)
    one = watcher(dawdle, inline=False)
    one.look()
    started = time.monotonic()
    one.stop()
    assert not one._training.is_alive() and time.monotonic() - started < watching.STOP_WAIT_S


def test_a_new_model_from_scratch_learns_all_feedback_again(tmp_path, watcher):
    put_version(tmp_path, 1)
    store = Store(tmp_path)
    for _ in range(3):
        store.add(3)
    look_twice(watcher())
    scratch = put_version(tmp_path, 9)
    assert last_attempt(tmp_path).through == 0
    look_twice(watcher())
    assert served(tmp_path) != scratch and last_attempt(tmp_path).through == 3


def test_an_attempt_without_a_version_is_remembered(tmp_path, watcher):
    base = put_version(tmp_path, 1)
    store = Store(tmp_path)
    for _ in range(3):
        store.add(3)
    tried = []

    def hold_all_back(settings) -> None:
        tried.append(1)
        note(settings.shared_dir, parent=base, through=3)

    look_twice(watcher(hold_all_back))
    look_twice(watcher(hold_all_back))
    assert tried == [1] and served(tmp_path) == base


def test_a_store_that_cannot_be_read_is_said_once_and_looked_at_again(tmp_path, watcher, capsys):
    put_version(tmp_path, 1)
    store = Store(tmp_path)
    store.connection.execute("ALTER TABLE actions RENAME TO gone")
    one = watcher()
    look_twice(one)
    assert "cannot be read" in told(tmp_path, "watcher.json")["error"]
    assert capsys.readouterr().out.count("cannot be read") == 1
    store.connection.execute("ALTER TABLE gone RENAME TO actions")
    one.look()
    assert told(tmp_path, "watcher.json")["error"] is None


@pytest.mark.parametrize("content", ["", "[]", "null", '{"through": "x", "parent": 3}', "torn"])
def test_a_damaged_note_is_no_note(tmp_path, content):
    put_version(tmp_path, 1, feedback={"through": 5, "actions_through": 2})
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "attempt.json").write_text(content)
    assert (last_attempt(tmp_path).through, last_attempt(tmp_path).actions_through) == (5, 2)


def hold(shared_dir, started) -> None:
    with only_training(shared_dir):
        started.set()
        time.sleep(60)


def test_two_trainings_at_once_are_refused_and_a_killed_one_gives_way(tmp_path, easy_data):
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    holder = context.Process(target=hold, args=(tmp_path, started))
    holder.start()
    assert started.wait(30)
    with pytest.raises(BusyError, match=f"another training is at work here \\(process {holder.pid}\\)"):
        with only_training(tmp_path):
            pass
    command = [sys.executable, PROGRAM, "--data", easy_data, "--out", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1 and "another training is at work here" in result.stderr
    assert not (tmp_path / "training" / "status.json").exists()  # it is the other one's to tell
    holder.kill()
    holder.join()
    with only_training(tmp_path):
        pass


def test_a_status_that_cannot_be_written_ends_no_training(tmp_path):
    (tmp_path / "training").touch()
    tell(tmp_path, "status.json", {})
    with pytest.raises(ValueError, match="what went wrong"), JobStatus(tmp_path, "training").told_at_the_end():
        raise ValueError("what went wrong")


def test_the_status_tells_the_curves_as_they_grow(tmp_path):
    status = JobStatus(tmp_path, "retraining")
    status.plans(2)
    status.enters("learning")
    for step in range(1, 2001):
        status.learns(step / 1000, {"loss": 2 / step, "accuracy": 0.5}, 10.0)
        if step % 1000 == 0:
            status.finishes_epoch(step // 1000, {"loss": 2 / step, "accuracy": 0.5})
    facts = told(tmp_path, "status.json")
    assert facts["epoch"] == facts["epochs"] == 2 and facts["history"] == {
        "loss": [0.002, 0.001],
        "accuracy": [0.5] * 2,
    }
    assert 300 <= len(facts["points"]) <= 401 and facts["points"][0] == [0.001, 2.0, 0.5]
    assert facts["outcome"] is None
    status.ends("served", "v1")
    assert told(tmp_path, "status.json")["outcome"] == {"verdict": "served", "version": "v1", "reason": None}
    assert abs((datetime.now(UTC) - datetime.fromisoformat(facts["updated_at"])).total_seconds()) < 60


def test_the_watcher_holds_no_tensorflow():
    program = "import sys; import cnn_mnist; print(sorted({'tensorflow', 'keras', 'cleanlab'} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=PROGRAM.parent, capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout.replace("'", '"')) == []
