"""Turn the bytes of a PNG or JPEG, or a person's strokes, into ink: a grey picture in which ink is bright."""

import contextlib
import io
import math
import threading
import warnings
from collections.abc import Callable

import numpy as np
from PIL import ExifTags, Image, ImageDraw, UnidentifiedImageError

from digit_ui.paper import ink_on_paper
from digit_ui.problems import Problem

MIN_SIDE_PX = 8
MAX_SIDE_PX = 4096
ENOUGH_SIDE_PX = 512
# The usual encoder makes 18 of four colours. Each goes over the whole picture, however few its bytes are.
MAX_SCANS = 20
# Of a picture of several digits, however wide: as many pixels as one of a single digit may keep.
ENOUGH_PX = 1024 * 1024
FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg"}
# Strokes are drawn so large that fitting them into 20 x 20 smooths their edges as a scan would.
STROKE_BOX_PX = 160
# MNIST's pens are about an eighth of the digit's longer side wide.
STROKE_WIDTH_PX = 20

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# TypeError: Pillow's, over an interlaced PNG that it has failed to decode before, when it looked for a camera note.
UNDECODABLE = (UnidentifiedImageError, OSError, SyntaxError, ValueError, TypeError, Image.DecompressionBombError)
# One at a time: decoded, a picture of 4096 x 4096 takes up to 64 MB.
_large_pictures = threading.Lock()

Strokes = list[list[tuple[float, float]]]


def media_type_of(data: bytes) -> str:
    """Tell image/png or image/jpeg by the bytes themselves. Raises Problem 415 for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    raise Problem(415, "not_an_image", "the picture is neither PNG nor JPEG; send one of these two formats")


def ink_of_picture(data: bytes) -> np.ndarray:
    """Decode a PNG or JPEG to ink: uint8 or float32 (height, width), 0 is paper, 255 the strongest contrast possible.

    Raises Problem 400 if the bytes cannot be decoded, 415 for another format, 422 for a size outside 8 to 4096 px or
    for a progressive JPEG of too many scans.
    """
    return _ink_and_factor(data, _factor_of_a_digit)[0]


def ink_of_wide_picture(data: bytes) -> tuple[np.ndarray, int]:
    """Do the same for a picture of several digits; give also how many of its pixels a side make one of the ink."""
    return _ink_and_factor(data, _factor_of_a_number)


def _ink_and_factor(data: bytes, factor_of: Callable[[int, int], int]) -> tuple[np.ndarray, int]:
    if media_type_of(data) == "image/jpeg":
        _check_scans(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the sizes are checked below
            image = Image.open(io.BytesIO(data), formats=list(FORMATS))
        _check_size(*image.size)  # before anything is decoded: a small file can claim a huge picture
        factor = factor_of(*image.size)
        with _large_pictures if max(image.size) > ENOUGH_SIDE_PX else contextlib.nullcontext():
            orientation = _orientation(image)  # of the file as it came: what is shrunk has no camera note
            grey, coverage = _grey_and_coverage(_upright(_shrink(image, factor), orientation))
    except UNDECODABLE as error:
        raise Problem(400, "undecodable_image", f"the picture cannot be decoded ({error}); is it cut off?") from error
    if coverage is not None:
        grey = _flatten(grey, coverage)
    return ink_on_paper(grey), factor


def ink_of_strokes(strokes: Strokes) -> np.ndarray:
    """Draw strokes of any unit (x to the right, y down) as ink: float32 (height, width), 0 to 255.

    The width of the line follows the size of the digit, as no screen's or pen's width would.
    """
    low, high = extent_of_strokes(strokes)
    return draw_strokes(strokes, STROKE_BOX_PX / max((high - low).max(), 1e-9))


def extent_of_strokes(strokes: Strokes) -> tuple[np.ndarray, np.ndarray]:
    """Give the least and the largest x and y, float64 (2,) each. Raises Problem 422 if there is no point."""
    points = [point for stroke in strokes for point in stroke]
    if not points:
        raise Problem(422, "nothing_drawn", "nothing is drawn")
    places = np.array(points, dtype=np.float64)
    return places.min(axis=0), places.max(axis=0)


def draw_strokes(strokes: Strokes, scale: float) -> np.ndarray:
    """Draw strokes as ink, `scale` px a unit, with a margin of STROKE_WIDTH_PX around their points."""
    low, high = extent_of_strokes(strokes)
    margin = STROKE_WIDTH_PX
    size = np.ceil((high - low) * scale).astype(int) + 2 * margin
    image = Image.new("L", (int(size[0]), int(size[1])))
    draw = ImageDraw.Draw(image)
    radius = STROKE_WIDTH_PX // 2
    for stroke in filter(None, strokes):
        points = (np.array(stroke, dtype=np.float64) - low) * scale + margin
        # On whole pixels, as Pillow does: it would cut each edge of a dot by itself, and some dots were a pixel wider.
        path = [(int(x), int(y)) for x, y in points]
        if len(path) > 1:
            draw.line(path, fill=255, width=STROKE_WIDTH_PX)
        for x, y in path:  # round caps and joins, and a dot for a tap
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(image, dtype=np.float32)


def _check_size(width: int, height: int) -> None:
    if not (MIN_SIDE_PX <= width <= MAX_SIDE_PX and MIN_SIDE_PX <= height <= MAX_SIDE_PX):
        raise Problem(
            422,
            "picture_size",
            f"the picture is {width} x {height} px, expected {MIN_SIDE_PX} to {MAX_SIDE_PX} px a side; resize it",
        )


def _check_scans(data: bytes) -> None:
    scans = data.count(b"\xff\xda")  # the mark of one, and in no other place of a JPEG but in a picture within it
    if scans > MAX_SCANS:
        raise Problem(422, "picture_scans", f"the JPEG has {scans} scans, expected at most {MAX_SCANS}; save it again")


def _factor_of_a_digit(width: int, height: int) -> int:
    """Say by how much to shrink a picture, to bound memory: 28 x 28 needs no more than this many pixels a side."""
    return max(width, height) // ENOUGH_SIDE_PX


def _factor_of_a_number(width: int, height: int) -> int:
    return math.ceil(math.sqrt(width * height / ENOUGH_PX))


def _shrink(image: Image.Image, factor: int) -> Image.Image:
    """Average a large picture down."""
    if factor < 2:
        return image
    if image.mode in ("P", "1", "PA"):  # averaging palette indices would invent colours
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode.startswith("I"):  # 16-bit grey, which reduce() does not take
        image = image.convert("F")
    return image.reduce(factor)


def _orientation(image: Image.Image) -> int:
    """Read which way up a camera says the picture is; 1, as it is, for whatever cannot be understood."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 # Pillow raises whatever a damaged note makes it stumble over
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _grey_and_coverage(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Split into luminance, uint8 or float32, and how opaque each pixel is (0 to 1), where any is not."""
    if image.mode == "F" or image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip at 255
        return np.asarray(image, dtype=np.float32) / 257, None
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        grey = np.asarray(image.convert("L"))
        return grey, None if alpha.min() == 255 else alpha.astype(np.float32) / 255
    return np.asarray(image if image.mode == "L" else image.convert("L")), None


def _flatten(grey: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Lay a transparent picture on paper that its ink shows on: white under dark ink, black under bright ink."""
    weight = coverage.sum()
    ink = (grey * coverage).sum() / weight if weight else 0.0
    paper = 0.0 if ink > 127 else 255.0
    flat: np.ndarray = grey * coverage + paper * (1 - coverage)
    return flat
