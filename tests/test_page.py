"""The page in a real browser, used as people use it."""

import contextlib
import csv
import io
import re
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT

SCREENSHOTS = ROOT / "tests" / "screenshots"
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
SEVEN = [[[60, 60], [220, 60], [120, 240]]]


@pytest.fixture
def page(browser, server):
    """The page on a desktop, in French; fails the test if the page's script ever does."""
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
        yield page


@contextlib.contextmanager
def opened(browser, server, **options):
    context = browser.new_context(**options)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    page.goto(server.url)
    yield page
    context.close()
    assert errors == []


def fitted(strokes, side=150) -> list:
    """Bring strokes of any unit into the pad's middle, as large as people draw."""
    xs, ys = zip(*[point for stroke in strokes for point in stroke], strict=True)
    scale = side / max(max(xs) - min(xs), max(ys) - min(ys), 1)
    left = 140 - scale * (min(xs) + max(xs)) / 2
    top = 140 - scale * (min(ys) + max(ys)) / 2
    return [[(left + x * scale, top + y * scale) for x, y in stroke] for stroke in strokes]


def draw(page, strokes) -> None:
    """Draw with the mouse; strokes are in the pad's units, 0 to 280."""
    box = page.locator("#pad").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places:
            page.mouse.move(*place)
        page.mouse.up()


def ink(page) -> int:
    """Count the pad's pixels that differ from its corner."""
    return page.evaluate(
        """() => { const pad = document.querySelector('#pad');
        const data = pad.getContext('2d').getImageData(0, 0, pad.width, pad.height).data;
        let ink = 0;
        for (let i = 0; i < data.length; i += 4) if (data[i] !== data[0]) ink += 1;
        return ink; }"""
    )


def predict(page) -> str:
    page.get_by_role("button", name="Prédire").click()
    page.locator("#details").wait_for(state="visible")
    return page.locator("#sentence").inner_text()


def test_real_strokes_are_read_and_a_correction_reaches_the_store(page, server, samples):
    first, second = samples[0], samples[1]
    draw(page, fitted(first.strokes))
    assert predict(page) == f"Vous venez d'écrire un {first.label}"
    page.get_by_role("button", name="Rafraîchir").click()
    assert page.locator("#sentence").inner_text() == "" and ink(page) == 0

    draw(page, fitted(second.strokes))
    answered = int(re.search(r"\d", predict(page))[0])
    meant = (answered + 1) % 10
    page.locator("#label").fill(str(meant))
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Merci !").wait_for()
    assert ink(page) == 0 and page.locator("#label").input_value() == ""

    (row,) = server.feedback()
    assert (row["label"], row["digit"]) == (meant, answered)
    assert row["model_version"] == server.get("/readyz")["model_version"]
    assert row["original_type"] == "application/json"
    with urllib.request.urlopen(server.url + "/feedback.csv") as response:
        table = list(csv.reader(io.TextIOWrapper(response)))
    assert table[0][0] == "label" and table[-1][0] == str(meant)
    assert list(map(int, table[-1][1:])) == list(row["pixels"])


def test_a_submit_without_a_digit_sends_nothing_and_erases(page, server):
    draw(page, SEVEN)
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Le dessin est effacé.").wait_for()
    assert ink(page) == 0 and server.feedback() == []


def test_what_is_no_digit_is_said_and_nothing_is_lost(page, server):
    draw(page, SEVEN)
    page.locator("#label").fill("x")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Indiquez un seul chiffre").wait_for()
    assert ink(page) > 0 and server.feedback() == []


def test_nothing_drawn_is_said(page):
    page.get_by_role("button", name="Prédire").click()
    page.get_by_text("Rien n'est dessiné").wait_for()


LETTER = [[[60, 240], [140, 40], [220, 240]], [[90, 160], [190, 160]]]


def test_a_letter_is_said_to_be_no_digit_and_still_gets_a_best_guess(page):
    draw(page, LETTER)
    assert predict(page).startswith("Cela ne ressemble pas à un chiffre ; au mieux à un ")
    assert page.locator("#bars .best").count() == 1


