"""Tell ink from paper: which of a picture's greys is the paper's, how it is lit, and how coarse its grain is."""

import numpy as np

PAPER_ROUNDS = 3
# Grey values by which paper differs from a plane: a shadow's bend, a scanner's grain.
PAPER_NOISE = 24
MAD_TO_DEVIATION = 1.4826  # from the median of the absolute differences, which a little ink on the rim does not move
GRAIN_DEVIATIONS = 3
# A normal grain's strongest pixel in a canvas of 280 x 280 lies about 4.5 deviations out.
BLANK_DEVIATIONS = 5.5
WHITE = 255
# Of the rim's pixels. A scan's or a photograph's never agree so well.
EVEN_SHARE = 0.75


def ink_on_paper(grey: np.ndarray) -> np.ndarray:
    """Take the paper away from a grey picture, uint8 or float32 (height, width), darker or brighter than its ink.

    Returns 0 where there is paper, up to 255 where there is ink; uint8 or float32.
    """
    ink = _ink_on_even_paper(grey)
    return ink_on_any_paper(grey.astype(np.float32)) if ink is None else ink


def ink_on_any_paper(grey: np.ndarray) -> np.ndarray:
    """Do the same for paper that has a shadow and a grain, float32 (height, width)."""
    paper, grain = _paper(grey)
    return _above_grain(np.clip(_towards_ink(grey - paper), 0, None), grain)


def _ink_on_even_paper(grey: np.ndarray) -> np.ndarray | None:
    """Do the same in a tenth of the time for what was drawn on a screen; None if it was not.

    There nearly all of the rim has one grey, and what has not is ink, its soft edges included.
    """
    rim = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    paper = rim[0]
    if np.count_nonzero(rim == paper) < EVEN_SHARE * rim.size:
        return None
    if paper == 0:
        return grey
    if paper == WHITE:
        white: np.ndarray = paper - grey
        return white
    below = np.minimum(grey, paper)
    brighter, darker = grey - below, paper - below
    ink: np.ndarray = brighter if _energy(brighter) > _energy(darker) else darker
    return ink


def _energy(contrast: np.ndarray) -> float:
    return float(np.square(contrast, dtype=np.float32).sum())


def _paper(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Take the paper's grey from the picture's rim, where people rarely draw.

    Returns it as a plane, for a lamp stands at one side, and the paper's grain, a standard deviation.
    """
    height, width = grey.shape
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    at_row, at_column = _rim(height, width)
    grey_of_rim = grey[at_row, at_column]
    design = np.stack([np.ones(grey_of_rim.size), rows[at_row, 0], columns[0, at_column]], 1)
    typical = np.median(grey_of_rim)
    plane = np.array([typical, 0.0, 0.0])
    # Ink that reaches the rim is no paper: first what is far from the rim's median, then what is far from the plane.
    for _ in range(PAPER_ROUNDS):
        distance = np.abs(grey_of_rim - design @ plane)
        on_paper = distance <= max(PAPER_NOISE, 2 * float(np.median(distance)))
        plane, *_ = np.linalg.lstsq(design[on_paper], grey_of_rim[on_paper], rcond=None)
    paper: np.ndarray = (plane[0] + plane[1] * rows + plane[2] * columns).astype(np.float32)
    grain = MAD_TO_DEVIATION * float(np.median(np.abs(grey_of_rim - design @ plane)))
    return paper, min(grain, PAPER_NOISE)  # a coarser rim is a pattern, a frame or ink, and no measure of grain


def _rim(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the row and the column of each pixel of the rim, row by row."""
    inner = np.arange(1, height - 1)
    across = np.arange(width)
    at_row = np.concatenate([np.zeros(width, int), np.repeat(inner, 2), np.full(width, height - 1)])
    return at_row, np.concatenate([across, np.tile([0, width - 1], height - 2), across])


def _above_grain(ink: np.ndarray, grain: float) -> np.ndarray:
    """Take away what the paper's grain alone would make; all, if even the strongest ink is no more than that."""
    above: np.ndarray = np.where((ink < GRAIN_DEVIATIONS * grain) | (ink.max() < BLANK_DEVIATIONS * grain), 0, ink)
    return above


def _towards_ink(contrast: np.ndarray) -> np.ndarray:
    """Sign the contrast so that ink is positive, whichever of ink and paper is brighter."""
    brighter = np.square(np.clip(contrast, 0, None)).sum()
    darker = np.square(np.clip(contrast, None, 0)).sum()
    signed: np.ndarray = contrast if brighter > darker else -contrast
    return signed
