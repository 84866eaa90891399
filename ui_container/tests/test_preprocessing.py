"""What is drawn reaches the network in MNIST's form, wherever and however it was drawn."""

import gzip

import numpy as np
import pytest
from conftest import DIGIT_STROKES, draw, encode
from digit_ui.picture import ink_of_picture, ink_of_strokes
from digit_ui.preprocessing import BOX, CENTRE, to_network_input
from digit_ui.problems import Problem
from PIL import Image, ImageFilter, ImageOps


def pixels_of(image: Image.Image) -> np.ndarray:
    return to_network_input(ink_of_picture(encode(image)))


def centre_of_mass(pixels: np.ndarray) -> tuple[float, float]:
    grid = np.arange(28)
    total = pixels.sum()
    return float(pixels.sum(axis=1) @ grid / total), float(pixels.sum(axis=0) @ grid / total)


@pytest.mark.parametrize("digit", range(10))
def test_the_longer_side_is_20_px_and_the_mass_is_in_the_middle(digit):
    pixels = pixels_of(draw(digit))
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    assert BOX - 1 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= BOX
    assert all(abs(centre - CENTRE) <= 0.5 for centre in centre_of_mass(pixels))


def test_the_place_of_the_drawing_does_not_matter():
    corners = [pixels_of(draw(3, box=box)) for box in ((4, 4, 160), (110, 4, 160), (4, 110, 160), (60, 60, 160))]
    assert all(np.array_equal(corners[0], other) for other in corners[1:])


def test_bright_ink_on_dark_paper_is_the_same_digit():
    image = draw(5)
    assert np.array_equal(pixels_of(image), pixels_of(ImageOps.invert(image)))


@pytest.mark.parametrize("digit", range(10))
def test_moved_scaled_inverted_and_thickened_digits_get_the_same_answer(client, digit):
    drawings = {
        "plain": draw(digit),
        "moved": draw(digit, box=(5, 100, 160)),
        "small": draw(digit, box=(120, 90, 70), width=8),
        "large": draw(digit, size=900, box=(50, 50, 800), width=70),
        "inverted": ImageOps.invert(draw(digit)),
        "thick": draw(digit, width=22),
        "thin": draw(digit, width=9),
        "grey paper": Image.eval(draw(digit), lambda grey: 90 + grey * 110 // 255),
        "blurred": draw(digit).filter(ImageFilter.GaussianBlur(2)),
    }
    answers = {
        name: client.post("/predict", data=encode(image), content_type="image/png").get_json()["digit"]
        for name, image in drawings.items()
    }
    assert answers == dict.fromkeys(drawings, digit)


@pytest.mark.parametrize("digit", range(10))
def test_strokes_of_any_unit_and_place_get_the_same_answer(client, digit):
    for scale, shift in ((1, 0), (0.01, -3), (5000, 1e5)):
        strokes = [[[x * scale + shift, y * scale + shift] for x, y in stroke] for stroke in DIGIT_STROKES[digit]]
        assert client.post("/predict", json={"strokes": strokes}).get_json()["digit"] == digit


def test_a_dot_and_a_straight_line_can_be_drawn():
    for strokes in ([[[7, 7]]], [[[0, 0], [0, 50]]], [[[0, 0], [50, 0]]]):
        assert to_network_input(ink_of_strokes(strokes)).max() == 255


def test_blank_pictures_and_faint_noise_are_nothing_drawn():
    noise = np.random.default_rng(0).normal(200, 5, (100, 100)).clip(0, 255).astype(np.uint8)
    for image in (Image.new("L", (100, 100), 255), Image.new("L", (100, 100), 0), Image.fromarray(noise)):
        with pytest.raises(Problem, match="nothing is drawn") as refused:
            pixels_of(image)
        assert refused.value.status == 422


@pytest.mark.parametrize("digit", range(10))
def test_jpeg_noise_around_the_digit_changes_no_answer(client, digit):
    noisy = encode(draw(digit), "JPEG", quality=25)
    assert client.post("/predict", data=noisy, content_type="image/jpeg").get_json()["digit"] == digit


def test_mnist_digits_come_through_nearly_unchanged(mnist_dir):
    with gzip.open(mnist_dir / "test.csv.gz", "rt") as file:
        rows = [next(file) for _ in range(201)][1:]
    for row in rows:
        picture = np.array(row.split(",")[1:], dtype=np.uint8).reshape(28, 28)
        through = pixels_of(Image.fromarray(picture))
        # One pixel of room: the centre of mass of half the digits lies near a boundary between two pixels.
        shifts = [np.roll(picture, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        assert min(np.abs(shifted.astype(int) - through).mean() for shifted in shifts) < 8
