"""A slow phone: Chromium with a phone's screen, a quarter of this machine's speed and, if wished, DevTools' Slow 4G."""

import contextlib
import math
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

SCREEN = {"viewport": {"width": 360, "height": 640}, "device_scale_factor": 3, "is_mobile": True, "has_touch": True}
CPU_SLOWDOWN = 4
# As the browser's own tools define it: 1.6 and 0.75 Mbit/s less a tenth, and 150 ms of delay times 3.75.
SLOW_4G = {"offline": False, "latency": 562.5, "downloadThroughput": 180_000, "uploadThroughput": 84_375}
FRAME_MS = 1000 / 60
STROKE_EVENTS = 100
SHOWN_WITHIN_S = 30
INSTRUMENT = Path(__file__).with_name("slow_phone.js").read_text()
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Visit:
    """A first visit. wire_bytes: of all answers, heads included; layout_shift: cumulative, as the browser counts it."""

    wire_bytes: int
    requests: int
    first_paint_ms: float
    able_to_draw_ms: float
    layout_shift: float


@dataclass(frozen=True)
class Drawing:
    """What drawing cost. script_ms: of each pointer event; shown_ms: until its ink was handed over to the screen.

    within_a_frame: the share of events whose ink was handed over within a sixtieth of a second after they came.
    """

    script_ms: list[float]
    shown_ms: list[float]
    within_a_frame: float
    questions: int
    most_in_flight: int
    layout_shift: float


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start CHROMIUM's browser, the machine's own, or else the one that Playwright installed."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    # Chromium's sandbox needs what root in a container does not have; the pages are our own.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


def visit(browser: Browser, url: str) -> Visit:
    """Visit a page for the first time, over Slow 4G."""
    sizes: list[int] = []
    with _phone(browser) as (page, tools):
        tools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        tools.send("Network.emulateNetworkConditions", SLOW_4G)
        page.goto(url)
        page.wait_for_timeout(1000)  # the icon comes last
        noted = page.evaluate("noted")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    return Visit(round(sum(sizes)), len(sizes), paint, noted["ableToDrawMs"], noted["layoutShift"])


def draw(browser: Browser, url: str, events: int, *, live: bool = False) -> Drawing:
    """Draw with a finger in strokes of STROKE_EVENTS; live: the page reads meanwhile, over Slow 4G."""
    with _phone(browser) as (page, tools):
        page.goto(url)
        if live:
            page.locator("#live").check()
            page.wait_for_timeout(600)  # what moves just after a click is the click's own
            tools.send("Network.emulateNetworkConditions", SLOW_4G)
        shifted_before = page.evaluate("noted.layoutShift")
        box = page.locator("#pad").bounding_box() or {}
        for number in range(events):
            # A closed curve that comes by everywhere, in steps of a fast hand.
            x = box["x"] + box["width"] * (0.5 + 0.4 * math.cos(number / 9))
            y = box["y"] + box["height"] * (0.5 + 0.4 * math.sin(number / 7))
            kind = "touchMove" if number % STROKE_EVENTS else "touchStart"
            tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
            if number % STROKE_EVENTS == STROKE_EVENTS - 1:
                tools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        # Not `wait_for_function`: what it asks a second time the page's policy forbids.
        deadline = time.monotonic() + SHOWN_WITHIN_S
        while not page.evaluate("noted.moves.every((move) => move.shownMs)"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url}: a pointer event's ink was not shown within {SHOWN_WITHIN_S} s")
            page.wait_for_timeout(20)
        noted = page.evaluate("noted")
    moves = noted["moves"]
    in_time = [move["isInked"] and move["shownMs"] <= FRAME_MS for move in moves]
    return Drawing(
        [move["scriptMs"] for move in moves],
        [move["shownMs"] for move in moves],
        sum(in_time) / len(moves),
        noted["questions"],
        noted["mostInFlight"],
        noted["layoutShift"] - shifted_before,
    )


@contextlib.contextmanager
def _phone(browser: Browser) -> Iterator[tuple[Page, CDPSession]]:
    """Open an empty page, and the tools that slow it down and touch it."""
    context = browser.new_context(**SCREEN, locale="fr-FR")
    page = context.new_page()
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    page.add_init_script(INSTRUMENT)
    yield page, tools
    context.close()
