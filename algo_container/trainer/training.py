"""Fit the network: schedule, reproducibility, and a Ctrl-C that ends the epoch instead of the process."""

import contextlib
import itertools
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

import keras
import numpy as np
import tensorflow as tf

from trainer.dataset import Part
from trainer.feeding import STEPS_AT_ONCE, feed, feed_blocks
from trainer.lesson import Lesson, vary_and_draw
from trainer.network import reestimate_batch_norm
from trainer.progress import Progress
from trainer.sources import Sources, Steps

WARM_UP_SHARE = 0.05
# Of a training from scratch. A short one needs the higher one.
PEAK_LEARNING_RATE, QUICK_PEAK_LEARNING_RATE = 2e-3, 4e-3
# As many rows as give every channel's mean and variance to three digits.
STATISTICS_ROWS = 20_000


@dataclass(frozen=True)
class Recipe:
    """How to fit.

    steps: an epoch; None for as many as show every scanned digit once. The published weights are a moving average, in
    which a step's share falls to a third in `averaged_steps`, but never more than `averaged_share` of all steps.
    """

    epochs: int
    batch_size: int
    seed: int
    steps: int | None = None
    peak_learning_rate: float = PEAK_LEARNING_RATE
    averaged_steps: int = 1_000
    averaged_share: float = 0.05


@dataclass(frozen=True)
class Training:
    """How a fit went.

    history: metric name to one value an epoch; interrupted: a person stopped it.
    """

    history: dict[str, list[float]]
    epochs_done: int
    duration_s: float
    interrupted: bool


def make_reproducible(seed: int) -> None:
    """Make the same seed give the same model on the same machine. Call before the network is built."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(lesson: Lesson, sources: Sources, validation: Part | None, recipe: Recipe, progress: Progress) -> Training:
    """Train the lesson's network in place, then re-estimate its BatchNormalization statistics.

    Not those of a frozen network, which have not changed, nor those of a training that was stopped, which nobody needs.
    """
    count = recipe.steps or sources.steps(recipe.batch_size)
    orders = itertools.count()

    def epoch() -> Steps:
        return Steps(sources, recipe.batch_size, [recipe.seed, next(orders)], count)

    # XLA is what Keras would choose by itself; on a CPU it makes the convolutions ten times slower.
    lesson.compile(
        optimizer=make_optimizer(recipe, recipe.epochs * count),
        jit_compile=False,
        steps_per_execution=STEPS_AT_ONCE,
    )
    # A step that makes its variables is traced twice, a second each.
    lesson.optimizer.build(lesson.trainable_variables)
    started = time.monotonic()
    with stop_after_epoch(progress) as stop:
        history = lesson.fit(
            feed(epoch, count),
            epochs=recipe.epochs,
            validation_data=None if validation is None else feed_blocks(validation),
            callbacks=[progress, stop],
            shuffle=False,
            verbose=0,
        )
    lesson.thaw()
    if not stop.requested and not lesson.frozen:
        reestimate_batch_norm(lesson.network, as_in_training(epoch(), recipe.seed))
    return Training(history.history, len(history.epoch), time.monotonic() - started, stop.requested)


def make_optimizer(recipe: Recipe, total: int) -> keras.optimizers.Optimizer:
    """Make Adam, whose rate rises and falls over `total` steps, and which averages the weights as it goes."""
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, total, warmup_target=recipe.peak_learning_rate, warmup_steps=max(1, int(WARM_UP_SHARE * total))
    )
    averaged_steps = max(1.0, min(recipe.averaged_steps, recipe.averaged_share * total))
    return keras.optimizers.Adam(rate, use_ema=True, ema_momentum=1 - 1 / averaged_steps)


def as_in_training(steps: Steps, seed: int) -> np.ndarray:
    """Make the pictures of some more steps, for the statistics."""
    pictures: list[np.ndarray] = []
    while sum(map(len, pictures)) < STATISTICS_ROWS:
        (scanned, points, pen), _ = steps[len(pictures) % len(steps)]
        pictures.append(vary_and_draw(scanned, points, pen, tf.constant([seed, -1 - len(pictures)])).numpy())
    return np.concatenate(pictures)


class StopAfterEpoch(keras.callbacks.Callback):  # type: ignore[misc] # Keras comes without types
    """Ends the training when the current epoch is over, once somebody asked for it."""

    requested = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Stop `fit` here if asked."""
        if self.requested:
            self.model.stop_training = True


@contextlib.contextmanager
def stop_after_epoch(progress: Progress) -> Iterator[StopAfterEpoch]:
    """Turn the first Ctrl-C inside this block into a request to stop; a second one interrupts at once."""
    stop = StopAfterEpoch()

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.requested = True
        progress.say("Ctrl-C: stopping after this epoch; press it again to stop at once")

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
