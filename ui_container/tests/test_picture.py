"""Every kind of PNG and JPEG is read as a person sees it; everything else gets a clear refusal."""

import base64
import contextlib
import io
import struct
import time
import zlib

import numpy as np
import pytest
from conftest import draw, encode
from digit_ui.picture import ink_of_picture, ink_of_strokes
from digit_ui.preprocessing import to_network_input
from digit_ui.problems import Problem
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

PLAIN = to_network_input(ink_of_picture(encode(draw(4))))


def difference(data: bytes) -> float:
    return float(np.abs(to_network_input(ink_of_picture(data)).astype(int) - PLAIN).mean())


def transparent(ink: int) -> Image.Image:
    coverage = ImageOps.invert(draw(4))
    return Image.merge("LA", [Image.new("L", coverage.size, ink), coverage])


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(draw(4).convert("1"), id="one bit"),
        pytest.param(draw(4).convert("RGB"), id="colour"),
        pytest.param(draw(4).convert("RGB").quantize(8), id="palette"),
        pytest.param(transparent(0), id="dark ink on transparent paper"),
        pytest.param(transparent(255), id="bright ink on transparent paper"),
        pytest.param(transparent(0).convert("RGBA"), id="RGBA"),
        pytest.param(Image.fromarray(np.asarray(draw(4)).astype(np.uint16) * 257), id="16 bit"),
    ],
)
def test_every_kind_of_png_shows_the_same_digit(image):
    assert difference(encode(image)) < 6


def test_a_palette_with_a_transparent_colour_is_read():
    image = draw(4).convert("1").convert("P")
    assert difference(encode(image, transparency=image.getpixel((0, 0)))) < 6


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_every_kind_of_jpeg_shows_the_same_digit(mode):
    assert difference(encode(draw(4).convert(mode), "JPEG", quality=90)) < 6


def test_a_photograph_lying_on_its_side_is_turned_by_its_own_note():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    lying = draw(4).rotate(90)
    assert difference(encode(lying, "JPEG", quality=95, exif=exif)) < 6


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_every_kind_of_large_picture_is_read(mode):
    large = draw(4, size=2240, box=(480, 480, 1280), width=112)
    image = Image.fromarray(np.asarray(large).astype(np.uint16) * 257) if mode == "I;16" else large.convert(mode)
    assert difference(encode(image)) < 8


def test_a_large_photograph_lying_on_its_side_is_turned_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = draw(4, size=2240, box=(480, 480, 1280), width=112).rotate(90)
    assert difference(encode(lying, "JPEG", quality=95, exif=exif)) < 8


# A damaged camera note over which Pillow stumbles when it is asked to turn the picture.
DAMAGED_NOTE = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAAWmVYSWZJSSoACAAAAAMAEgEDAAEAAAAIAAAAEwIBAAMAAAAoAAAAGgEBAAMAAAAo"
    "AAAAAAAAAHYOgZuFySTDWXFkxKYFigBYGiKyLeUEckM9LkT+2La4NX5EzTEpkDolrCYBAAAAEUlEQVR4nGNgIAv8H4IiRAEATAsJ9wGCJKUAAAAA"
    "SUVORK5CYII="
)


def test_a_damaged_camera_note_does_no_harm():
    assert np.isfinite(ink_of_picture(base64.b64decode(DAMAGED_NOTE))).all()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120))
def test_no_camera_note_raises_anything(note):
    ink_of_picture(encode(draw(4, size=32, box=(4, 4, 24), width=3), "JPEG", exif=b"Exif\x00\x00" + note))


@pytest.mark.parametrize("size", [8, 9, 28, 100, 1000, 4096])
def test_sizes_from_8_to_4096_are_read(size):
    image = draw(1, size=1000, box=(100, 100, 800), width=120).resize((size, size), Image.Resampling.LANCZOS)
    assert to_network_input(ink_of_picture(encode(image))).max() == 255


