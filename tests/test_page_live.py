"""The page that reads while one draws, in a real browser: one question at a time, and the newest drawing wins."""

import json

import pytest
from test_page import DESKTOP, PHONE, SEVEN, draw, ink, opened

QUESTIONS = "**/predict?input=1"
READ_AS_SEVEN = "Vous venez d'écrire un 7"
LATE = {
    "digit": 3,
    "confidence": 0.99,
    "probabilities": [0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    "is_digit": True,
    "model_version": "late",
    "input": [[0] * 28] * 28,
}


@pytest.fixture
def page(browser, server):
    """The page on a desktop, in French, reading while one draws."""
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
        switch_on(page)
        yield page


def switch_on(page) -> None:
    page.get_by_role("switch", name="Prédire pendant que j'écris").check()


def hold_questions(page) -> list:
    """Keep every question back; give the list that they come into."""
    held = []
    page.route(QUESTIONS, lambda route: held.append(route))
    return held


def strokes_of(route) -> list:
    return json.loads(route.request.post_data)["strokes"]


def wait_for(page, condition) -> None:
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(20)  # the browser's events come in meanwhile
    raise AssertionError("it never came")


def expect_sentence(page, sentence: str) -> None:
    wait_for(page, lambda: page.locator("#sentence").inner_text() == sentence)


def place_of(page, selector: str) -> dict[str, int]:
    """Give an element's place, in whole pixels."""
    return {side: round(value) for side, value in page.locator(selector).bounding_box().items()}


def test_nothing_is_asked_unless_it_is_switched_on(browser, server):
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
        asked = hold_questions(page)
        draw(page, SEVEN)
        page.wait_for_timeout(300)
        assert asked == [] and page.locator("#details").is_hidden()
        switch_on(page)
        wait_for(page, lambda: len(asked) == 1)  # of what is drawn already
        assert strokes_of(asked[0]) == page.evaluate("JSON.parse(sessionStorage.strokes)")


def test_the_answer_comes_by_itself_and_goes_with_the_feedback(page, server):
    draw(page, SEVEN)
    expect_sentence(page, READ_AS_SEVEN)
    page.locator("#why-section").wait_for(state="visible")
    page.locator("#label").fill("1")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Merci !").wait_for()
    (row,) = server.feedback()
    assert (row["label"], row["digit"]) == (1, 7)
    assert ink(page) == 0 and page.locator("#sentence").inner_text() == ""


def test_it_is_read_before_the_pen_is_lifted(page):
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    for step in range(30):
        page.mouse.move(box["x"] + 60 + 6 * step, box["y"] + 60)
    page.locator("#bars .best").wait_for()
    assert page.locator("#sentence").inner_text() != ""
    page.mouse.up()


def test_a_slow_server_is_asked_once_at_a_time_and_then_about_the_newest_drawing(page):
    held = hold_questions(page)
    draw(page, SEVEN)
    draw(page, [[[100, 150], [180, 150]]])
    page.wait_for_timeout(300)
    assert len(held) == 1
    held[0].fulfill(json=LATE)
    wait_for(page, lambda: len(held) == 2)
    assert strokes_of(held[1]) == page.evaluate("JSON.parse(sessionStorage.strokes)")
    held[1].continue_()
    expect_sentence(page, READ_AS_SEVEN)  # a crossed one
    page.wait_for_timeout(300)
    assert len(held) == 2


def test_an_early_answer_is_not_given_as_the_answer_to_the_whole_drawing(page, server):
    held = hold_questions(page)
    draw(page, SEVEN)
    wait_for(page, lambda: len(held) == 1)
    held[0].fulfill(json=LATE)
    wait_for(page, lambda: len(held) == 2)
    page.locator("#label").fill("7")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Merci !").wait_for()
    (row,) = server.feedback()
    assert (row["digit"], row["model_version"]) == (None, None)


@pytest.mark.parametrize("button", ["Rafraîchir", "Annuler le trait"])
def test_what_is_taken_away_is_not_answered_any_more(page, button):
    held = hold_questions(page)
    draw(page, SEVEN)
    wait_for(page, lambda: len(held) == 1)
    page.get_by_role("button", name=button).click()
    held[0].fulfill(json=LATE)
    page.wait_for_timeout(300)
    assert page.locator("#sentence").inner_text() == "" and page.locator("#bars .best").count() == 0
    assert len(held) == 1


def test_undo_has_the_rest_of_the_drawing_read(page):
    draw(page, SEVEN)
    expect_sentence(page, READ_AS_SEVEN)
    draw(page, [[[60, 20], [20, 260]], [[20, 20], [260, 260]]])
    wait_for(page, lambda: page.locator("#sentence").inner_text() != READ_AS_SEVEN)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect_sentence(page, READ_AS_SEVEN)


def test_the_asked_for_answer_is_not_disturbed_by_a_late_guess(page):
    held = hold_questions(page)
    draw(page, SEVEN)
    wait_for(page, lambda: len(held) == 1)
    page.get_by_role("button", name="Prédire", exact=True).click()
    wait_for(page, lambda: len(held) == 2)
    held[1].continue_()
    expect_sentence(page, READ_AS_SEVEN)
    held[0].fulfill(json=LATE)
    page.wait_for_timeout(300)
    assert page.locator("#sentence").inner_text() == READ_AS_SEVEN
    assert page.locator("#spoken").inner_text() == READ_AS_SEVEN


def test_who_listens_hears_the_answer_once_the_pen_rests(page):
    page.evaluate(
        """() => { window.heard = [];
        new MutationObserver(() => heard.push(document.querySelector('#spoken').textContent))
          .observe(document.querySelector('#spoken'), {childList: true}); }"""
    )
    assert page.locator("#sentence").get_attribute("aria-live") == "off"
    draw(page, SEVEN)
    draw(page, [[[100, 150], [180, 150]]])
    wait_for(page, lambda: page.evaluate("heard.at(-1)") == READ_AS_SEVEN)
    page.wait_for_timeout(300)
    assert [words for words in page.evaluate("heard") if words] == [READ_AS_SEVEN]


def test_an_opened_explanation_follows_when_the_pen_rests(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/explain") else None)
    draw(page, SEVEN)
    page.get_by_text("Voir pourquoi").click()
    page.locator("#why-body").wait_for(state="visible")
    draw(page, [[[100, 150], [180, 150]]])
    assert page.locator("#why-body").is_hidden()
    page.locator("#why-body").wait_for(state="visible")
    assert len(asked) == 2


def test_the_switch_is_remembered_and_works_from_the_keyboard(page):
    page.reload()
    switch = page.get_by_role("switch", name="Prédire pendant que j'écris")
    assert switch.is_checked()
    switch.focus()
    page.keyboard.press("Space")
    assert not switch.is_checked() and page.locator("#details").is_hidden()
    page.reload()
    assert not switch.is_checked()
    assert page.locator("#sentence").get_attribute("aria-live") == "polite"


def test_a_drawing_that_was_kept_is_read_after_a_reload(page):
    draw(page, SEVEN)
    expect_sentence(page, READ_AS_SEVEN)
    page.reload()
    expect_sentence(page, READ_AS_SEVEN)


def test_a_browser_that_keeps_nothing_for_pages_can_be_switched_all_the_same(browser, server):
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
        page.add_init_script("Object.defineProperty(document, 'cookie', {set() {}})")
        page.reload()
        switch_on(page)
        draw(page, SEVEN)
        expect_sentence(page, READ_AS_SEVEN)


def test_a_server_that_is_away_is_said_and_the_next_stroke_is_read_when_it_is_back(page, server):
    server.stop()
    draw(page, SEVEN)
    expect_sentence(page, "Le serveur ne répond pas. Votre dessin est conservé : réessayez dans un instant.")
    server.start()
    draw(page, [[[100, 150], [180, 150]]])
    expect_sentence(page, READ_AS_SEVEN)


SIZES = pytest.mark.parametrize(
    "size", [{"width": 320, "height": 640}, PHONE, DESKTOP], ids=["small", "phone", "desktop"]
)
NOTE_MOVES = """window.moved = [];
    const where = ({x, y, width, height}) => [x, y, width, height].join(" ");
    new PerformanceObserver((list) => { // what moves just after a click is the click's own
      for (const {sources, hadRecentInput} of list.getEntries()) if (!hadRecentInput)
        moved.push(...sources.map(({node, previousRect, currentRect}) =>
          `${node?.id || node?.nodeName}: ${where(previousRect)} to ${where(currentRect)}`)); })
      .observe({type: 'layout-shift', buffered: true});"""


@SIZES
@pytest.mark.parametrize("language", ["fr", "en"])
def test_nothing_moves_while_one_draws(browser, server, size, language):
    with opened(browser, server, viewport=size, locale=language) as page:
        page.evaluate(NOTE_MOVES)
        page.locator("#live").check()
        page.wait_for_timeout(600)  # until the click is no longer an excuse
        below = place_of(page, "#feedback")
        for strokes in (SEVEN, [[[20, 20], [260, 260]]], [[[20, 260], [260, 20]]]):
            draw(page, strokes)
            page.locator("#bars .best").wait_for()
            page.locator("#why-section").wait_for(state="visible")
            assert place_of(page, "#feedback") == below
        assert page.evaluate("moved") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@SIZES
def test_nothing_moves_when_the_page_comes_switched_on(browser, server, size):
    with opened(browser, server, viewport=size, locale="fr-FR") as page:
        switch_on(page)
        page.route("**/*.js", lambda route: None)  # as long as no script has come
        page.reload(wait_until="commit")
        page.locator("#feedback").wait_for()
        below = place_of(page, "#feedback")
        page.unroute("**/*.js")
        page.reload()
        page.evaluate(NOTE_MOVES)
        assert place_of(page, "#feedback") == below
        page.wait_for_timeout(100)  # notes come a little later
        assert page.evaluate("moved") == []
