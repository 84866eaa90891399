"""The page that describes the API works in a real browser, from this server alone, and can try an operation."""

from urllib.parse import urlsplit

from test_page import contrast


def test_the_description_is_shown_and_an_operation_can_be_tried(server, browser):
    page = browser.new_page()
    complaints, hosts = [], set()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{server.url}/docs")
    page.locator("#operations-reading-predict_predict .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.locator("#operations-reading-predict_predict textarea").fill('{"strokes": [[[0, 0], [100, 0], [40, 120]]]}')
    page.get_by_role("button", name="Execute").click()
    page.locator(".live-responses-table").get_by_text('"digit": 7').wait_for()
    assert complaints == []
    assert hosts == {urlsplit(server.url).netloc}
    page.close()


def test_it_takes_the_colours_of_the_visitors_scheme_which_may_change(server, browser):
    page = browser.new_page(color_scheme="dark")
    page.goto(f"{server.url}/docs")
    page.locator("#operations-reading-predict_predict").wait_for()
    page.locator("html.dark-mode").wait_for()
    for selector in (".info .title", ".info p", ".opblock-summary-path", ".opblock-summary-description"):
        assert contrast(page, selector) >= 4.5, selector
    code, line = (page.locator(place).first.bounding_box() for place in (".info code", ".info p:has(code)"))
    assert code["y"] >= line["y"] - 1, "code covers the line above"
    page.emulate_media(color_scheme="light")
    page.locator("html:not(.dark-mode)").wait_for()
    page.close()
