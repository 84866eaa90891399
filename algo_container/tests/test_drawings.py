"""Digits and things that are none are drawn: of every kind, the same for a seed, and as the network sees them."""

from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from trainer.augmentation import LINE_PX, choose_pens, vary_pictures, vary_strokes
from trainer.dataset import Part
from trainer.digit_forms import FORMS, draw_digits
from trainer.lesson import vary_and_draw
from trainer.non_digits import draw_non_digits, face, letter, scribble, several
from trainer.rendering import render
from trainer.sources import QUICK, THOROUGH, Steps, gather
from trainer.strokes import NOT_A_DIGIT, POINTS, collect

DIGITS, SHAPES = draw_digits(400, seed=1)
SEED = tf.constant([1, 2])


def pictures_of(strokes, width_px=2.5) -> np.ndarray:
    count = len(strokes)
    return render(strokes.points, strokes.pen, tf.fill([count], width_px), tf.ones([count])).numpy()[..., 0]


def test_every_digit_is_drawn_in_many_ways_and_the_same_ones_for_a_seed():
    assert set(DIGITS.labels.tolist()) == set(range(10))
    again, _ = draw_digits(400, seed=1)
    assert np.array_equal(again.points, DIGITS.points)
    assert not np.array_equal(draw_digits(400, seed=2)[0].points, DIGITS.points)
    for digit in range(10):
        of_digit = DIGITS.points[DIGITS.labels == digit]
        assert np.abs(of_digit[1:] - of_digit[0]).max(axis=(1, 2)).min() > 0.002


@pytest.mark.parametrize("digit", range(10))
def test_a_form_stands_upright_and_about_one_high(digit):
    rng = np.random.default_rng(digit)
    for _ in range(100):
        points = np.array([point for line in FORMS[digit](rng) for point in line])
        assert np.isfinite(points).all()
        assert 0.7 < np.ptp(points[:, 1]) < 1.4 and np.ptp(points[:, 0]) < 1.3


def test_sevens_are_crossed_ones_have_feet_and_zeros_are_slashed_often_but_not_always():
    rng = np.random.default_rng(0)
    for digit, least, most in ((7, 0.3, 0.7), (1, 0.2, 0.5), (0, 0.35, 0.65)):
        assert least < np.mean([len(FORMS[digit](rng)) > 1 for _ in range(500)]) < most


@pytest.mark.parametrize("kind", [letter, face, scribble])
def test_things_that_are_no_digit_can_be_drawn(kind):
    rng = np.random.default_rng(0)
    things = collect([kind(rng) for _ in range(200)], [NOT_A_DIGIT] * 200)
    assert np.isfinite(things.points).all() and things.points.shape == (200, POINTS, 2)
    assert pictures_of(things).max(axis=(1, 2)) == pytest.approx(1)


def test_several_digits_stand_side_by_side():
    box = [[(5.0, 0.0), (7.0, 4.0)]]
    rng = np.random.default_rng(0)
    for _ in range(50):
        lines = several(rng, [box])
        assert len(lines) in (2, 3)
        for line, following in pairwise(lines):
            assert line[0][0] < following[0][0] and line[1][0] - 0.1 < following[0][0]


def test_non_digits_have_no_label_and_are_the_same_for_a_seed():
    one, other = (draw_non_digits(50, 3, SHAPES) for _ in range(2))
    assert set(one.labels.tolist()) == {NOT_A_DIGIT} and np.array_equal(one.points, other.points)


def test_a_drawing_is_fitted_into_20_px_and_centred_by_mass():
    for width_px in (1.0, 2.5, 4.0):
        pictures = pictures_of(DIGITS, width_px)
        for picture in pictures:
            rows, columns = np.flatnonzero((picture > 0.3).any(1)), np.flatnonzero((picture > 0.3).any(0))
            assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        grid = np.arange(28)
        mass = pictures.sum((1, 2))
        centres = [(pictures.sum(axis) @ grid / mass).mean() for axis in (1, 2)]
        assert centres == pytest.approx([14, 14], abs=0.3)


