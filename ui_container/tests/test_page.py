"""The page says what it always said, in French first, in English for those who wish."""

import html

import pytest

SEED_ORDER = [
    "Reconnaissance automatique de chiffre (CNN)",
    "Veuillez écrire un chiffre (0-9) dans le cadre",
    '<canvas id="pad"',
    "Prédire",
    'id="sentence"',
    "Veuillez nous dire quel chiffre vous aviez écrit afin d'améliorer les performances du modèle :)",
    '<input id="label"',
    "Submit",
    "Rafraîchir",
]


def text_of(response) -> str:
    return html.unescape(response.get_data(as_text=True))


@pytest.fixture
def visitor(app):
    return app.test_client()


def test_the_french_page_has_its_words_in_their_order(visitor):
    page = text_of(visitor.get("/"))
    body = page[page.index("<body>") :]
    places = [body.index(words) for words in SEED_ORDER]
    assert places == sorted(places)
    assert "Vous venez d'écrire un {digit}" in page.replace("\\u0027", "'").encode().decode("unicode_escape", "ignore")
    assert '<html lang="fr">' in page


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "fr"), ("de", "fr"), ("en-GB,en;q=0.9", "en"), ("fr-CH,en;q=0.5", "fr"), ("de,en;q=0.5", "en")],
)
def test_the_browsers_language_decides(visitor, accepted, language):
    headers = {"Accept-Language": accepted} if accepted else {}
    assert f'<html lang="{language}">' in text_of(visitor.get("/", headers=headers))


def test_the_switch_is_remembered_and_wins_over_the_browser(visitor):
    english = visitor.get("/?lang=en", headers={"Accept-Language": "fr"})
    assert "Please write a digit (0-9) in the frame" in text_of(english)
    assert '<html lang="en">' in text_of(visitor.get("/", headers={"Accept-Language": "fr"}))
    assert '<html lang="fr">' in text_of(visitor.get("/?lang=fr"))
    assert '<html lang="fr">' in text_of(visitor.get("/?lang=xx"))


def test_the_page_comes_switched_as_the_visitor_left_it(visitor):
    assert 'role="switch" autocomplete="off">' in visitor.get("/").text
    visitor.set_cookie("live", "on")
    page = visitor.get("/").text
    assert '<body class="live">' in page
    assert 'role="switch" autocomplete="off" checked>' in page


def test_the_page_comes_in_the_mode_that_the_visitor_chose(visitor):
    assert 'id="bars"' in visitor.get("/").text
    assert 'id="digits"' in visitor.get("/?mode=number").text
    assert 'id="digits"' in visitor.get("/").text
    assert "Please write a number in the frame" in text_of(visitor.get("/?lang=en"))
    assert 'id="bars"' in visitor.get("/?mode=digit").text
    assert 'id="bars"' in visitor.get("/?mode=other").text


def test_the_page_for_numbers_comes_switched_as_the_visitor_left_it(visitor):
    assert '<body class="number">' in visitor.get("/?mode=number").text
    visitor.set_cookie("live", "on")
    assert '<body class="number live">' in visitor.get("/").text


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_inline_script(app, visitor):
    response = visitor.get("/")
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "://" not in text_of(response)
    assets = app.extensions["assets"].contents
    for name in (name for name in assets if not name.startswith(("training", "vendor/"))):
        assert b"://" not in assets[name].replace(b"http://www.w3.org/2000/svg", b""), name


@pytest.mark.parametrize("path", ["/", "/?mode=number", "/training", "/privacy"])
def test_the_foot_of_every_page_leads_to_the_description_for_programs(client, path):
    assert '<a href="docs">' in client.get(path).text and client.get("/docs").status_code == 200
