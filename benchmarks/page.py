"""Measure the page on a slow phone against the same page as the tutorials make it.

    make bench-page

Bytes, first paint and the time until one can draw; what a pointer event costs as the drawing grows, and how long its
ink takes to the screen; how many questions are on their way while the page reads what is being drawn. The two pages
take turns. `slow_phone.py` says how slow the phone is, `baselines/plain_page.py` what the other page is.
"""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

from playwright.sync_api import Browser
from results import Chart, Spread, Table, save
from slow_phone import STROKE_EVENTS, Drawing, Visit, chromium, draw, visit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks" / "baselines")]
from plain_page import plain_page  # noqa: E402 # from the folders just named
from served import Server, free_port  # noqa: E402

STATIC = ROOT / "ui_container" / "digit_ui" / "static"
OURS, PLAIN = "this page", "as the tutorials make it"
VISITS, DRAWINGS, LIVE_DRAWINGS = 7, 3, 3
EVENTS, LIVE_EVENTS = 500, 100

# What stands in a row of a table: its name, unit and digits, and how it is taken from what was measured.
Row = tuple[str, str, int, Callable[[Any], float]]
OF_A_VISIT: list[Row] = [
    ("over the wire", "kB", 1, lambda one: one.wire_bytes / 1000),
    ("requests", "", 0, lambda one: one.requests),
    ("first contentful paint", "ms", 0, lambda one: one.first_paint_ms),
    ("until one can draw", "ms", 0, lambda one: one.able_to_draw_ms),
    ("cumulative layout shift", "", 3, lambda one: one.layout_shift),
]
OF_A_DRAWING: list[Row] = [
    ("script of a pointer event, mean", "ms", 2, lambda one: fmean(one.script_ms)),
    ("from the event until its ink is handed over, mean", "ms", 1, lambda one: fmean(one.shown_ms)),
    ("events whose ink is handed over within a frame", "%", 1, lambda one: 100 * one.within_a_frame),
]
OF_A_LIVE_DRAWING: list[Row] = [
    ("questions on their way at once, at most", "", 0, lambda one: one.most_in_flight),
    ("questions", "", 0, lambda one: one.questions),
    ("cumulative layout shift", "", 3, lambda one: one.layout_shift),
]


def main() -> None:
    """Measure all three, print the tables and write the results."""
    with pages() as (browser, urls):
        visits = measure_visits(browser, urls, VISITS)
        drawings = measure_drawing(browser, urls, DRAWINGS, EVENTS)
        live = measure_drawing(browser, urls, LIVE_DRAWINGS, LIVE_EVENTS, live=True)
        version = browser.version
    tables = [
        comparison(f"A first visit, Slow 4G, a quarter of the speed, Chromium {version}", visits, OF_A_VISIT),
        comparison(f"Drawing {EVENTS} pointer events, a quarter of the speed", drawings, OF_A_DRAWING),
        comparison(f"Reading while one draws {LIVE_EVENTS} events, the same on Slow 4G", live, OF_A_LIVE_DRAWING),
    ]
    for table in tables:
        print(f"\n{table.title}", *map(" | ".join, [table.columns, *table.rows]), sep="\n")
    chart = Chart(
        "page_ink",
        "How long ink takes to the screen as the drawing grows",
        "pointer events so far",
        "from the event until its ink is handed over, ms",
        {name: by_length(drawings[name]) for name in urls},
    )
    figures = {
        name: {
            **{what: [take(one) for one in visits[name]] for what, _, _, take in OF_A_VISIT},
            **{what: [take(one) for one in drawings[name]] for what, _, _, take in OF_A_DRAWING},
            "while reading": {what: [take(one) for one in live[name]] for what, _, _, take in OF_A_LIVE_DRAWING},
        }
        for name in urls
    }
    save("page", "make bench-page", {"chromium": version, **figures}, tables, [chart])


@contextlib.contextmanager
def pages() -> Iterator[tuple[Browser, dict[str, str]]]:
    """Serve both pages; give a browser and the address of each."""
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        work = Path(name)
        shutil.copytree(ROOT / "shared" / "pretrained", work / "shared" / "pretrained")
        server = Server(work / "shared", free_port(), work / "cache", work / "server.log").start()
        try:
            with plain_page(server.url, STATIC, work / "plain") as plain_url:
                yield browser, {OURS: server.url, PLAIN: plain_url}
        finally:
            server.stop()


def measure_visits(browser: Browser, urls: dict[str, str], times: int) -> dict[str, list[Visit]]:
    """Visit each page for the first time, `times` times."""
    rounds = [{name: visit(browser, url) for name, url in urls.items()} for _ in range(times)]
    return {name: [each[name] for each in rounds] for name in urls}


def measure_drawing(
    browser: Browser, urls: dict[str, str], times: int, events: int, *, live: bool = False
) -> dict[str, list[Drawing]]:
    """Draw on each page, `times` times."""
    rounds = [{name: draw(browser, url, events, live=live) for name, url in urls.items()} for _ in range(times)]
    return {name: [each[name] for each in rounds] for name in urls}


def comparison(title: str, measured: dict[str, list[Any]], rows: list[Row]) -> Table:
    """Set this page beside the other one."""
    written = []
    for name, unit, digits, take in rows:
        ours, plain = (Spread([take(one) for one in measured[page]]) for page in (OURS, PLAIN))
        ratio = f"{ours.median / plain.median:.2f}" if plain.median else ""
        written.append((name, ours.text(unit, digits), plain.text(unit, digits), ratio))
    return Table(title, ("", OURS, PLAIN, "ratio"), written)


def by_length(drawings: list[Drawing]) -> list[tuple[int, float]]:
    """Give the mean way of ink to the screen, a stroke's worth at a time: (events so far, ms)."""
    length = min(len(drawing.shown_ms) for drawing in drawings)
    parts = [slice(start, start + STROKE_EVENTS) for start in range(0, length, STROKE_EVENTS)]
    return [
        (min(part.stop, length), round(fmean(ms for drawing in drawings for ms in drawing.shown_ms[part]), 2))
        for part in parts
    ]


if __name__ == "__main__":
    main()
