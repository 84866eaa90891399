"""What each of several workers does, seen from one of them."""

import io
import time
from dataclasses import replace

import numpy as np
import pytest
from conftest import digit_table
from trainer import rejoining, together, training
from trainer.checkpoint import Checkpoint, path_in
from trainer.cluster import Cluster
from trainer.dataset import Digits, Part
from trainer.digit_forms import draw_digits
from trainer.errors import PeerLostError
from trainer.lesson import Lesson
from trainer.material import Material
from trainer.network import build_cnn
from trainer.non_digits import draw_non_digits
from trainer.progress import Progress
from trainer.rejoining import rejoin
from trainer.sources import Sources
from trainer.together import Fitting, fit_together
from trainer.training import Recipe, make_reproducible

SHARE, STEPS, EPOCHS = 8, 10, 2


class Twins:
    """Stands for a team whose workers all do what this one does, and the chief what `chief` says."""

    def __init__(self, workers: int, index: int = 0, chief: np.ndarray | None = None) -> None:
        self.cluster = Cluster(tuple(f"host:{number}" for number in range(workers)), index)
        self._chief = chief

    def run(self, function, *arguments):
        return function(*arguments)

    def sum(self, values):
        return values * len(self.cluster)

    def total(self, values):
        return values * len(self.cluster)

    def from_chief(self, values):
        return values if self.cluster.is_chief else self._chief


class Lost(Progress):
    """Loses another worker after so many reports of steps."""

    def __init__(self, reports: int) -> None:
        super().__init__(io.StringIO(), EPOCHS)
        self._left = reports

    def on_train_batch_end(self, batch, logs=None):
        self._left -= 1
        if self._left == 0:
            raise PeerLostError("another worker cannot be reached")


@pytest.fixture
def sources(monkeypatch) -> Sources:
    monkeypatch.setattr(training, "STATISTICS_ROWS", 64)
    cells = digit_table(200, 1).to_numpy(dtype=np.uint8)
    forms, shapes = draw_digits(20, 1)
    drawings = ((forms, 0.2), (draw_non_digits(20, 1, shapes), 0.2))
    return Sources(Part(cells[:, 1:].reshape(-1, 28, 28, 1), cells[:, 0]), drawings)


def recipe(team: Twins) -> Recipe:
    return Recipe(EPOCHS, SHARE * len(team.cluster), seed=1, steps=STEPS)


def new_lesson() -> Lesson:
    make_reproducible(1)
    return Lesson(build_cnn(), 1)


def fit(team, sources, checkpoint, progress) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    """Give the weights after a training of this worker, and its history."""
    lesson = new_lesson()
    history = fit_together(team, lesson, sources, None, recipe(team), progress, checkpoint).history
    return lesson.get_weights(), history


def test_steps_of_all_workers_and_a_training_that_was_cut_off_come_to_the_same(sources, tmp_path, monkeypatch):
    epochs, steps_of = [], Fitting.steps_of
    monkeypatch.setattr(Fitting, "steps_of", lambda self, epoch: epochs.append(epoch) or steps_of(self, epoch))
    progress = Progress(io.StringIO(), EPOCHS)
    alone, history = fit(Twins(1), sources, Checkpoint(tmp_path / "alone", {}), progress)
    assert {len(values) for values in history.values()} == {EPOCHS}

    monkeypatch.setattr(together, "KEPT_EVERY_S", 0)
    checkpoint = Checkpoint(tmp_path, {})
    with pytest.raises(PeerLostError):
        fit(Twins(2), sources, checkpoint, Lost(4))  # after 8, 10, 18 and 20 steps
    lesson = new_lesson()
    shapes = [value.shape for value in Fitting(Twins(2), lesson, sources, recipe(Twins(2)))._variables]
    assert checkpoint.load(shapes).steps == 18  # in the middle of the second epoch
    again, resumed = fit(Twins(2), sources, checkpoint, progress)
    assert "going on from step 18 of 20" in progress.lines
    for one, other in zip(alone, again, strict=True):
        assert np.array_equal(one, other)
    assert epochs == [0, 1, 0, 1, 1]
    assert resumed["loss"][0] == history["loss"][0] and len(resumed["loss"]) == EPOCHS


