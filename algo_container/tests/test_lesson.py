"""A lesson teaches both outputs, and its layers' statistics move as Keras would move them."""

import io

import keras
import numpy as np
import pytest
from trainer.cores import PARTS
from trainer.dataset import Part
from trainer.feeding import feed, feed_blocks
from trainer.inference import BLOCK_ROWS
from trainer.lesson import Lesson, deal, vary_and_draw
from trainer.network import build_cnn
from trainer.progress import Progress
from trainer.rendering import render
from trainer.sources import Steps, gather
from trainer.strokes import NOT_A_DIGIT
from trainer.training import Recipe, fit, make_reproducible


@pytest.fixture(scope="module")
def taught() -> tuple[Lesson, Steps]:
    """A lesson of a few dozen steps on drawn digits alone."""
    make_reproducible(1)
    blank = Part(np.zeros((600, 28, 28, 1), np.float32), np.zeros(600, np.uint8))
    steps = Steps(gather(blank, None, [], seed=1), 64, seed=1)
    lesson = Lesson(build_cnn(), seed=1)
    lesson.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    lesson.fit(feed(lambda: steps, len(steps)), epochs=12, shuffle=False, verbose=0)
    return lesson, steps


def test_what_is_no_digit_gets_lower_odds_of_being_one(taught):
    lesson, steps = taught
    (_, points, pen), labels = steps[0]
    labels = labels[-len(points) :]
    pictures = render(points, pen, np.full(len(points), 2.5, np.float32), np.ones(len(points), np.float32))
    features = keras.Model(lesson.network.inputs, lesson.network.layers[-2].output)
    odds = np.asarray(lesson.is_digit(features(pictures)))[:, 0]
    assert odds[labels != NOT_A_DIGIT].mean() > odds[labels == NOT_A_DIGIT].mean() + 0.5


def test_the_statistics_of_batch_normalization_move(taught):
    norm = taught[0].network.layers[2]
    assert np.abs(np.asarray(norm.moving_mean)).max() > 0
    assert np.abs(np.asarray(norm.moving_variance) - 1).max() > 0.1


def test_a_step_of_a_single_picture_teaches_something_finite():
    """One part of the step then has no picture at all."""
    make_reproducible(1)
    steps = Steps(
        gather(Part(np.zeros((3, 28, 28, 1), np.float32), np.zeros(3, np.uint8)), None, [], seed=1), 1, seed=1
    )
    lesson = Lesson(build_cnn(), seed=1)
    lesson.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    lesson.fit(feed(lambda: steps, len(steps)), shuffle=False, verbose=0)
    assert all(np.isfinite(weights).all() for weights in lesson.get_weights())


@pytest.mark.parametrize("count", [1, 2, BLOCK_ROWS + 1])
def test_any_number_of_pictures_can_be_examined(taught, count):
    lesson, rng = taught[0], np.random.default_rng(0)
    part = Part(rng.random((count, 28, 28, 1), np.float32), rng.integers(0, 10, count, np.uint8))
    figures = lesson.evaluate(feed_blocks(part), verbose=0, return_dict=True)
    probabilities = lesson.network.predict(part.x, verbose=0)
    assert figures["accuracy"] == pytest.approx((probabilities.argmax(1) == part.y).mean())
    losses = -np.log(np.maximum(probabilities[np.arange(count), part.y], 1e-7))
    assert figures["loss"] == pytest.approx(losses.mean(), rel=1e-4)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_each_part_is_dealt_every_so_manyth_row(count):
    rows = np.arange(3 * count).reshape(count, 3)
    for number, part in enumerate(deal(rows)):
        assert np.array_equal(part, rows[number::PARTS])


def test_a_training_traces_its_step_once(monkeypatch):
    """A second trace, or one for each part of the pictures, would cost a short training seconds."""
    traced = []
    step = Lesson.train_step
    monkeypatch.setattr(Lesson, "train_step", lambda lesson, data: traced.append(data) or step(lesson, data))
    make_reproducible(1)
    sources = gather(Part(np.zeros((40, 28, 28, 1), np.float32), np.zeros(40, np.uint8)), None, [], seed=1)
    fit(Lesson(build_cnn(), seed=1), sources, None, Recipe(2, 64, 1, steps=9), Progress(io.StringIO(), 2))
    assert len(traced) == 1
    assert vary_and_draw.experimental_get_tracing_count() == 1
