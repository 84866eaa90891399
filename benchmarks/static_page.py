"""Measure the page that reads in the browser, from a plain file server, against the served one.

    make bench-static

Bytes and time of a first visit until its first answer, which the page is asked for as soon as it can be; then the time
of one answer after the other, asked by the pages' own scripts. Each at this machine's speed and at a quarter of it: the
browser's alone, the server keeps its own. The two pages take turns. The file server is Python's, which compresses
nothing; the served page is the one that `make run` serves.
"""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from results import Spread, Table, save
from slow_phone import CPU_SLOWDOWN, SCREEN, SLOW_4G, chromium

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]
from served import Server, free_port  # noqa: E402 # from the folder just named
from static_sites import files_served, write_site  # noqa: E402

STATIC, SERVED = "in the browser, no server", "served page"
VISITS, SLOW_VISITS, ROUNDS, ANSWERS = 7, 3, 3, 200
SPEEDS = {"full speed": 1, "a quarter of the speed": CPU_SLOWDOWN}

# The drawing is there when the page comes, and it is asked as soon as its scripts run.
ASK_AT_ONCE = """
sessionStorage.setItem("strokes", "[[[60,60],[220,60],[120,240]]]");
addEventListener("DOMContentLoaded", () => {
  const sentence = document.getElementById("sentence");
  new MutationObserver(() => {
    if (/\\d/.test(sentence.textContent)) document.documentElement.dataset.answered ??= performance.now();
  }).observe(sentence, { childList: true });
  document.getElementById("predict").click();
});
"""
TIME_ANSWERS = """async ([script, count]) => {
  const own = document.querySelector('script[type="module"]').src;
  const { predict } = await import(new URL(script, own));
  const times = [];
  for (let number = -10; number < count; number += 1) {
    const strokes = [[[60, 60], [220, 60 + (number % 40)], [120 + (number % 30), 240]]];
    const began = performance.now();
    await predict(strokes);
    if (number >= 0) times.push(performance.now() - began);
  }
  return times;
}"""
SCRIPTS = {STATIC: "browser-model.js", SERVED: "api.js"}


@dataclass(frozen=True)
class Visit:
    """A first visit. wire_bytes: of all answers, heads included."""

    wire_bytes: int
    requests: int
    first_paint_ms: float
    answered_ms: float


def main() -> None:
    """Measure both, print the tables and write the results."""
    with pages() as (browser, urls):
        version = browser.version
        visits = {
            speed: taking_turns(urls, VISITS, lambda url, slowdown=slowdown: visit(browser, url, slowdown))
            for speed, slowdown in SPEEDS.items()
        }
        visits["a quarter of the speed, Slow 4G"] = taking_turns(
            urls, SLOW_VISITS, lambda url: visit(browser, url, CPU_SLOWDOWN, SLOW_4G)
        )
        answers = {
            speed: taking_turns(urls, ROUNDS, lambda url, slowdown=slowdown: time_answers(browser, url, urls, slowdown))
            for speed, slowdown in SPEEDS.items()
        }
    tables = [
        Table(
            f"A first visit until its first answer, Chromium {version}",
            ("", STATIC, SERVED, "ratio"),
            [row for speed, each in visits.items() for row in rows_of_visits(speed, each)],
        ),
        Table(
            f"One answer after the other, {ROUNDS} times {ANSWERS}",
            ("", STATIC, SERVED, "ratio"),
            [row for speed, each in answers.items() for row in rows_of_answers(speed, each)],
        ),
    ]
    for table in tables:
        print(f"\n{table.title}", *map(" | ".join, [table.columns, *table.rows]), sep="\n")
    figures: dict[str, Any] = {
        "chromium": version,
        "visits": {speed: {name: [vars(one) for one in each[name]] for name in urls} for speed, each in visits.items()},
        "answers_ms": answers,
    }
    save("static_page", "make bench-static", figures, tables)


