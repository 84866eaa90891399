"""The workers of a cluster, joined by TensorFlow's collectives. Import it before anything of TensorFlow has run."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.cluster import Cluster
from trainer.disk import INTERRUPTIONS
from trainer.errors import PeerLostError

# What TensorFlow raises, here or there, where a worker has gone, or has come back as another process.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


class Team:
    """All workers. What is said here must be said by each of them, in the same order, or they wait for each other."""

    def __init__(self, cluster: Cluster) -> None:
        """Wait until every worker is there. Raises PeerLostError."""
        self.cluster = cluster
        with found_again(), stopped_at_once():
            # RING: the one that this processor's machines have. With one copy of the network a worker, its variables
            # need no scope: what is summed is the same to the last bit everywhere, and so is what is made of it.
            self.strategy = tf.distribute.MultiWorkerMirroredStrategy(
                communication_options=tf.distribute.experimental.CommunicationOptions(
                    implementation=tf.distribute.experimental.CommunicationImplementation.RING
                )
            )
            self._total = tf.function(lambda values: self.run(self.sum, values))

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 # what the function takes and gives
        """Call a function in which `sum` may be used, within a tf.function."""
        return self.strategy.run(function, arguments)

    def sum(self, values: tf.Tensor) -> tf.Tensor:
        """Add up what each worker has."""
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))

    def total(self, values: np.ndarray) -> np.ndarray:
        """Add up what each worker has, float64 of the same shape. Raises PeerLostError."""
        with found_again():
            total: np.ndarray = self._total(tf.constant(values, tf.float64)).numpy()
        return total

    def from_chief(self, values: np.ndarray) -> np.ndarray:
        """Give everybody what the chief has. Raises PeerLostError."""
        return self.total(values if self.cluster.is_chief else np.zeros_like(values))

    def hear(self) -> int:
        """Wait for how it ended for the chief: 0 if the model is published. Raises PeerLostError."""
        with stopped_at_once():
            return int(self.total(np.zeros(1))[0])

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Tell the others, as the chief, how what is done in this block has ended."""
        try:
            yield
        except BaseException:
            self._tell(1)
            raise
        self._tell(0)

    def _tell(self, status: int) -> None:
        with contextlib.suppress(PeerLostError):  # who is gone will see it in the folder
            self.total(np.array([status]))


@contextlib.contextmanager
def stopped_at_once() -> Iterator[None]:
    """Let a Ctrl-C end the process while it waits for others: Python would hear it only after that.

    A SIGTERM TensorFlow keeps to itself while it waits for the cluster; who waits has nothing to lose by being killed.
    """
    before = {number: signal.signal(number, signal.SIG_DFL) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def found_again() -> Iterator[None]:
    """Say in one sentence that another worker is gone, where TensorFlow says it in many."""
    try:
        yield
    except LOST as error:
        raise PeerLostError(f"another worker cannot be reached ({type(error).__name__})") from error
