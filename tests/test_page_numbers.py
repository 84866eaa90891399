"""The page for numbers in a real browser: a wide frame, and each digit with how sure it is."""

import json
from pathlib import Path

import pytest
from test_page import DESKTOP, PHONE, SCREENSHOTS, SEVEN, contrast, ink, opened
from test_page import draw as draw_digit
from test_page_live import NOTE_MOVES, expect_sentence, place_of, wait_for

FOUR = [[[34, 10], [26, 54], [76, 54]], [[64, 20], [62, 92]]]
ZERO = [[[50, 10], [30, 22], [24, 50], [32, 80], [50, 90], [68, 80], [76, 50], [68, 20], [50, 10]]]
CROSSED_SEVEN = [[[24, 14], [76, 14], [44, 90]], [[40, 50], [72, 50]]]
DIGITS_OF_407 = (FOUR, ZERO, CROSSED_SEVEN)
READ_AS_407 = "Vous venez d'écrire 407"
SIZES = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])


@pytest.fixture
def page(browser, server):
    """The page for numbers on a desktop, in French."""
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
        open_numbers(page)
        yield page


def open_numbers(page) -> None:
    page.locator("#mode-number").click()
    page.locator("#digits").wait_for(state="attached")
    page.wait_for_load_state()


def strokes_of_407(page) -> list:
    """Give the number's strokes as places on the screen."""
    box = page.locator("#pad").bounding_box()
    unit = box["height"] / 140
    return [
        [(box["x"] + (20 + 75 * place + x) * unit, box["y"] + (20 + y) * unit) for x, y in stroke]
        for place, digit in enumerate(DIGITS_OF_407)
        for stroke in digit
    ]


def write_407(page) -> None:
    for stroke in strokes_of_407(page):
        page.mouse.move(*stroke[0])
        page.mouse.down()
        for place in stroke:
            page.mouse.move(*place)
        page.mouse.up()


def test_a_number_is_read_digit_by_digit_and_each_is_shown(page):
    write_407(page)
    page.get_by_role("button", name="Lire").click()
    expect_sentence(page, READ_AS_407)
    assert page.locator("#digits .read").all_inner_texts() == ["4", "0", "7"]
    snapshot = page.locator("#digits").aria_snapshot()
    assert all(f"{digit} : " in snapshot for digit in "407") and snapshot.count("%") == 3
    greys = page.evaluate(
        """Array.from(document.querySelectorAll('#digits canvas'), (canvas) => new Set(
        canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size)"""
    )
    assert len(greys) == 3 and min(greys) > 2


def test_a_finger_writes_a_number_without_scrolling(browser, server):
    with opened(browser, server, viewport=PHONE, has_touch=True, is_mobile=True, locale="fr-FR") as page:
        open_numbers(page)
        touch = page.context.new_cdp_session(page)
        for stroke in strokes_of_407(page):
            for kind, place in [("touchStart", stroke[0]), *(("touchMove", place) for place in stroke[1:])]:
                touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": place[0], "y": place[1]}]})
            touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.get_by_role("button", name="Lire").click()
        expect_sentence(page, READ_AS_407)
        assert page.evaluate("scrollY") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_digit_that_may_be_another_is_marked(page):
    digits = [
        {"digit": 4, "confidence": 0.99, "is_digit": True, "box": [20, 20, 50, 80]},
        {"digit": 0, "confidence": 0.5, "is_digit": True, "box": [100, 20, 50, 80]},
        {"digit": 7, "confidence": 0.99, "is_digit": False, "box": [200, 20, 50, 80]},
    ]
    answer = {"number": "407", "digits": digits, "model_version": "v"}
    page.route("**/read", lambda route: route.fulfill(json=answer))
    write_407(page)
    page.get_by_role("button", name="Lire").click()
    expect_sentence(page, "Peut-être 407 : les chiffres marqués d'un « ? » sont incertains.")
    assert page.locator("#digits .read").all_inner_texts() == ["4", "0 ?", "7 ?"]
    assert "0, incertain : 50 %" in page.locator("#digits").aria_snapshot()


