"""TensorFlow is handed what was made, in order, anew for each epoch, and nobody waits at an epoch's end."""

import itertools

import numpy as np
import pytest
from trainer.dataset import Part, normalise
from trainer.feeding import feed, feed_blocks
from trainer.inference import BLOCK_ROWS
from trainer.sources import Steps, gather

SCANNED = Part(np.zeros((90, 28, 28, 1), np.uint8), np.arange(90, dtype=np.uint8) % 10)


def test_each_epoch_is_made_anew():
    sources, orders = gather(SCANNED, None, [], seed=1), itertools.count()
    steps = feed(lambda: Steps(sources, 32, [1, next(orders)]), sources.steps(32))
    seen = [[labels.numpy() for _, labels in steps] for _ in range(2)]
    for number, epoch in enumerate(seen):
        wanted = [labels for _, labels in Steps(sources, 32, [1, number])]
        assert len(epoch) == len(steps) == len(wanted)
        assert all(map(np.array_equal, epoch, wanted))
    assert not all(map(np.array_equal, *seen))


@pytest.mark.parametrize("count", [1, BLOCK_ROWS, BLOCK_ROWS + 1])
def test_blocks_are_all_rows_in_order(count):
    x = np.random.default_rng(1).integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)
    part = Part(x, np.arange(count, dtype=np.uint8))
    pictures, labels = (np.concatenate(list(kind)) for kind in zip(*feed_blocks(part).as_numpy_iterator(), strict=True))
    assert np.array_equal(pictures, normalise(x)) and np.array_equal(labels, part.y)
    assert len(feed_blocks(part)) == -(-count // BLOCK_ROWS)


def test_tensorflow_does_not_tune_what_it_is_handed():
    """Its tuning would be waited for at the end of an epoch."""
    steps = gather(SCANNED, None, [], seed=1)
    for handed in (feed(lambda: Steps(steps, 32, 1), 3), feed_blocks(SCANNED)):
        assert handed.options().autotune.enabled is False
