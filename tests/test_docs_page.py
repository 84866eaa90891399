"""The page that describes the API works in a real browser, from this server alone, and can try an operation."""

from urllib.parse import urlsplit


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
