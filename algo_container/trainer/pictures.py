"""Draw a training run: its curves, its confusions and its worst mistakes."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trainer.dataset import LABELS, SIDE, Digits
from trainer.evaluation import Report

MISTAKES_A_ROW = 10
# A digit with room for its caption, in its own pixels.
CELL = 40


def draw_pictures(folder: Path, history: dict[str, list[float]], report: Report, test: Digits) -> list[Path]:
    """Write curves.png, confusion.png, mistakes.png and reliability.png into `folder`."""
    figures = {
        "curves.png": _curves(history),
        "confusion.png": _confusion(report),
        "mistakes.png": _mistakes(report, test),
        "reliability.png": _reliability(report),
    }
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=120)
    return [folder / name for name in figures]


def _curves(history: dict[str, list[float]]) -> Figure:
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, metric in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for name, label in ((metric, "training, dropout on"), (f"val_{metric}", "validation")):
            if name in history:
                axes.plot(range(1, len(history[name]) + 1), history[name], marker="o", markersize=3, label=label)
        axes.set(title=metric, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def _confusion(report: Report) -> Figure:
    counts = np.array(report["confusion_matrix"])
    mistakes = counts - np.diag(np.diag(counts))
    figure = Figure(figsize=(6.4, 6), layout="constrained")
    axes = figure.subplots()
    # Coloured by mistakes alone: the diagonal would drown them.
    axes.imshow(mistakes, cmap="OrRd", vmin=0, vmax=max(1, mistakes.max()))
    for written in LABELS:
        for read in LABELS:
            if counts[written, read]:
                weight = "bold" if written == read else "normal"
                dark = mistakes[written, read] > 0.6 * max(1, mistakes.max())
                axes.text(
                    read,
                    written,
                    counts[written, read],
                    ha="center",
                    va="center",
                    weight=weight,
                    fontsize=9,
                    color="white" if dark else "black",
                )
    axes.set(
        xticks=LABELS,
        yticks=LABELS,
        xlabel="read",
        ylabel="written",
        title=f"{report['accuracy']:.2%} of {report['n']} right",
    )
    return figure


def _reliability(report: Report) -> Figure:
    figure = Figure(figsize=(5.2, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    examined = [(report["dataset"], report["calibration"])]
    if "drawn" in report:
        examined.append(("drawings by unseen writers", report["drawn"]["calibration"]))
    for name, calibration in examined:
        groups = calibration["groups"]
        axes.plot(
            [group["confidence"] for group in groups],
            [group["right"] for group in groups],
            marker="o",
            markersize=4,
            label=f"{name}: error {calibration['expected_calibration_error']:.2%}",
        )
    axes.set(
        xlabel="confidence, in tenths of the answers",
        ylabel="share that is right",
        title="Can one trust its confidence?",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    return figure


def _mistakes(report: Report, test: Digits) -> Figure:
    worst = report["worst_mistakes"]
    rows = max(1, -(-len(worst) // MISTAKES_A_ROW))
    figure = Figure(figsize=(12, 1.25 * rows + 0.5), layout="constrained")
    figure.suptitle(f"The {len(worst)} worst mistakes: written → read" if worst else "No mistakes")
    # One picture of all: axes of its own for each digit take a second more.
    sheet = np.zeros((rows * CELL, MISTAKES_A_ROW * CELL), dtype=np.uint8)
    axes = figure.subplots()
    axes.axis("off")
    for place, mistake in enumerate(worst):
        top, left = (CELL * number for number in divmod(place, MISTAKES_A_ROW))
        sheet[top + CELL - SIDE : top + CELL, left : left + SIDE] = test.pixels[mistake["row"] - 1]
        caption = f"{mistake['label']} → {mistake['answer']}"
        axes.text(left + SIDE / 2, top + CELL - SIDE - 2, caption, fontsize=11, ha="center", va="bottom")
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255)
    return figure
