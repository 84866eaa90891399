"""POST /read reads numbers of several digits, in every form, and says where each digit is."""

import io
import math

import numpy as np
import pytest
from conftest import DIGIT_STROKES, data_url, draw, encode
from digit_ui.picture import ink_of_wide_picture
from PIL import Image, ImageDraw, ImageOps

WIDTH_PX = 12


def write(number: str, pitch: float = 110, top: float = 20, left: float = 20) -> list[list]:
    """Write digits of 100 units each, `pitch` units apart."""
    return [
        [[left + place * pitch + x, top + y] for x, y in stroke]
        for place, digit in enumerate(number)
        for stroke in DIGIT_STROKES[int(digit)]
    ]


def picture(strokes: list, size: tuple[int, int], width: int = WIDTH_PX) -> Image.Image:
    image = Image.new("L", size, 255)
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        path = [tuple(point) for point in stroke]
        pen.line(path, fill=0, width=width, joint="curve")
        for x, y in path:
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=0)
    return image


def picture_of(number: str, pitch: float = 110) -> Image.Image:
    return picture(write(number, pitch), (int(pitch * (len(number) - 1)) + 140, 140))


def boxes_of(number: str, pitch: float = 110, width: float = 0) -> list[list[float]]:
    """Give each digit's place: x, y, width, height."""
    boxes = []
    for place in range(len(number)):
        points = np.array([p for stroke in write(number[place], left=20 + place * pitch) for p in stroke])
        low, high = points.min(axis=0) - width / 2, points.max(axis=0) + width / 2
        boxes.append([*low, *(high - low)])
    return boxes


def read(client, image: Image.Image) -> dict:
    return client.post("/read", data=encode(image), content_type="image/png").get_json(force=True)


NUMBERS = ["0", "7", "407", "1234", "567890", "11", "1111", "000", "80085", "4545"]


@pytest.mark.parametrize("number", NUMBERS)
def test_spaced_digits_are_read_in_their_order_where_they_are(client, number):
    answer = read(client, picture_of(number))
    assert list(answer) == ["number", "digits", "model_version"]
    assert answer["number"] == number == "".join(str(digit["digit"]) for digit in answer["digits"])
    assert (
        np.abs(np.subtract([digit["box"] for digit in answer["digits"]], boxes_of(number, width=WIDTH_PX))).max() <= 2
    )
    assert all(digit["is_digit"] and digit["confidence"] > 0.8 for digit in answer["digits"])


@pytest.mark.parametrize("number", NUMBERS)
def test_strokes_are_read_and_their_boxes_have_their_unit(client, number):
    answer = client.post("/read", json={"strokes": write(number)}).get_json()
    assert answer["number"] == number
    assert np.abs(np.subtract([digit["box"] for digit in answer["digits"]], boxes_of(number))).max() < 0.01


TOUCHING = {"03": 56, "28": 50, "38": 48, "23": 52}


@pytest.mark.parametrize("number", TOUCHING)
def test_touching_digits_are_parted(client, number):
    image = picture_of(number, TOUCHING[number])
    ink, _ = ink_of_wide_picture(encode(image))
    assert (ink.max(axis=0) > 100)[40:-60].all()  # there is no empty column between them
    assert read(client, image)["number"] == number


@pytest.mark.parametrize("number", TOUCHING)
def test_touching_strokes_need_no_cut(client, number):
    assert client.post("/read", json={"strokes": write(number, TOUCHING[number])}).get_json()["number"] == number


def test_two_digits_in_one_stroke_are_parted(client):
    zero, eight = DIGIT_STROKES[0][0], [[x + 80, y] for x, y in DIGIT_STROKES[8][0]]
    joined = [[*zero, [76, 50], *eight]]
    assert client.post("/read", json={"strokes": joined}).get_json()["number"] == "08"


def test_a_digit_in_several_strokes_or_pieces_is_one(client):
    crossed = [*DIGIT_STROKES[7], [[40, 50], [72, 50]]]
    assert client.post("/read", json={"strokes": crossed}).get_json()["number"] == "7"
    flag_apart = [[[36, 14], [32, 46], [56, 44], [72, 62], [62, 84], [38, 90], [26, 80]], [[52, 12], [80, 12]]]
    assert client.post("/read", json={"strokes": flag_apart}).get_json()["number"] == "5"
    image = picture([[[x + 20, y + 20] for x, y in stroke] for stroke in flag_apart], (140, 140), 8)
    assert read(client, image)["number"] == "5"


def test_the_order_in_which_digits_are_drawn_does_not_matter(client):
    assert client.post("/read", json={"strokes": write("1234")[::-1]}).get_json()["number"] == "1234"


def test_lines_are_read_from_the_top_down(client):
    strokes = [*write("45", top=160), *write("12")]
    assert client.post("/read", json={"strokes": strokes}).get_json()["number"] == "1245"
    assert read(client, picture(strokes, (260, 280)))["number"] == "1245"


def test_every_form_gets_the_same_answer(client):
    png = encode(picture_of("407"))
    forms = [
        {"json": {"image": data_url(png)}},
        {"data": png, "content_type": "image/png"},
        {"data": {"image": (io.BytesIO(png), "number.png")}},
    ]
    first, *others = [client.post("/read", **form).get_json() for form in forms]
    assert first["number"] == "407" and others == [first, first]
    jpeg = encode(picture_of("407"), "JPEG", quality=60)
    assert client.post("/read", data=jpeg, content_type="image/jpeg").get_json()["number"] == "407"


