"""Fit the network: schedule, reproducibility, and a Ctrl-C that ends the epoch instead of the process."""

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

import keras
import tensorflow as tf

from trainer.dataset import Part
from trainer.network import reestimate_batch_norm
from trainer.progress import Progress

PEAK_LEARNING_RATE = 1e-3
WARM_UP_SHARE = 0.05


@dataclass(frozen=True)
class Training:
    """How a fit went. history: metric name to one value an epoch; interrupted: a person stopped it."""

    history: dict[str, list[float]]
    epochs_done: int
    duration_s: float
    interrupted: bool


def make_reproducible(seed: int) -> None:
    """Make the same seed give the same model on the same machine. Call before the network is built."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(
    model: keras.Sequential, train: Part, validation: Part | None, epochs: int, batch_size: int, progress: Progress
) -> Training:
    """Train `model` in place, then re-estimate its BatchNormalization statistics unless a person stopped it."""
    steps = epochs * -(-len(train.y) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=PEAK_LEARNING_RATE, warmup_steps=max(1, int(WARM_UP_SHARE * steps))
    )
    # XLA is what Keras would choose by itself; on a CPU it makes a step of this network ten times slower.
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    started = time.monotonic()
    with stop_after_epoch(progress) as stop:
        history = model.fit(
            train.x,
            train.y,
            batch_size=batch_size,
            epochs=epochs,
            validation_data=None if validation is None else (validation.x, validation.y),
            callbacks=[progress, stop],
            verbose=0,
        )
    if not stop.requested:
        reestimate_batch_norm(model, train.x)
    return Training(history.history, len(history.epoch), time.monotonic() - started, stop.requested)


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
