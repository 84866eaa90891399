"""What was sent can be deleted by who sent it, from the page and later."""

import pytest
from test_page import DESKTOP, PHONE, SCREENSHOTS, SEVEN, contrast, draw, opened


@pytest.fixture
def page(browser, server):
    """The page on a desktop, in French."""
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
        yield page


def send(page, label: int = 7) -> None:
    draw(page, SEVEN)
    page.locator("#label").fill(str(label))
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Merci !").wait_for()


def withdraw(page) -> None:
    page.get_by_role("button", name="Effacer ce dessin du serveur").click()


def test_a_drawing_can_be_deleted_right_after_it_was_sent(page, server):
    assert page.locator("#withdraw").is_hidden()
    send(page, 7)
    send(page, 1)
    withdraw(page)
    page.get_by_text("C'est effacé du serveur.").wait_for()
    assert [row["label"] for row in server.feedback()] == [7]
    assert page.locator("#withdraw").is_hidden()
    assert page.evaluate("document.activeElement.id") == "notice"


def test_the_offer_ends_when_the_next_digit_is_begun(page, server):
    send(page)
    draw(page, SEVEN)
    assert page.locator("#withdraw").is_hidden() and len(server.feedback()) == 1


def test_all_that_this_browser_sent_can_be_deleted_later_and_nobody_elses(browser, page, server):
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as another:
        send(another, 3)
    for label in (1, 2):
        send(page, label)
    page.get_by_role("link", name="Vie privée").click()
    page.get_by_text("pas encore effacés : 2").wait_for()
    page.get_by_role("button", name="Les effacer du serveur").click()
    page.get_by_text("C'est effacé du serveur.").wait_for()
    assert [row["label"] for row in server.feedback()] == [3]
    page.reload()
    page.wait_for_load_state("networkidle")
    assert page.locator("#sent").is_hidden()


def test_what_could_not_be_deleted_is_said_and_can_be_tried_again(page, server):
    send(page)
    server.stop()
    withdraw(page)
    page.get_by_text("rien n'est effacé encore").wait_for()
    server.start()
    withdraw(page)
    page.get_by_text("C'est effacé du serveur.").wait_for()
    assert server.feedback() == []


def test_what_somebody_else_has_deleted_counts_as_deleted(page, server):
    send(page)
    page.evaluate(
        """async () => { for (const {id, key} of JSON.parse(localStorage.sent))
        await fetch(`feedback/${id}`, {method: "DELETE", headers: {Authorization: `Bearer ${key}`}}); }"""
    )
    withdraw(page)
    page.get_by_text("C'est effacé du serveur.").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_both_places_are_readable(browser, server, scheme, size, language):
    SCREENSHOTS.mkdir(exist_ok=True)
    name = f"{language}-{size['width']}x{size['height']}-{scheme}"
    with opened(browser, server, viewport=size, color_scheme=scheme, locale=language) as page:
        draw(page, SEVEN)
        page.locator("#label").fill("7")
        page.locator("#submit").click()
        page.locator("#withdraw").wait_for(state="visible")
        page.screenshot(path=SCREENSHOTS / f"{name}-sent.png", full_page=True)
        assert min(contrast(page, selector) for selector in ("#withdraw", "#notice")) >= 4.5
        page.goto(server.url + "/privacy")
        page.locator("#withdraw").wait_for(state="visible")
        page.screenshot(path=SCREENSHOTS / f"{name}-privacy.png", full_page=True)
        assert min(contrast(page, selector) for selector in ("#withdraw", "#sent-line")) >= 4.5
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