@contextlib.contextmanager
def pages() -> Iterator[tuple[Browser, dict[str, str]]]:
    """Serve both pages; give a browser and the address of each."""
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        work = Path(name)
        shutil.copytree(ROOT / "shared" / "pretrained", work / "shared" / "pretrained")
        written = write_site(work / "site", work / "shared")
        if written.returncode != 0:
            raise SystemExit(written.stderr)
        server = Server(work / "shared", free_port(), work / "cache", work / "server.log").start()
        try:
            with files_served(work / "site") as url:
                yield browser, {STATIC: f"{url}/", SERVED: f"{server.url}/"}
        finally:
            server.stop()


def taking_turns(urls: dict[str, str], times: int, measure: Any) -> dict[str, list[Any]]:  # noqa: ANN401 # whatever it gives
    """Measure each page, `times` times."""
    rounds = [{name: measure(url) for name, url in urls.items()} for _ in range(times)]
    return {name: [each[name] for each in rounds] for name in urls}


def visit(browser: Browser, url: str, slowdown: int, network: dict[str, float | bool] | None = None) -> Visit:
    """Visit a page for the first time and have it read at once."""
    with phone(browser, slowdown) as (page, tools):
        sizes: list[int] = []
        tools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        if network is not None:
            tools.send("Network.emulateNetworkConditions", network)
        page.add_init_script(ASK_AT_ONCE)
        page.goto(url, timeout=180_000)
        page.locator("html[data-answered]").wait_for(timeout=180_000)
        page.wait_for_timeout(500)  # the icon comes last
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        answered_ms = float(page.locator("html").get_attribute("data-answered") or "nan")
        return Visit(round(sum(sizes)), len(sizes), paint, answered_ms)


def time_answers(browser: Browser, url: str, urls: dict[str, str], slowdown: int) -> list[float]:
    """Ask a page's own script again and again; give each answer's time in ms."""
    script = next(SCRIPTS[name] for name, address in urls.items() if address == url)
    with phone(browser, slowdown) as (page, _):
        page.goto(url)
        times: list[float] = page.evaluate(TIME_ANSWERS, [f"./{script}", ANSWERS])
        return times


@contextlib.contextmanager
def phone(browser: Browser, slowdown: int) -> Iterator[tuple[Page, Any]]:
    """Open an empty page on a phone's screen, and the tools that slow it down."""
    context = browser.new_context(**SCREEN, locale="fr-FR")
    page = context.new_page()
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    yield page, tools
    context.close()


def rows_of_visits(speed: str, visits: dict[str, list[Visit]]) -> list[tuple[str, ...]]:
    """Set the two pages' visits side by side."""
    return [
        compared(
            f"{speed}: over the wire",
            "kB",
            0,
            {name: [one.wire_bytes / 1000 for one in visits[name]] for name in visits},
        ),
        compared(f"{speed}: requests", "", 0, {name: [one.requests for one in visits[name]] for name in visits}),
        compared(
            f"{speed}: first contentful paint",
            "ms",
            0,
            {name: [one.first_paint_ms for one in visits[name]] for name in visits},
        ),
        compared(
            f"{speed}: until the first answer",
            "ms",
            0,
            {name: [one.answered_ms for one in visits[name]] for name in visits},
        ),
    ]


def rows_of_answers(speed: str, answers: dict[str, list[list[float]]]) -> list[tuple[str, ...]]:
    """Set the two pages' answers side by side: the rounds' medians, and their 99th percentiles."""
    return [
        compared(
            f"{speed}: {name} of an answer",
            "ms",
            1,
            {page: [at(share, one) for one in answers[page]] for page in answers},
        )
        for name, share in (("median", 0.5), ("99th percentile", 0.99))
    ]


def at(share: float, values: list[float]) -> float:
    """Give the value below which so large a share lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def compared(name: str, unit: str, digits: int, values: dict[str, list[float]]) -> tuple[str, ...]:
    """Write a row: both spreads, and the ratio of their medians."""
    static, served = Spread(values[STATIC]), Spread(values[SERVED])
    return name, static.text(unit, digits), served.text(unit, digits), f"{static.median / served.median:.2f}"


if __name__ == "__main__":
    main()
