"""Watch the feedback store, and have a model retrained when there is enough to learn or somebody asks for it.

The watcher holds no TensorFlow: each training is a process of its own, whose memory ends with it.
"""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace as with_changes
from multiprocessing.process import BaseProcess
from pathlib import Path

from trainer.attempts import last_attempt, note
from trainer.errors import ObjectStoreError, RollbackError, TrainerError
from trainer.feedback_store import FeedbackStore, Request
from trainer.heartbeat import beat
from trainer.settings import Settings
from trainer.status import tell, told, utc_now
from trainer.store_mark import is_ahead
from trainer.store_news import news_brought
from trainer.versions import not_written, only_publisher, roll_back

POLL_INTERVAL_S = 2.0
# After a training that failed, as for want of memory; each further failure in a row doubles it.
RETRY_S, LONGEST_RETRY_S = 60.0, 3600.0
STOP_WAIT_S = 5.0
# A retraining's exit status where the gate refused the model: no failure of the program's.
REFUSED_STATUS = 3


def watch(settings: Settings, job: Callable[[Settings], None]) -> None:
    """Watch until the process is stopped. job: what a training's process does with the settings it is given."""
    _begin(settings.shared_dir)
    watcher = Watcher(settings, job)
    if settings.unattended:
        watcher.train_first()
    print(f"watching the feedback: {settings.retrain_after} new labels lead to a training", flush=True)
    with news_brought(settings.shared_dir):
        try:
            while True:
                watcher.look()
                time.sleep(POLL_INTERVAL_S)
        finally:
            watcher.stop()


def _begin(shared_dir: Path) -> None:
    """Finish what a killed trainer had begun to publish; wait for an object store that is away."""
    said = None
    while True:
        try:
            with only_publisher(shared_dir):
                return
        except OSError as error:
            print(f"cnn_mnist.py: {not_written(shared_dir, error)}", flush=True)
            return
        except ObjectStoreError as error:
            if str(error) != said:
                said = str(error)
                print(f"cnn_mnist.py: {said}; waiting for it", flush=True)
        beat()
        time.sleep(POLL_INTERVAL_S)


class Watcher:
    """Holds at most one training, and remembers nothing that a restart would need: files say all that."""

    def __init__(self, settings: Settings, job: Callable[[Settings], None]) -> None:
        self._settings = with_changes(settings, watch=False)
        self._job = job
        self._store = FeedbackStore(settings.feedback)
        self._training: BaseProcess | None = None
        self._is_first = False
        self._asked_by: int | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._new_labels = 0
        self._error: str | None = None
        self._denied: str | None = None

    def train_first(self) -> None:
        """Start the training that makes a model from scratch, if there is none of these data and options."""
        self._is_first = True
        self._start(self._settings)

    def look(self) -> None:
        """Do what there is to do now; what goes wrong is said once and tried again at the next look."""
        error = None
        try:
            self._take_leave()
            if is_ahead(self._settings.shared_dir):
                with only_publisher(self._settings.shared_dir):
                    pass  # what could not be brought to the object store is brought there
            attempt = last_attempt(self._settings.shared_dir)
            requests = self._store.requests(attempt.retrains_through, attempt.rollbacks_through)
            for request in requests:
                self._deal_with(request)
            if requests:  # what they changed may change what is new
                attempt = last_attempt(self._settings.shared_dir)
            self._new_labels = self._store.count_new(attempt.through, attempt.actions_through)
            is_enough = self._new_labels >= self._settings.retrain_after
            if is_enough and self._training is None and time.monotonic() >= self._retry_at:
                self._retrain()
        except (TrainerError, OSError) as problem:
            error = str(problem)
        if error is not None and error != self._error:
            print(f"cnn_mnist.py: {error}", flush=True)
        self._error = error
        if self._training is None:
            beat()  # at work, the training gives the sign of life: one that hangs must be missed
        facts = {"updated_at": utc_now(), "new_labels": self._new_labels, "labels_wanted": self._settings.retrain_after}
        tell(self._settings.shared_dir, "watcher.json", {**facts, "error": error or self._denied})

    def stop(self) -> None:
        """Stop the training, if there is one."""
        if self._training is not None:
            self._training.terminate()
            self._training.join(STOP_WAIT_S)

    def _deal_with(self, request: Request) -> None:
        if request.kind == "retrain":
            if self._training is None and self._asked_by != request.number:
                self._asked_by = request.number
                self._retrain()
            return
        try:
            version, changed = roll_back(self._settings.shared_dir, request.version)
            self._denied = None
            print(f"version {version} {'serves again' if changed else 'is in service already'}", flush=True)
        except RollbackError as error:  # it cannot be had, however often one asks; the page shows why
            self._denied = str(error)
            print(f"cnn_mnist.py: {error}", flush=True)
        note(self._settings.shared_dir, rollbacks_through=request.number)

    def _retrain(self) -> None:
        self._is_first, self._denied = False, None
        self._start(with_changes(self._settings, retrain=True))

    def _start(self, settings: Settings) -> None:
        self._training = multiprocessing.get_context("spawn").Process(target=self._job, args=(settings,))
        self._training.start()

    def _take_leave(self) -> None:
        """See whether the training has ended, and how."""
        if self._training is None or self._training.is_alive():
            return
        status = self._training.exitcode or 0
        self._training = None
        if status < 0:
            self._say_killed(-status)
        failed = status not in (0, REFUSED_STATUS)
        self._failures = self._failures + 1 if failed else 0
        if failed:
            self._retry_at = time.monotonic() + min(LONGEST_RETRY_S, RETRY_S * 2 ** (self._failures - 1))
        if self._asked_by is not None:
            note(self._settings.shared_dir, retrains_through=self._asked_by)
            self._asked_by = None
        if status < 0 and self._is_first and self._failures == 1:
            self.train_first()  # once more after a crash; what is wrong with the data would be wrong again

    def _say_killed(self, signal_number: int) -> None:
        reason = f"the training was killed (signal {signal_number}); it may need more memory"
        print(f"cnn_mnist.py: {reason}", flush=True)
        status = told(self._settings.shared_dir, "status.json")
        outcome = {"verdict": "failed", "version": None, "reason": reason}
        tell(self._settings.shared_dir, "status.json", {**status, "stage": "done", "outcome": outcome})
