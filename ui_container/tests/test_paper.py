"""What was drawn on a screen is told from its paper the short way, with the result of the long way."""

import numpy as np
import pytest
from conftest import draw
from digit_ui.paper import ink_on_any_paper, ink_on_paper
from digit_ui.preprocessing import SIDE, steps_to_network_input, to_network_input

PAPERS = {"white": (255, 0), "black": (0, 255), "grey": (200, 30), "dark grey": (40, 180), "faint": (255, 180)}


def on(paper: int, ink: int, picture: np.ndarray) -> np.ndarray:
    """Give a picture, black on white, these greys."""
    strength = (255 - picture.astype(np.float32)) / 255
    return np.round(paper + (ink - paper) * strength).astype(np.uint8)


@pytest.fixture(params=range(10))
def picture(request) -> np.ndarray:
    """A digit with soft edges, away from the rim."""
    large = draw(request.param, size=840, box=(150, 150, 500), width=40)
    return np.asarray(large.resize((280, 280)))


@pytest.mark.parametrize("greys", PAPERS)
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_the_short_way_gives_the_ink_of_the_long_way_to_the_last_bit(picture, greys, kind):
    grey = on(*PAPERS[greys], picture)
    ink, wanted = ink_on_paper(grey.astype(kind)), ink_on_any_paper(grey.astype(np.float32))
    assert ink.dtype == kind and np.array_equal(ink, wanted)
    assert np.array_equal(to_network_input(ink), to_network_input(wanted))


@pytest.mark.parametrize("shift", [52, 60, 70])
def test_where_ink_reaches_the_rim_both_ways_agree_to_a_grey_value(picture, shift):
    grey = np.roll(picture, -shift, axis=1)
    grey[:, -shift:] = 255
    short, long = (to_network_input(way(grey.astype(np.float32))) for way in (ink_on_paper, ink_on_any_paper))
    assert np.abs(short.astype(int) - long).max() <= 1


def test_paper_with_grain_takes_the_long_way(picture):
    grain = np.random.default_rng(0).normal(0, 4, picture.shape)
    grey = np.clip(on(200, 30, picture) + grain, 0, 255).astype(np.uint8)
    assert np.array_equal(ink_on_paper(grey), ink_on_any_paper(grey.astype(np.float32)))


def test_what_lies_around_the_ink_does_not_matter_and_every_step_is_as_large_as_the_picture(picture):
    ink = ink_on_paper(picture)
    wide = np.pad(ink, ((100, 3), (0, 57)))
    assert np.array_equal(to_network_input(ink), to_network_input(wide))
    steps = steps_to_network_input(wide)
    assert steps.ink.shape == wide.shape and steps.ink.max() == 1
    assert steps.centred.shape == (SIDE, SIDE) and np.array_equal(steps.centred, to_network_input(ink))
    assert np.array_equal(steps.ink[100:-3, :-57], steps_to_network_input(ink).ink)