def test_one_digit_is_read_as_predict_reads_it(client):
    form = {"data": encode(draw(3)), "content_type": "image/png"}
    predicted, answer = (client.post(path, **form).get_json() for path in ("/predict", "/read"))
    (digit,) = answer["digits"]
    assert (digit["digit"], digit["is_digit"]) == (predicted["digit"], predicted["is_digit"])
    assert digit["confidence"] == pytest.approx(predicted["confidence"], abs=1e-4)


@pytest.mark.parametrize("damage", ["inverted", "specks", "grey paper"])
def test_a_bad_picture_is_read_too(client, damage):
    image = picture_of("1234")
    if damage == "inverted":
        image = ImageOps.invert(image)
    elif damage == "specks":
        ImageDraw.Draw(image).point([(5, 8), (135, 9), (136, 9), (250, 100)], fill=0)
    else:
        grain = np.random.default_rng(0).normal(0, 6, image.size[::-1])
        image = Image.fromarray((120 + np.asarray(image) * 0.3 + grain).clip(0, 255).astype(np.uint8))
    assert read(client, image)["number"] == "1234"


def test_what_is_no_digit_is_said(client):
    cross = [[[300, 30], [380, 110]], [[300, 110], [380, 30]], [[340, 20], [340, 120]], [[295, 70], [385, 70]]]
    digits = client.post("/read", json={"strokes": [*write("12"), *cross]}).get_json()["digits"]
    assert [digit["is_digit"] for digit in digits[:2]] == [True, True] and not digits[-1]["is_digit"]


def test_a_large_picture_is_shrunk_and_its_boxes_are_in_its_own_pixels(client):
    image = picture_of("1234").resize((4096, 1200))
    ink, factor = ink_of_wide_picture(encode(image))
    assert factor == 3 and ink.size <= 1024 * 1024
    answer = read(client, image)
    assert answer["number"] == "1234"
    scale = np.array([4096 / 470, 1200 / 140] * 2)
    expected = np.array(boxes_of("1234", width=WIDTH_PX)) * scale
    assert np.abs(np.array([digit["box"] for digit in answer["digits"]]) - expected).max() < 2 * 8.7


REFUSALS = {
    "blank": ({"data": encode(Image.new("L", (300, 100), 255)), "content_type": "image/png"}, 422, "nothing_drawn"),
    "no strokes": ({"json": {"strokes": []}}, 422, "nothing_drawn"),
    "empty strokes": ({"json": {"strokes": [[], []]}}, 422, "nothing_drawn"),
    "neither": ({"json": {}}, 400, "one_drawing"),
    "a list": ({"json": [{"strokes": [[[1, 2]]]}]}, 422, "bad_field"),
    "cut off": ({"data": encode(draw(7))[:300], "content_type": "image/png"}, 400, "undecodable_image"),
    "text": ({"data": "3", "content_type": "text/plain"}, 415, "unsupported_media_type"),
    "33 digits": ({"json": {"strokes": write("1" * 33)}}, 422, "too_many_digits"),
    "a picture of 33 digits": (
        {"data": encode(picture_of("1" * 33)), "content_type": "image/png"},
        422,
        "too_many_digits",
    ),
    "a line across": (
        {"data": encode(picture([[[20, 20], [3000, 20]]], (3020, 40), 4)), "content_type": "image/png"},
        422,
        "too_many_digits",
    ),
    "300 strokes": ({"json": {"strokes": [[[10 * x, 0], [10 * x, 99]] for x in range(300)]}}, 422, "too_many_digits"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_bad_request_gets_a_problem_with_the_status_that_fits(client, case):
    request, status, code = REFUSALS[case]
    answer = client.post("/read", **request)
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.content_type == "application/problem+json" and problem["detail"]


def test_32_digits_are_read(client):
    number = ("0123456789" * 4)[:32]
    assert client.post("/read", json={"strokes": write(number)}).get_json()["number"] == number


@pytest.mark.parametrize(
    "strokes", [[[[7, 7]]], [[[0, 0], [0, 50]]], [[[0, 0], [50, 0]]], [[[1e6, -1e6], [-1e6, 1e6]]]]
)
def test_any_drawing_gets_an_answer(client, strokes):
    answer = client.post("/read", json={"strokes": strokes})
    assert answer.status_code == 200
    assert all(math.isfinite(value) for digit in answer.get_json()["digits"] for value in digit["box"])


def test_all_that_is_written_is_asked_about_at_once(client, app, monkeypatch):
    classifier = app.extensions["model"].get()
    asked = []
    whole = classifier.read
    monkeypatch.setattr(classifier, "read", lambda pixels: asked.append(len(pixels)) or whole(pixels))
    read(client, picture_of("1234"))
    assert len(asked) == 1


def test_it_waits_for_its_turn(client, app):
    turns = app.extensions["turns"]
    turns.max_waiting = 0
    turns._working = turns.at_once
    answer = client.post("/read", json={"strokes": write("12")})
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "too_busy")
