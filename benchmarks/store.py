"""Measure the feedback store as it grows to a million drawings: its size, and what each use of it costs.

    make bench-store STROKES=file.jsonl.gz

Without STROKES the drawings are curves. The store is filled in blocks; then drawings are added one by one as
POST /feedback adds them, the gallery's pages are asked of the server's views, the trainer's question is asked from the
trainer's own environment, and the export is read from a real server, which is asked for /livez meanwhile. The plain
ways that they are compared with run on the same store: OFFSET, counting the table's rows, and an export that loads all
before the first is sent. The store's file is in the system's memory, as that of a server in use is. Takes three minutes
and 3 GB of disk.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from results import Chart, Spread, Table, save
from store_uses import Figures, measure
from stored_drawings import templates

SIZES = (1_000, 10_000, 100_000, 1_000_000)
TEMPLATES = 2_000
COLUMNS = (
    "drawings",
    "on disk",
    "insert",
    "first page",
    "deepest page",
    "trainer's look, 19 new",
    "trainer's look, all new",
    "export",
    "server's peak memory",
    "99th percentile of /livez, alone and during the export",
)


def main() -> None:
    """Measure every size and write down what came of it."""
    parser = argparse.ArgumentParser(description="Measure the feedback store as it grows.")
    parser.add_argument("strokes", type=Path, nargs="?", help="JSON lines of strokes, plain or gzipped")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="drawings of the largest store")
    chosen = parser.parse_args()
    sizes = [size for size in SIZES if size <= chosen.most]
    measured = []
    for figures in measure(templates(chosen.strokes, TEMPLATES), sizes):
        print(*row(figures), sep=" | ", flush=True)
        measured.append(figures)
    save(
        "store",
        "make bench-store STROKES=file.jsonl.gz",
        {"sizes": [asdict(figures) for figures in measured]},
        tables(measured),
        charts(measured),
    )


def tables(measured: Sequence[Figures]) -> list[Table]:
    """Tell what each use costs at each size, and what the plain way does at the largest where it was tried."""
    largest = measured[-1]
    *_, (export, plain, n) = [(f.export, f.loaded, f.drawings) for f in measured if f.loaded is not None]
    compared = (
        ("deepest page", "OFFSET", largest.drawings, largest.deepest_page_ms, largest.offset_page_ms, "ms"),
        ("trainer's look, all new", "count", largest.drawings, largest.look_at_all_ms, largest.count_rows_ms, "ms"),
        ("export", "loading all", n, export.seconds, Spread([plain.seconds]), "s"),
        ("memory of an export", "loading all", n, Spread([export.peak_mb]), Spread([plain.peak_mb]), "MB"),
    )

    def said(figure: Spread, unit: str) -> str:
        return figure.text(unit, 1) if len(figure.values) > 1 else f"{figure.median:.1f} {unit}"

    return [
        Table("What a use of the store costs", COLUMNS, [row(figures) for figures in measured]),
        Table(
            "Against the plain way",
            ("use", "plain way", "drawings", "here", "the plain way", "ratio"),
            [
                (use, way, f"{n:,}", said(here, unit), said(there, unit), f"{there.median / here.median:.1f}")
                for use, way, n, here, there, unit in compared
            ],
        ),
    ]


def row(figures: Figures) -> list[str]:
    """Tell in a line what was measured at one size."""
    export = figures.export
    times = ("insert_ms", "first_page_ms", "deepest_page_ms", "look_ms", "look_at_all_ms")
    return [
        f"{figures.drawings:,}",
        f"{figures.disk_mb:,.1f} MB",
        *(getattr(figures, name).text("ms", 1) for name in times),
        f"{export.seconds.text('s')}, {export.mb:,.0f} MB",
        f"{export.peak_mb:.0f} MB",
        f"{p99(export.answers_alone_ms):.1f} ms, {p99(export.answers_meanwhile_ms):.1f} ms",
    ]


def charts(measured: Sequence[Figures]) -> list[Chart]:
    """Draw times and sizes over drawings."""

    def line(value: Callable[[Figures], float | None]) -> list[tuple[float, float]]:
        return [(figures.drawings, y) for figures in measured if (y := value(figures)) is not None]

    times = {
        "insert": line(lambda f: f.insert_ms.median),
        "first page": line(lambda f: f.first_page_ms.median),
        "deepest page": line(lambda f: f.deepest_page_ms.median),
        "deepest page by OFFSET": line(lambda f: f.offset_page_ms.median),
        "trainer's look": line(lambda f: f.look_ms.median),
        "trainer's look, all new": line(lambda f: f.look_at_all_ms.median),
        "counting rows": line(lambda f: f.count_rows_ms.median),
    }
    exports = {
        "export": line(lambda f: f.export.seconds.median),
        "loading all first": line(lambda f: f.loaded and f.loaded.seconds),
    }
    sizes = {
        "on disk": line(lambda f: f.disk_mb),
        "exported": line(lambda f: f.export.mb),
        "server's memory, export": line(lambda f: f.export.peak_mb),
        "memory, loading all": line(lambda f: f.loaded and f.loaded.peak_mb),
    }
    log = {"log_x": True, "log_y": True}
    return [
        Chart("store_times", "Each use of the store", "drawings", "ms", times, **log),
        Chart("store_export", "An export of all drawings", "drawings", "s", exports, **log),
        Chart("store_sizes", "Disk and memory", "drawings", "MB", sizes, **log),
    ]


def p99(spread: Spread) -> float:
    """Give what 99 % of the values do not exceed."""
    values = sorted(spread.values)
    return values[min(len(values) - 1, int(len(values) * 0.99))]


if __name__ == "__main__":
    main()
