"""What is drawn reaches the network in MNIST's form, wherever and however it was drawn."""

import gzip

import numpy as np
import pytest
from conftest import DIGIT_STROKES, draw, encode
from digit_ui.picture import ink_of_picture, ink_of_strokes
from digit_ui.preprocessing import BOX, CENTRE, to_network_input
from digit_ui.problems import Problem
from PIL import Image, ImageDraw, ImageFilter, ImageOps


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
    noises = [
        Image.fromarray(np.random.default_rng(0).normal(180, strength, (280, 280)).clip(0, 255).astype(np.uint8))
        for strength in (1, 5, 12)
    ]
    for image in (Image.new("L", (100, 100), 255), Image.new("L", (100, 100), 0), *noises):
        with pytest.raises(Problem, match="nothing is drawn") as refused:
            pixels_of(image)
        assert refused.value.status == 422


def lit_from_one_side(image: Image.Image) -> Image.Image:
    light = np.linspace(0.7, 1.1, 280)[np.newaxis] * np.linspace(1.1, 0.8, 280)[:, np.newaxis]
    return Image.fromarray((np.asarray(image) * 0.7 * light).clip(0, 255).astype(np.uint8))


def grainy(image: Image.Image) -> Image.Image:
    grain = np.random.default_rng(0).normal(0, 8, (280, 280))
    return Image.fromarray((120 + np.asarray(image) * 0.3 + grain).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("damage", [lit_from_one_side, grainy])
@pytest.mark.parametrize("digit", range(10))
def test_uneven_light_and_grain_are_no_ink(digit, damage):
    clean, damaged = pixels_of(draw(digit)).astype(int), pixels_of(damage(draw(digit)))
    shifts = [np.roll(clean, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert min(np.abs(shifted - damaged).mean() for shifted in shifts) < 8


def test_slips_of_the_pointer_and_specks_are_left_out():
    image = draw(3)
    slipped = image.copy()
    ImageDraw.Draw(slipped).ellipse((20, 20, 34, 34), fill=0)
    ImageDraw.Draw(slipped).point([(5, 200), (270, 9), (271, 9)], fill=0)
    assert np.array_equal(pixels_of(slipped), pixels_of(image))


def test_dots_within_the_drawing_are_part_of_it():
    ring = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(ring).ellipse((60, 60, 220, 220), outline=0, width=14)
    face = ring.copy()
    for left in (105, 160):
        ImageDraw.Draw(face).ellipse((left, 110, left + 14, 124), fill=0)
    assert pixels_of(face)[10:14, 9:19].max() > 100 and pixels_of(ring)[10:14, 9:19].max() == 0


def test_thousands_of_specks_cost_no_time_and_leave_the_digit():
    image = draw(3)
    pixels = np.asarray(image).copy()
    pixels[::2, ::2] = np.minimum(pixels[::2, ::2], 100)
    assert np.abs(pixels_of(Image.fromarray(pixels)).astype(int) - pixels_of(image)).mean() < 8


def test_a_patterned_rim_is_no_grain():
    image = np.asarray(draw(3)).copy()
    image[0, ::2] = image[-1, ::2] = image[::2, 0] = image[::2, -1] = 150
    assert pixels_of(Image.fromarray(image)).max() == 255


def test_a_digit_in_several_pieces_stays_whole():
    parts = Image.new("L", (280, 280), 255)
    pen = ImageDraw.Draw(parts)
    pen.line([(80, 60), (70, 130), (150, 130)], fill=0, width=14)
    pen.line([(170, 60), (170, 240)], fill=0, width=14)
    pixels = pixels_of(parts)
    assert pixels[:, :12].max() > 200 and pixels[:, 16:].max() > 200


def test_a_dot_alone_is_drawn():
    dot = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(dot).ellipse((100, 100, 112, 112), fill=0)
    assert pixels_of(dot).max() == 255


def test_ink_that_reaches_the_rim_is_not_taken_for_paper():
    scan = Image.new("L", (16, 16), 255)
    ImageDraw.Draw(scan).ellipse((0, 0, 15, 15), outline=0, width=3)
    ring = pixels_of(scan)
    assert ring[13:15, 13:15].max() == 0 and ring[4:7, 13:15].max() > 200


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