def test_a_wider_pen_leaves_more_ink_and_a_lifted_one_none():
    thin, thick = (pictures_of(DIGITS, width_px).sum() for width_px in (1.0, 3.0))
    assert thick > 2 * thin
    apart = collect([[[(0, 0), (0, 10)], [(10, 0), (10, 10)]]], [NOT_A_DIGIT])
    assert pictures_of(apart, 2.0)[0, :, 13:15].max() == 0


def test_variations_differ_from_step_to_step_and_agree_for_a_seed():
    pictures = pictures_of(DIGITS)[..., np.newaxis]
    for vary, what in ((vary_pictures, pictures), (vary_strokes, DIGITS.points)):
        one, again, other = (vary(tf.constant(what), tf.constant([1, step])).numpy() for step in (2, 2, 3))
        assert np.array_equal(one, again) and np.abs(one - other).max() > 0.1
        assert np.isfinite(one).all()
    varied = vary_pictures(tf.constant(pictures), SEED).numpy()
    assert varied.min() >= 0 and varied.max() <= 1 and varied.shape == pictures.shape


def test_pens_are_as_wide_as_a_canvas_makes_them():
    width, softness = (values.numpy() for values in choose_pens(2000, SEED))
    assert LINE_PX[0] <= width.min() < 1.0 < 3.8 < width.max() <= LINE_PX[1]
    assert softness.min() > 0


@pytest.mark.parametrize("with_strokes", [True, False])
def test_a_step_mixes_every_kind_and_an_epoch_takes_every_scanned_digit(with_strokes):
    scanned = Part(
        np.arange(1000, dtype=np.float32).reshape(-1, 1, 1, 1) * np.ones((28, 28, 1), np.float32), np.arange(1000) % 10
    )
    sources = gather(scanned, DIGITS if with_strokes else None, SHAPES if with_strokes else [], seed=1)
    steps = Steps(sources, 128, seed=1)
    seen = set()
    for step in range(len(steps)):
        (pictures, points, pen), labels = steps[step]
        assert len(pictures) + len(points) == len(labels) == 128 and len(pen) == len(points)
        assert 15 <= (labels == NOT_A_DIGIT).sum() <= 25
        seen |= set(pictures[:, 0, 0, 0].tolist())
    assert len(seen) == 1000
    assert not np.array_equal(steps[0][1], Steps(sources, 128, seed=2)[0][1])


def test_a_quick_mixture_draws_less_and_shows_more_scanned_digits():
    scanned = Part(np.zeros((30_000, 28, 28, 1), np.float32), np.zeros(30_000, np.uint8))
    quick, thorough = (gather(scanned, DIGITS, SHAPES, 1, mixture) for mixture in (QUICK, THOROUGH))
    assert quick.rows(256)[0] > thorough.rows(256)[0]
    drawn = [sum(len(strokes) for strokes, _ in sources.drawings) for sources in (quick, thorough)]
    assert 4 * drawn[0] < drawn[1]


def test_a_step_of_few_rows_still_has_one_of_every_kind():
    scanned = Part(np.zeros((40, 28, 28, 1), np.float32), np.arange(40) % 10)
    (pictures, points, _), labels = Steps(gather(scanned, DIGITS, SHAPES, seed=1), 1, seed=1)[0]
    assert len(pictures) == 1 and len(points) == 3
    assert (labels == NOT_A_DIGIT).tolist() == [False, False, False, True]


def test_pictures_come_before_drawings_in_what_the_network_sees():
    blank = np.zeros((3, 28, 28, 1), np.float32)
    seen = vary_and_draw(blank, DIGITS.points[:5], DIGITS.pen[:5], SEED).numpy()
    assert seen.shape == (8, 28, 28, 1)
    assert seen[:3].max() == 0 and seen[3:].max(axis=(1, 2, 3)) == pytest.approx(1)
