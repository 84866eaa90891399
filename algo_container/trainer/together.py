"""Fit the network as one of several workers that keep the same weights.

Each teaches its own share of every step; the sum of their gradients is that of the whole step, as one machine would
compute it. What differs from it: BatchNormalization sees a worker's part of a step, and each worker draws its own
dropout, variations and forms. After every epoch, and every minute, the chief keeps how far they have come.
"""

import hashlib
import time
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from trainer.checkpoint import Checkpoint, State
from trainer.cluster import Cluster
from trainer.dataset import Part
from trainer.feeding import STEPS_AT_ONCE, feed, feed_blocks
from trainer.lesson import Lesson
from trainer.network import reestimate_batch_norm
from trainer.progress import Progress
from trainer.sources import Sources, Steps
from trainer.team import Team, found_again
from trainer.training import Recipe, Training, as_in_training, make_optimizer, stop_after_epoch

KEPT_EVERY_S = 60.0
# More rows than a worker's share of a step may have, whose fixed cost would count many times.
STATISTICS_BATCH = 256


def steps_an_epoch(cluster: Cluster, sources: Sources, rows: int, batch_size: int) -> int:
    """Say how many steps show each of `rows` scanned digits once to one of the workers. Raises ClusterError."""
    return -(-rows // (len(cluster) * sources.rows(cluster.share_of_step(batch_size))[0]))


def fit_together(
    team: Team,
    lesson: Lesson,
    sources: Sources,
    validation: Part | None,
    recipe: Recipe,
    progress: Progress,
    checkpoint: Checkpoint,
) -> Training:
    """Train the lesson's network in place, as `fit` does, from where the checkpoint has it.

    sources: this worker's own; recipe: with the steps of an epoch, and the rows of a step over all workers;
    validation: looked at by the chief alone, which alone re-estimates the statistics in the end. Raises PeerLostError.
    """
    fitting = Fitting(team, lesson, sources, recipe)
    started = time.monotonic()
    state = fitting.begin(checkpoint)
    progress.set_params({"steps": fitting.per_epoch})
    if state.steps:
        progress.say(f"going on from step {state.steps} of {fitting.steps}")
        progress.resumes(state.steps // fitting.per_epoch, state.history)
    interrupted = False
    with stop_after_epoch(progress) as stop:
        while fitting.done < fitting.steps and not interrupted:
            fitting.epoch(progress, checkpoint, state.history)
            logs, interrupted = fitting.figures(stop.requested)
            if team.cluster.is_chief and validation is not None:
                logs |= validate(lesson, validation)
            for name, value in logs.items():
                state.history.setdefault(name, []).append(float(value))
            fitting.keep(checkpoint, state.history, progress)
            progress.on_epoch_end(fitting.done // fitting.per_epoch - 1, logs)
    lesson.optimizer.finalize_variable_values(lesson.trainable_variables)
    progress.say(f"weights after {fitting.done} steps: {digest(lesson)}")
    if team.cluster.is_chief and not interrupted:
        steps = Steps(sources, STATISTICS_BATCH, [recipe.seed, recipe.epochs])
        reestimate_batch_norm(lesson.network, as_in_training(steps, recipe.seed))
    return Training(state.history, fitting.done // fitting.per_epoch, time.monotonic() - started, interrupted)


class Fitting:
    """The steps that one worker takes with the others.

    done: steps taken; steps: of the whole training; learn: a tf.function that takes some steps of `batches`.
    """

    def __init__(self, team: Team, lesson: Lesson, sources: Sources, recipe: Recipe) -> None:
        if recipe.steps is None:
            raise ValueError("Recipe.steps is None, expected the steps of an epoch: workers have shares of other sizes")
        self._team, self.lesson, self._sources, self._recipe = team, lesson, sources, recipe
        self._share = team.cluster.share_of_step(recipe.batch_size)
        self.per_epoch = recipe.steps
        self.steps = recipe.epochs * self.per_epoch
        self.done = 0
        self._kept_at = time.monotonic()
        lesson.compile(optimizer=make_optimizer(recipe, self.steps), jit_compile=False)
        lesson.optimizer.build(lesson.trainable_variables)
        self._variables = [*lesson.weights, *lesson.optimizer.variables]
        self.learn = tf.function(self._learn)

    def begin(self, checkpoint: Checkpoint) -> State:
        """Give every worker the weights of the chief, which may have kept some of them. Raises PeerLostError."""
        values = [np.asarray(variable.numpy()) for variable in self._variables]
        state = State(0, {}, values)
        if self._team.cluster.is_chief:
            state = checkpoint.load([value.shape for value in values]) or state
        flat = self._team.from_chief(np.concatenate([[state.steps], *(value.ravel() for value in state.weights)]))
        self.done = int(flat[0])
        ends = np.cumsum([value.size for value in values])[:-1]
        for variable, value in zip(self._variables, np.split(flat[1:], ends), strict=True):
            variable.assign(value.reshape(variable.shape).astype(variable.dtype))
        return State(self.done, state.history, [])

    def epoch(self, progress: Progress, checkpoint: Checkpoint, history: dict[str, list[float]]) -> None:
        """Take the steps that are left of an epoch. Raises PeerLostError."""
        number = self.done // self.per_epoch
        left = self.per_epoch - self.done % self.per_epoch
        progress.on_epoch_begin(number)
        self.lesson.reset_metrics()
        batches = iter(self.batches(number))
        while left:
            count = min(left, STEPS_AT_ONCE)
            with found_again():
                self.learn(batches, tf.constant(count))
            left -= count
            self.done += count
            logs = {metric.name: float(metric.result()) for metric in self.lesson.metrics}
            progress.on_train_batch_end(self.per_epoch - left - 1, logs)
            if left and time.monotonic() - self._kept_at >= KEPT_EVERY_S:
                self.keep(checkpoint, history, progress)

    def figures(self, stop: bool) -> tuple[dict[str, float], bool]:
        """Give the epoch's figures over all workers, and whether any of them was asked to stop."""
        sums = [value for metric in self.lesson.metrics for value in (metric.total, metric.count)]
        *sums, stops = self._team.total(np.array([*map(float, sums), float(stop)])).tolist()
        names = [metric.name for metric in self.lesson.metrics]
        return {name: sums[2 * n] / max(sums[2 * n + 1], 1.0) for n, name in enumerate(names)}, stops > 0

    def keep(self, checkpoint: Checkpoint, history: dict[str, list[float]], progress: Progress) -> None:
        """Keep, as the chief, how far they have come; a training goes on where that cannot be written."""
        self._kept_at = time.monotonic()
        if self._team.cluster.is_chief:
            try:
                checkpoint.save(State(self.done, history, [variable.numpy() for variable in self._variables]))
            except OSError as error:
                progress.say(f"the checkpoint could not be written ({error.strerror}); training goes on without it")

    def steps_of(self, epoch: int) -> Steps:
        """Give an epoch of this worker, in an order that depends on nothing but its number."""
        return Steps(self._sources, self._share, [self._recipe.seed, self._team.cluster.index, epoch], self.per_epoch)

    def batches(self, epoch: int) -> tf.data.Dataset:
        """Give what is left of an epoch, as `learn` takes it."""
        first = self.done % self.per_epoch

        def batches() -> Iterator[tuple[tuple[np.ndarray, ...], np.ndarray]]:
            steps = self.steps_of(epoch)
            steps.skip(first)
            for step in range(first, self.per_epoch):
                yield steps[step]

        return feed(batches, self.per_epoch - first)

    def _learn(self, batches: tf.data.Iterator, count: tf.Tensor) -> None:
        variables = self.lesson.trainable_variables
        sizes = [int(np.prod(variable.shape)) for variable in variables]

        def of_all(data: tuple[tuple[tf.Tensor, ...], tf.Tensor]) -> tf.Tensor:
            # One exchange a step: each has to wait for the slowest worker.
            flat = tf.concat([tf.reshape(part, [-1]) for part in self.lesson.gradients(data)], 0)
            return self._team.sum(flat / len(self._team.cluster))

        for _ in tf.range(count):
            parts = tf.split(self._team.run(of_all, next(batches)), sizes)
            gradients = [tf.reshape(part, variable.shape) for part, variable in zip(parts, variables, strict=True)]
            self.lesson.learn_from(gradients)


def validate(lesson: Lesson, validation: Part) -> dict[str, float]:
    """Examine the network as it is now on rows that are held out."""
    figures = lesson.evaluate(feed_blocks(validation), verbose=0, return_dict=True)
    return {f"val_{name}": value for name, value in figures.items()}


def digest(lesson: Lesson) -> str:
    """Tell weights apart: all that learn, to the last bit."""
    values = [keras.ops.convert_to_numpy(variable).tobytes() for variable in lesson.trainable_variables]
    return hashlib.sha256(b"".join(values)).hexdigest()[:16]