def test_why_is_told_only_when_somebody_asks_and_again_for_the_next_drawing(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/explain") else None)
    assert not page.locator("#why-section").is_visible()
    draw(page, SEVEN)
    predict(page)
    assert asked == [] and not page.locator("#why-body").is_visible()
    page.get_by_text("Voir pourquoi").click()
    page.locator("#why-body").wait_for(state="visible")
    assert page.locator(".maps canvas").count() == 32 + 64
    assert page.locator("#why-line").inner_text().startswith("Pour le 7 et contre le ")
    assert "Convolution 1 : 32 filtres, 24 × 24 points chacun" in page.locator("#why-body").aria_snapshot()
    painted = page.evaluate(
        """() => Array.from(document.querySelectorAll('#why-body [data-step], #why-body [data-evidence]'), (canvas) => {
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return new Set(data).size; })"""
    )
    assert len(painted) == 6 and min(painted) > 2
    draw(page, [[[100, 100], [101, 200]]])
    assert not page.locator("#why-body").is_visible()
    predict(page)
    page.locator("#why-body").wait_for(state="visible")
    assert len(asked) == 2


def test_why_says_when_the_server_is_away(page, server):
    draw(page, SEVEN)
    predict(page)
    page.route("**/explain", lambda route, _request: route.abort())
    page.get_by_text("Voir pourquoi").click()
    page.get_by_text("Le serveur ne répond pas").wait_for()
    assert not page.locator("#why-body").is_visible()


def test_the_answer_shows_bars_and_the_picture_that_the_network_saw(page):
    draw(page, SEVEN)
    assert predict(page) == "Vous venez d'écrire un 7"
    bars = page.locator("#bars li")
    assert bars.count() == 10
    assert "best" in bars.nth(7).get_attribute("class")
    assert re.search(r"7 : (100|99\.\d) %", page.locator("#bars").aria_snapshot())
    seen = page.evaluate("Array.from(document.querySelector('#seen').getContext('2d').getImageData(0, 0, 28, 28).data)")
    assert max(seen[0::4]) == 255 and min(seen[0::4]) == 0
    draw(page, [[[20, 20], [30, 30]]])
    assert page.locator("#sentence").inner_text() == "" and page.locator("#details").is_hidden()


def test_undo_takes_the_last_stroke_by_button_and_by_keyboard(page):
    assert page.get_by_role("button", name="Annuler le trait").is_disabled()
    draw(page, [[[40, 40], [240, 40]]])
    one = ink(page)
    draw(page, [[[40, 140], [240, 140]], [[40, 240], [240, 240]]])
    page.get_by_role("button", name="Annuler le trait").click()
    page.keyboard.press("Control+z")
    assert ink(page) == one
    page.keyboard.press("Control+z")
    assert ink(page) == 0 and page.get_by_role("button", name="Annuler le trait").is_disabled()


def test_everything_but_the_drawing_works_from_the_keyboard(page, server):
    draw(page, SEVEN)
    page.locator("#switch").focus()
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    offered = ["in-browser"] if page.locator("#in-browser").count() else []  # where the runtime has been fetched
    wanted = ["mode-digit", "mode-number", "predict", "undo", "live", *offered, "label", "submit", "refresh"]
    assert reached[: len(wanted)] == wanted
    page.locator("#predict").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Vous venez d'écrire un 7").wait_for()
    assert page.evaluate("document.activeElement.id") == "predict"
    page.locator("#label").focus()
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    page.get_by_text("Merci !").wait_for()
    assert len(server.feedback()) == 1


def test_undo_of_the_last_stroke_keeps_the_keyboards_place(page):
    draw(page, SEVEN)
    page.locator("#undo").focus()
    page.keyboard.press("Enter")
    assert ink(page) == 0
    assert page.evaluate("document.activeElement.id") == "undo"


def test_a_browser_that_keeps_nothing_for_pages_draws_all_the_same(browser, server):
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
        page.add_init_script("Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('blocked'); }})")
        page.reload()
        draw(page, SEVEN)
        assert predict(page) == "Vous venez d'écrire un 7"


def test_a_digit_begun_while_the_last_one_is_sent_is_kept(page, server):
    held = []
    page.route("**/feedback", lambda route: held.append(route))
    draw(page, SEVEN)
    page.locator("#label").fill("7")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Envoi en cours…").wait_for()
    draw(page, [[[140, 40], [140, 240]]])
    drawn = ink(page)
    held[0].continue_()
    page.get_by_text("Merci !").wait_for()
    assert ink(page) == drawn
    assert len(server.feedback()) == 1


def test_a_finger_draws_without_scrolling_and_a_second_one_draws_nothing(browser, server):
    with opened(browser, server, viewport={"width": 360, "height": 500}, has_touch=True, is_mobile=True) as page:
        assert page.evaluate("document.documentElement.scrollHeight > innerHeight")
        touch = page.context.new_cdp_session(page)
        box = page.locator("#pad").bounding_box()

        def send(kind, *places, touch=touch, box=box):
            points = [{"x": box["x"] + x, "y": box["y"] + y, "id": number} for number, (x, y) in enumerate(places)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        send("touchStart", (60, 200))
        for y in range(190, 40, -10):
            send("touchMove", (60, y))
        before = ink(page)
        assert before > 0
        send("touchStart", (60, 50), (200, 60))
        for y in range(60, 200, 10):
            send("touchMove", (60, 50), (200, y))
        send("touchEnd")
        strokes = page.evaluate("JSON.parse(sessionStorage.strokes)")
        assert len(strokes) == 1 and {point[0] for point in strokes[0]} == {strokes[0][0][0]}
        assert page.evaluate("scrollY") == 0


def test_a_stroke_that_leaves_the_pad_ends_at_its_edge(page):
    draw(page, [[[140, 140], [500, 140], [500, 200]]])
    (stroke,) = page.evaluate("JSON.parse(sessionStorage.strokes)")
    assert max(x for x, _ in stroke) == 280


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_the_pad_has_a_pixel_for_each_of_the_screens(browser, server, scale):
    with opened(browser, server, viewport=PHONE, device_scale_factor=scale) as page:
        pad = page.evaluate("(({width, clientWidth}) => [width, clientWidth])(document.querySelector('#pad'))")
        assert pad[0] == pad[1] * scale


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_no_width_makes_the_page_scroll_sideways(browser, server, width):
    with opened(browser, server, viewport={"width": width, "height": 700}, locale="fr-FR") as page:
        draw(page, SEVEN)
        predict(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_server_that_is_away_is_said_and_the_drawing_is_kept(page, server):
    draw(page, SEVEN)
    drawn = ink(page)
    server.stop()
    page.get_by_role("button", name="Prédire").click()
    page.get_by_text("Le serveur ne répond pas. Votre dessin est conservé").wait_for()
    page.locator("#label").fill("7")
    page.get_by_role("button", name="Submit").click()
    page.locator("#notice").get_by_text("Le serveur ne répond pas").wait_for()
    assert ink(page) == drawn and page.locator("#label").input_value() == "7"
    server.start()
    assert predict(page) == "Vous venez d'écrire un 7"
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Merci !").wait_for()
    assert len(server.feedback()) == 1


def test_while_it_waits_the_button_says_so_and_a_second_click_asks_nothing(page, server):
    asked = []

    def slow(route):
        asked.append(route)

    page.route("**/predict?input=1", slow)
    draw(page, SEVEN)
    button = page.get_by_role("button", name="Prédire")
    button.click()
    page.get_by_text("Lecture en cours…").wait_for()
    assert button.get_attribute("aria-disabled") == "true"
    button.click(force=True)
    assert len(asked) == 1
    asked[0].continue_()
    page.get_by_text("Vous venez d'écrire un 7").wait_for()
    assert button.get_attribute("aria-disabled") is None


def test_the_switch_changes_the_language_and_keeps_the_drawing(page):
    draw(page, SEVEN)
    drawn = ink(page)
    page.get_by_role("link", name="English").click()
    page.get_by_text("Please write a digit (0-9) in the frame").wait_for()
    page.wait_for_load_state()  # the words are there before the script has drawn
    assert ink(page) == drawn
    page.get_by_role("button", name="Predict").click()
    page.get_by_text("You have just written a 7").wait_for()
    page.get_by_role("link", name="Français").click()
    page.get_by_text("Veuillez écrire un chiffre (0-9) dans le cadre").wait_for()


def contrast(page, selector: str) -> float:
    """WCAG's contrast of an element's text against the first painted background behind it."""
    return page.evaluate(
        """(selector) => {
        const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
        const light = (colour) => { const [r, g, b] = parse(colour).map((v) => v / 255)
            .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
          return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        let element = document.querySelector(selector);
        const text = light(getComputedStyle(element).color);
        while (parse(getComputedStyle(element).backgroundColor)[3] === 0) element = element.parentElement;
        const back = light(getComputedStyle(element).backgroundColor);
        return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05); }""",
        selector,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_look_of_the_page_is_readable(browser, server, scheme, size, language):
    Path(SCREENSHOTS).mkdir(exist_ok=True)
    name = f"{language}-{size['width']}x{size['height']}-{scheme}"
    with opened(browser, server, viewport=size, color_scheme=scheme, locale=language) as page:
        page.screenshot(path=SCREENSHOTS / f"{name}-empty.png", full_page=True)
        draw(page, SEVEN)
        page.locator("#predict").click()
        page.locator("#details").wait_for(state="visible")
        page.wait_for_timeout(300)  # the bars grow
        page.screenshot(path=SCREENSHOTS / f"{name}-answer.png", full_page=True)
        for selector in ("h1", "h2", "#predict", "#undo", "#submit", "#sentence", "#optional", "figcaption", "#switch"):
            assert contrast(page, selector) >= 4.5, selector
        page.locator("#why summary").click()
        page.locator("#why-body").wait_for(state="visible")
        page.screenshot(path=SCREENSHOTS / f"{name}-why.png", full_page=True)
        for selector in ("#why summary", "#why-body h3", ".steps li", "#why figcaption", ".layer-name", ".legend"):
            assert contrast(page, selector) >= 4.5, selector
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