@pytest.mark.parametrize("size", [(7, 100), (100, 7), (4097, 8), (8, 4097)])
def test_other_sizes_are_refused_with_the_size_and_what_is_wanted(size):
    with pytest.raises(Problem, match=f"{size[0]} x {size[1]} px, expected 8 to 4096") as refused:
        ink_of_picture(encode(Image.new("L", size, 255)))
    assert refused.value.status == 422


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(header: bytes, pixels: bytes, *others: bytes) -> bytes:
    parts = (chunk(b"IHDR", header), *others, chunk(b"IDAT", zlib.compress(pixels, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def head(width: int, height: int, depth: int = 8, colour: int = 0, interlaced: int = 0) -> bytes:
    return struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)


PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def deep_colour(interlaced: bool) -> bytes:
    """The most bytes that a picture of this size can have, with the filter that takes longest."""
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    lines = ((len(range(top, 4096, down)), len(range(left, 4096, across))) for left, top, across, down in passes)
    pixels = b"".join((b"\4" + b"\1" * (8 * width)) * height for height, width in lines)
    return png(head(4096, 4096, depth=16, colour=6, interlaced=interlaced), pixels)


def of_scans(count: int) -> bytes:
    """A progressive JPEG of 4096 x 4096 with so many scans more than it needs, 33 bytes each."""
    whole = encode(Image.new("L", (4096, 4096), 200), "JPEG", progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * count + whole[-2:]


SMALL_ROWS = bytes(29 * 28)
ZEROES = zlib.compress(bytes(900_000), 9)
SLOW = {
    "deep colour": lambda: deep_colour(interlaced=False),
    "deep colour, interlaced": lambda: deep_colour(interlaced=True),
    "as many scans as are allowed": lambda: of_scans(14),
    "more scans": lambda: of_scans(15),
    "60,000 scans": lambda: of_scans(60_000),
    "a hundred megabytes of pixels for 28 rows": lambda: png(head(28, 28), bytes(100_000_000)),
    "compressed text": lambda: png(
        head(28, 28), SMALL_ROWS, *(chunk(b"zTXt", b"%d\0\0" % n + ZEROES) for n in range(1500))
    ),
    "a colour profile": lambda: png(
        head(28, 28), SMALL_ROWS, chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(100_000_000), 9))
    ),
    "many small texts": lambda: png(head(28, 28), SMALL_ROWS, chunk(b"tEXt", b"x\0y") * 100_000),
}


@pytest.mark.parametrize("kind", SLOW)
def test_no_picture_that_passes_the_limits_takes_long(kind):
    data = SLOW[kind]()
    assert len(data) < 2 * 2**20
    began = time.thread_time()
    with contextlib.suppress(Problem):
        to_network_input(ink_of_picture(data))
    assert time.thread_time() - began < 2  # half a second on a machine that does nothing else; without limits, minutes


def test_an_interlaced_png_of_wrong_rows_is_refused_as_undecodable():
    with pytest.raises(Problem, match="cannot be decoded"):
        ink_of_picture(png(head(4096, 4096, depth=16, colour=6, interlaced=1), b"\1" * 4096))


def test_a_jpeg_of_too_many_scans_is_refused_with_their_number():
    with pytest.raises(Problem, match="the JPEG has 21 scans, expected at most 20") as refused:
        ink_of_picture(of_scans(15))
    assert (refused.value.status, refused.value.code) == (422, "picture_scans")


def test_a_small_file_that_claims_a_huge_picture_is_refused_before_it_is_decoded():
    bomb = png(head(60_000, 60_000), bytes(60_001))
    with pytest.raises(Problem) as refused:
        ink_of_picture(bomb)
    assert refused.value.status in (400, 422)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_cut_off_picture_is_refused_as_undecodable(kind):
    data = encode(draw(4), kind)
    with pytest.raises(Problem, match="cannot be decoded") as refused:
        ink_of_picture(data[: len(data) // 2])
    assert refused.value.status == 400


def test_another_format_is_refused_whatever_it_calls_itself():
    with pytest.raises(Problem, match="neither PNG nor JPEG") as refused:
        ink_of_picture(encode(draw(4), "GIF"))
    assert refused.value.status == 415


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_damaged_pictures_never_raise_anything_but_a_problem(noise, place):
    data = bytearray(encode(draw(4, size=32, box=(4, 4, 24), width=3)))
    data[place : place + len(noise)] = noise
    try:
        ink = ink_of_picture(bytes(data))
    except Problem:
        return
    assert np.isfinite(ink).all()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), max_size=6), max_size=4))
def test_any_finite_strokes_are_drawn_or_are_nothing(strokes):
    if any(strokes):
        assert to_network_input(ink_of_strokes(strokes)).shape == (28, 28)
    else:
        with pytest.raises(Problem, match="nothing is drawn"):
            ink_of_strokes(strokes)


def test_a_transparent_picture_without_ink_is_nothing_drawn():
    buffer = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(buffer, "PNG")
    with pytest.raises(Problem, match="nothing is drawn"):
        to_network_input(ink_of_picture(buffer.getvalue()))
