"""How much of what is no digit is refused, through `/predict`: letters of fonts, scribbles, faces, two digits at once.

    make bench-non-digits STROKES=file.jsonl.gz

Each fifth is asked of the model of one fold (`cross_validation.py`), and pairs of digits are by writers whom that model
has not seen. No font has been trained on, and the scribbles and faces here are drawn by other rules than the trainer's.
Debian's handwriting fonts: fonts-breip fonts-comic-neue fonts-dkg-handwriting fonts-ecolier-court fonts-femkeklaver
fonts-humor-sans fonts-klaudia-berenika fonts-kristi fonts-rufscript fonts-sjfonts fonts-tomsontalks.
"""

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from drawn import CANVAS_PX, RESULTS, data_url, draw, of_fold, serve
from folds import FOLDS, FOLDS_DIR, SEED, read_samples
from machine import describe_machine
from PIL import Image, ImageDraw, ImageFont

LETTERS = "AEFHKMNRWX"
OTHER_LETTERS = "CDGJLPQTUVY"  # never trained on, for in some hand each is a digit
LETTERS_A_FOLD, OTHERS_A_FOLD = 200, 60
HANDWRITING = (
    *("breip", "comic", "delphine", "dkg", "ecolier", "femke", "humor"),
    *("klaudia", "kristi", "rufscript", "stevehand", "tomson"),
)
PRINT = ("dejavu", "liberation")


def main() -> None:
    """Ask about each kind and print the share that is refused."""
    parser = argparse.ArgumentParser(description="Measure how much of what is no digit is refused.")
    parser.add_argument("strokes", type=Path, help="JSON lines of strokes, plain or gzipped")
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"), help="folder with .ttf and .otf files")
    chosen = parser.parse_args()
    fonts = {kind: find_fonts(chosen.fonts, names) for kind, names in (("hand", HANDWRITING), ("print", PRINT))}
    samples = read_samples(chosen.strokes)
    rng = np.random.default_rng(SEED)
    refused: dict[str, list[bool]] = defaultdict(list)
    by_letter: Counter[str] = Counter()
    for fold in range(FOLDS):
        client = serve(FOLDS_DIR / str(fold))
        unseen = of_fold(samples, fold)

        def ask(kind: str, url: str, client=client) -> bool:  # noqa: ANN001 # Flask's test client
            refused[kind].append(not client.post("/predict", json={"image": url}).get_json()["is_digit"])
            return refused[kind][-1]

        for number in range(LETTERS_A_FOLD):
            letter = LETTERS[number % len(LETTERS)]
            by_letter[letter] += ask("letters, handwriting fonts", draw_letter(letter, fonts["hand"], rng))
            ask("letters, printing fonts", draw_letter(letter, fonts["print"], rng))
            other = OTHER_LETTERS[number % len(OTHER_LETTERS)]
            ask("other letters, handwriting fonts", draw_letter(other, fonts["hand"], rng))
        for _ in range(OTHERS_A_FOLD):
            ask("scribbles", draw(scribble(rng), rng)[0])
            ask("faces", draw(face(rng), rng)[0])
            ask("two digits at once", draw(pair(unseen, rng), rng)[0])
    result = {kind: {"n": len(rights), "refused": float(np.mean(rights))} for kind, rights in refused.items()}
    asked = len(refused["letters, handwriting fonts"]) / len(LETTERS)
    result["letters, handwriting fonts"]["by_letter"] = {letter: by_letter[letter] / asked for letter in LETTERS}
    for kind, row in result.items():
        print(f"{kind}: {row['refused']:.1%} of {row['n']} refused")
    RESULTS.mkdir(exist_ok=True)
    facts = {
        "machine": describe_machine(),
        "fonts": {kind: [path.name for path in paths] for kind, paths in fonts.items()},
    }
    (RESULTS / "non_digits.json").write_text(json.dumps({**facts, **result}, indent=1) + "\n")


def find_fonts(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Find the fonts whose file name begins with one of the names."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".ttf", ".otf"))
    found = [
        path
        for path in paths
        if path.name.lower().replace("-", "").startswith(tuple(names)) and "Math" not in path.name
    ]
    if not found:
        raise SystemExit(f"{folder}: no font whose name begins with {', '.join(names)}; install some")
    return found


def draw_letter(letter: str, fonts: list[Path], rng: np.random.Generator) -> str:
    """Draw a letter of some font on the canvas, at some size, weight and slant."""
    font = ImageFont.truetype(fonts[rng.integers(len(fonts))], int(rng.uniform(110, 200)))
    image = Image.new("L", (CANVAS_PX, CANVAS_PX), 255)
    middle = (CANVAS_PX // 2, CANVAS_PX // 2)
    ImageDraw.Draw(image).text(middle, letter, font=font, fill=0, anchor="mm", stroke_width=int(rng.integers(0, 6)))
    return data_url(image.rotate(rng.normal(0, 6), fillcolor=255))


def scribble(rng: np.random.Generator) -> list:
    """Draw a knot of forty or more turns, a zigzag of six or more, or rings over rings: none as short as a digit."""
    kind = rng.integers(3)
    if kind == 0:
        path = np.cumsum(rng.normal(0, 1, (int(rng.integers(40, 120)), 2)), axis=0)
        return [np.tanh((path - path.mean(axis=0)) / 4).tolist()]
    if kind == 1:
        turns = int(rng.integers(6, 16))
        return [[[float(i), (i % 2) * rng.uniform(3, 8) + rng.normal(0, 0.5)] for i in range(turns)]]
    angle = np.linspace(0, 2 * np.pi * rng.uniform(2.5, 6), 120)
    x = np.cos(angle) + angle * rng.uniform(0.03, 0.15)
    return [np.stack([x, np.sin(angle * rng.uniform(0.97, 1.03))], axis=1).tolist()]


def face(rng: np.random.Generator) -> list:
    """Draw a round with eyes and a mouth, and sometimes a nose."""
    angle = np.linspace(0, 2 * np.pi, 40)
    strokes = [np.stack([np.cos(angle) * rng.uniform(0.8, 1), np.sin(angle)], axis=1).tolist()]
    x, y = rng.uniform(0.3, 0.45), -rng.uniform(0.2, 0.4)
    for side in (-x, x):
        ring = np.stack([np.cos(angle) * 0.08 + side, np.sin(angle) * 0.08 + y], axis=1).tolist()
        strokes.append(ring if rng.random() < 0.5 else [[side, y]])
    bow = np.linspace(0.2 * np.pi, 0.8 * np.pi, 15)
    smiles = rng.random() < 0.8
    mouth = 0.1 + 0.4 * np.sin(bow) if smiles else 0.7 - 0.4 * np.sin(bow)
    strokes.append(np.stack([0.55 * np.cos(bow), mouth], axis=1).tolist())
    if rng.random() < 0.4:
        strokes.append([[0, -0.1], [0, 0.15]])
    return strokes


def pair(samples: list[dict], rng: np.random.Generator) -> list:
    """Put two digits side by side, as high as each other."""
    strokes, left = [], 0.0
    for index in rng.integers(0, len(samples), 2):
        drawing = samples[index]["strokes"]
        points = np.array([point for stroke in drawing for point in stroke], dtype=float)
        low, (width, height) = points.min(axis=0), np.ptp(points, axis=0)
        scale = 1 / max(height, 0.3 * width, 1)
        strokes += [[[(x - low[0]) * scale + left, (y - low[1]) * scale] for x, y in stroke] for stroke in drawing]
        left += width * scale + rng.uniform(0.02, 0.3)
    return strokes


if __name__ == "__main__":
    main()