def test_who_is_not_the_chief_takes_its_weights_and_steps_and_keeps_nothing(sources, tmp_path):
    chief, other = (Fitting(Twins(2), new_lesson(), sources, recipe(Twins(2))) for _ in range(2))
    values = [variable.numpy() + number for number, variable in enumerate(chief._variables)]
    team = Twins(2, 1, np.concatenate([[13], *(value.ravel() for value in values)]))
    other = Fitting(team, new_lesson(), sources, recipe(team))
    Checkpoint(tmp_path / "own", {}).save(together.State(40, {"loss": [1.0]}, values))
    state = other.begin(Checkpoint(tmp_path / "own", {}))
    assert (other.done, state.steps, state.history) == (13, 13, {})
    for variable, value in zip(other._variables, values, strict=True):
        assert np.allclose(variable.numpy(), value)
    other.keep(Checkpoint(tmp_path, {}), {}, Progress(io.StringIO(), 1))
    assert not path_in(tmp_path).exists()
    chief.keep(Checkpoint(tmp_path, {}), {}, Progress(io.StringIO(), 1))
    assert path_in(tmp_path).exists()


def test_figures_are_those_of_all_workers_and_one_that_is_stopped_stops_all(sources, monkeypatch):
    team = Twins(2)
    fitting = Fitting(team, new_lesson(), sources, recipe(team))
    loss, accuracy = fitting.lesson.metrics
    loss.update_state(2.0, 3)
    accuracy.update_state([1.0, 0.0])
    of_another = np.array([2.0, 1.0, 2.0, 2.0, 1.0])  # the sum and the number of each, and whether it was stopped
    monkeypatch.setattr(team, "total", lambda values: values + of_another)
    assert fitting.figures(stop=False) == ({"loss": 2.0, "accuracy": 0.75}, True)
    of_another[-1] = 0
    assert [fitting.figures(stop)[1] for stop in (False, True)] == [False, True]


def test_an_order_of_its_own_for_each_worker_and_epoch(sources):
    def first(index: int, epoch: int) -> list[int]:
        fitting = Fitting(team := Twins(2, index), new_lesson(), sources, recipe(team))
        return fitting.steps_of(epoch)[0][1].tolist()

    assert first(0, 0) == first(0, 0)
    assert len({tuple(first(index, epoch)) for index in range(2) for epoch in range(2)}) == 4
    assert len({Cluster(("a:1", "b:1", "c:1"), index).own_seed(5) for index in range(3)}) == 3


@pytest.mark.parametrize("workers", [2, 3])
def test_each_row_is_learned_by_one_worker_with_its_own_label(workers):
    rows = np.arange(100, dtype=np.uint8)
    part = Part(np.broadcast_to(rows[:, np.newaxis, np.newaxis, np.newaxis], (100, 28, 28, 1)), rows % 10)
    empty = Digits(rows[:0], np.zeros((0, 28, 28), np.uint8), {})
    material = Material(100, part, None, empty, None, [], None, {})
    shares = [
        material.share(replace(Cluster(tuple(f"h:{n}" for n in range(workers)), 0), index=index)).train
        for index in range(workers)
    ]
    seen = [share.x[:, 0, 0, 0] for share in shares]
    assert sorted(np.concatenate(seen)) == rows.tolist()
    assert max(map(len, seen)) - min(map(len, seen)) <= 1
    assert all(np.array_equal(share.y, own % 10) for share, own in zip(shares, seen, strict=True))


def test_a_worker_that_never_gets_on_ends_after_so_many_tries(monkeypatch):
    tries = []
    monkeypatch.setattr(rejoining, "WAIT_S", 0)
    monkeypatch.setattr(rejoining, "close_on_exec", lambda _: None)
    monkeypatch.setattr(rejoining.os, "execve", lambda *given: tries.append(given[2][rejoining.VARIABLE]))
    lost = PeerLostError("another worker cannot be reached")
    monkeypatch.setenv(rejoining.VARIABLE, "19")
    rejoin(lost, time.monotonic())
    rejoin(lost, time.monotonic() - 61)  # it had got on
    monkeypatch.setenv(rejoining.VARIABLE, "20")
    with pytest.raises(PeerLostError, match="20 times in a row"):
        rejoin(lost, time.monotonic())
    assert tries == ["20", "0"]
