"""What bad pictures cost: the drawn-digit protocol again on grey paper, in shadow, with grain, specks, JPEG and blur.

    make bench-pictures STROKES=file.jsonl.gz

Every third digit, each read by the model of the fold that has not seen its writer, through `/predict`. The first row is
the baseline of the same run.
"""

import argparse
import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from drawn import CANVAS_PX, RESULTS, draw, of_fold, serve
from folds import FOLDS, FOLDS_DIR, SEED, read_samples
from machine import describe_machine
from PIL import Image, ImageFilter

EVERY = 3
Rng = np.random.Generator


def main() -> None:
    """Read the digits in every condition and print the share that is right."""
    parser = argparse.ArgumentParser(description="Measure what bad pictures cost.")
    parser.add_argument("strokes", type=Path, help="JSON lines of strokes, plain or gzipped")
    samples = read_samples(parser.parse_args().strokes)[::EVERY]
    rng = np.random.default_rng(SEED)
    rights: dict[str, list[bool]] = {name: [] for name in CONDITIONS}
    for fold in range(FOLDS):
        client = serve(FOLDS_DIR / str(fold))
        for sample in of_fold(samples, fold):
            png = base64.b64decode(draw(sample["strokes"], rng)[0].partition(",")[2])
            grey = np.asarray(Image.open(io.BytesIO(png)), dtype=float)
            for name, spoil in CONDITIONS.items():
                spoilt = spoil(grey, rng)
                kind = "image/jpeg" if spoilt.startswith(b"\xff\xd8") else "image/png"
                answer = client.post("/predict", data=spoilt, content_type=kind).get_json(force=True)
                rights[name].append(answer.get("digit") == sample["label"])
    result = {name: {"n": len(row), "right": float(np.mean(row))} for name, row in rights.items()}
    for name, row in result.items():
        print(f"{name}: {row['right']:.2%} of {row['n']}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "pictures.json").write_text(json.dumps({"machine": describe_machine(), **result}, indent=1) + "\n")


def encode(grey: np.ndarray | Image.Image, kind: str = "PNG", **options: int) -> bytes:
    """Write a picture as a file."""
    image = grey if isinstance(grey, Image.Image) else Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def on_grey_paper(grey: np.ndarray, rng: Rng) -> np.ndarray:
    """Lower the contrast to about a half, on paper of some grey."""
    return rng.uniform(130, 200) + (grey - 255) * rng.uniform(0.4, 0.65)


def in_shadow(grey: np.ndarray, rng: Rng) -> np.ndarray:
    """Let the light come from one side, 20 to 40 % weaker at the other."""
    rows, columns = np.mgrid[-0.5 : 0.5 : CANVAS_PX * 1j, -0.5 : 0.5 : CANVAS_PX * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    return grey * (1 + rng.uniform(0.2, 0.4) * (rows * np.cos(angle) + columns * np.sin(angle)))


def with_specks(grey: np.ndarray, rng: Rng) -> np.ndarray:
    """Put one to four black specks of 1 to 7 px anywhere."""
    spoilt = grey.copy()
    for _ in range(rng.integers(1, 5)):
        side = int(rng.integers(1, 8))
        row, column = rng.integers(0, CANVAS_PX - side, 2)
        spoilt[row : row + side, column : column + side] = 0
    return spoilt


def grain(strength: float, rng: Rng) -> np.ndarray:
    """Make a scanner's noise."""
    return rng.normal(0, strength, (CANVAS_PX, CANVAS_PX))


def resized(grey: np.ndarray, side: int) -> Image.Image:
    """Average the canvas down."""
    return Image.fromarray(grey.astype(np.uint8)).resize((side, side), Image.Resampling.BOX)


CONDITIONS: dict[str, Callable[[np.ndarray, Rng], bytes]] = {
    "as the protocol draws them": lambda grey, rng: encode(grey),  # noqa: ARG005 # all are called alike
    "bright on dark": lambda grey, rng: encode(255 - grey),  # noqa: ARG005
    "grey paper, grain": lambda grey, rng: encode(on_grey_paper(grey, rng) + grain(8, rng)),
    "grey paper, shadow, grain": lambda grey, rng: encode(in_shadow(on_grey_paper(grey, rng), rng) + grain(4, rng)),
    "specks": lambda grey, rng: encode(with_specks(grey, rng)),
    "JPEG of quality 25": lambda grey, rng: encode(grey, "JPEG", quality=25),  # noqa: ARG005
    "blurred by 3 px": lambda grey, rng: encode(  # noqa: ARG005
        Image.fromarray(grey.astype(np.uint8)).filter(ImageFilter.GaussianBlur(3))
    ),
    "40 x 40 px": lambda grey, rng: encode(resized(grey, 40)),  # noqa: ARG005
}


if __name__ == "__main__":
    main()