def test_the_mode_and_each_modes_drawing_are_remembered(page):
    write_407(page)
    drawn = ink(page)
    page.goto(page.url.partition("?")[0])
    assert page.locator("#mode-number").get_attribute("aria-current") == "page"
    page.wait_for_load_state()
    assert ink(page) == drawn
    page.locator("#mode-digit").click()
    page.locator("#bars").wait_for(state="attached")
    page.wait_for_load_state()
    assert ink(page) == 0
    draw_digit(page, SEVEN)
    page.get_by_role("button", name="Prédire").click()
    expect_sentence(page, "Vous venez d'écrire un 7")


def test_it_is_read_while_one_writes_if_that_is_switched_on(page):
    page.locator("#live").check()
    write_407(page)
    expect_sentence(page, READ_AS_407)
    wait_for(page, lambda: page.locator("#spoken").inner_text() == READ_AS_407)
    page.get_by_role("button", name="Effacer").click()
    assert ink(page) == 0 and page.locator("#sentence").inner_text() == "" and page.locator("#digits li").count() == 0


def test_everything_but_the_drawing_works_from_the_keyboard(page):
    write_407(page)
    page.locator("#switch").focus()
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached == ["mode-digit", "mode-number", "predict", "undo", "erase", "live"]
    page.locator("#predict").focus()
    page.keyboard.press("Enter")
    expect_sentence(page, READ_AS_407)
    page.keyboard.press("Control+z")
    assert len(json.loads(page.evaluate("sessionStorage.number"))) == 4
    assert page.locator("#notice").inner_text() == "Le dernier trait est annulé."


def test_nothing_drawn_and_a_server_that_is_away_are_said(page, server):
    page.get_by_role("button", name="Lire").click()
    expect_sentence(page, "Rien n'est dessiné : écrivez d'abord un nombre dans le cadre.")
    write_407(page)
    drawn = ink(page)
    server.stop()
    page.get_by_role("button", name="Lire").click()
    expect_sentence(page, "Le serveur ne répond pas. Votre dessin est conservé : réessayez dans un instant.")
    assert ink(page) == drawn


def test_who_writes_digits_loads_nothing_of_it(browser, server):
    with opened(browser, server, viewport=DESKTOP) as page:
        loaded = page.evaluate("performance.getEntriesByType('resource').map(({name}) => name.split('/').pop())")
        assert "reading.js" in loaded and not any(name.startswith("number") for name in loaded)


@SIZES
def test_nothing_moves_when_the_page_comes_in_this_mode(browser, server, size):
    with opened(browser, server, viewport=size, locale="fr-FR") as page:
        open_numbers(page)
        page.locator("#live").check()
        page.route("**/*.js", lambda route: None)  # as long as no script has come
        page.reload(wait_until="commit")
        page.locator("#digits").wait_for(state="attached")
        below = place_of(page, ".answer")
        page.unroute("**/*.js")
        page.reload()
        page.evaluate(NOTE_MOVES)
        write_407(page)
        expect_sentence(page, READ_AS_407)
        assert place_of(page, ".answer")["y"] == below["y"]
        assert page.evaluate("moved") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@SIZES
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_look_of_the_page_is_readable(browser, server, scheme, size, language):
    Path(SCREENSHOTS).mkdir(exist_ok=True)
    with opened(browser, server, viewport=size, color_scheme=scheme, locale=language) as page:
        open_numbers(page)
        write_407(page)
        page.locator("#predict").click()
        page.locator("#digits li").first.wait_for()
        name = f"number-{language}-{size['width']}x{size['height']}-{scheme}.png"
        page.screenshot(path=SCREENSHOTS / name, full_page=True)
        for selector in (
            "h2",
            "#predict",
            "#erase",
            "#sentence",
            "#version",
            "#digits .read",
            "#mode-digit",
            "#mode-number",
        ):
            assert contrast(page, selector) >= 4.5, selector
        pad = page.locator("#pad").bounding_box()
        assert pad["width"] >= 0.85 * min(size["width"], 960) and pad["height"] >= 130
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
