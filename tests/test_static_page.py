"""The page without a server, in a real browser: it reads as the server does, and asks nobody for it."""

import contextlib
import json
import shutil

import pytest
from conftest import ROOT
from static_sites import PATH, FilesSaidCompressed, files_served, write_site
from test_page import DESKTOP, LETTER, PHONE, SCREENSHOTS, SEVEN, draw, fitted, ink

VECTORS = ROOT / "ui_container" / "tests" / "network_input.json"
SAMPLES = 300
# Another runtime adds up in another order.
TOLERANCE = 1e-4

READ_ALL = """async (drawings) => {
  const script = document.querySelector('script[type="module"]').src;
  const { predict } = await import(new URL("browser-model.js", script));
  const answers = [];
  for (const strokes of drawings) answers.push(await predict(strokes));
  return answers;
}"""


@contextlib.contextmanager
def opened(browser, url, locale="fr-FR", viewport=DESKTOP):
    """Open the page; fails the test if the console says anything, or another host is asked."""
    context = browser.new_context(locale=locale, viewport=viewport)
    page = context.new_page()
    said, asked = [], []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    yield page
    context.close()
    assert said == []
    origin = "/".join(url.split("/")[:3])
    assert asked and all(address.startswith((f"{origin}/", "blob:", "data:")) for address in asked)


def predict(page) -> str:
    page.locator("#predict").click()
    page.locator("#details").wait_for(state="visible")
    return page.locator("#sentence").inner_text()


def test_a_drawing_is_read_with_probabilities_and_nothing_is_sent_anywhere(browser, site):
    with opened(browser, site.url) as page:
        sent = []
        page.on("request", lambda request: sent.append(request.method) if request.method != "GET" else None)
        draw(page, SEVEN)
        assert predict(page) == "Vous venez d'écrire un 7"
        assert page.locator("#bars li").count() == 10
        assert page.locator("#bars .best").inner_text().split()[0] == "7"
        version = json.loads((site.folder / "model" / "current.json").read_text())["version"]
        assert page.locator("#version").inner_text() == f"Modèle {version}"
        draw(page, LETTER)
        page.locator("#erase").click()
        draw(page, LETTER)
        assert predict(page).startswith("Cela ne ressemble pas à un chiffre ; au mieux à un ")
        assert sent == []


def test_it_offers_nothing_that_needs_a_server(browser, site):
    with opened(browser, site.url) as page:
        links = page.locator("a").evaluate_all("(all) => all.map((link) => link.getAttribute('href'))")
        assert links == ["en.html?lang=en"]
        assert page.locator("form, #why-section, .modes, #in-browser").count() == 0


def test_it_answers_as_the_server_does_on_every_vector_and_on_real_strokes(browser, site, server, samples):
    drawings = [vector["strokes"] for vector in json.loads(VECTORS.read_text())]
    drawings += [sample.strokes for sample in samples[:SAMPLES]]
    with opened(browser, site.url) as page:
        here = page.evaluate(READ_ALL, drawings)
    for strokes, answer in zip(drawings, here, strict=True):
        there = server.post("/predict?input=1", {"strokes": strokes})
        for same in ("digit", "is_digit", "model_version", "input"):
            assert answer[same] == there[same], same
        differences = [abs(a - b) for a, b in zip(answer["probabilities"], there["probabilities"], strict=True)]
        assert max(differences) <= TOLERANCE


def test_it_reads_while_one_draws_and_remembers_that(browser, site):
    with opened(browser, site.url) as page:
        page.locator("#live").check()
        draw(page, SEVEN)
        page.get_by_text("Vous venez d'écrire un 7").first.wait_for()
        page.reload()
        assert page.locator("#live").is_checked()
        page.get_by_text("Vous venez d'écrire un 7").first.wait_for()  # the drawing was kept
        page.locator("#undo").click()
        assert page.locator("#sentence").inner_text() == "" and ink(page) == 0
        assert page.locator("#notice").inner_text() == "Le dernier trait est annulé."


@pytest.mark.parametrize(("locale", "language"), [("fr-CH", "fr"), ("en-GB", "en"), ("de-DE", "fr")])
def test_the_browsers_language_decides(browser, site, locale, language):
    with opened(browser, site.url, locale=locale) as page:
        assert page.locator("html").get_attribute("lang") == language


def test_the_switch_wins_over_the_browsers_language(browser, site):
    with opened(browser, site.url, locale="en-GB") as page:
        page.get_by_text("Français").click()
        page.get_by_text("Veuillez écrire un chiffre (0-9) dans le cadre").wait_for()
        page.get_by_text("English").click()
        page.get_by_text("Please write a digit (0-9) in the frame").wait_for()


def test_a_server_may_say_that_a_compressed_file_is_compressed(browser, site_folder):
    with files_served(site_folder, FilesSaidCompressed) as url, opened(browser, f"{url}/{PATH}/") as page:
        draw(page, SEVEN)
        assert predict(page) == "Vous venez d'écrire un 7"


@pytest.mark.parametrize("damage", ["one bit", "another network", "missing"])
def test_a_model_that_is_not_what_was_trained_reads_nothing_and_the_drawing_stays(browser, site, tmp_path, damage):
    folder = shutil.copytree(site.folder, tmp_path / "www")
    (model,) = (folder / "model").glob("*.onnx")
    facts = json.loads((folder / "model" / "current.json").read_text())
    if damage == "one bit":
        content = bytearray(model.read_bytes())
        content[len(content) // 2] ^= 1  # of a weight's last digits, which no answer shows
        model.write_bytes(content)
    elif damage == "missing":
        model.unlink()
    else:
        facts["probe"]["outputs"][0] = facts["probe"]["outputs"][1]
        (folder / "model" / "current.json").write_text(json.dumps(facts))
    context = browser.new_context(locale="fr-FR")
    page = context.new_page()
    with files_served(folder) as url:
        page.goto(url)
        draw(page, SEVEN)
        page.locator("#predict").click()
        page.get_by_text("La lecture dans ce navigateur a échoué").first.wait_for()
        assert ink(page) > 0 and not page.locator("#details").is_visible()
    context.close()


def test_the_site_is_written_anew_and_says_what_it_lacks(site_folder, tmp_path):
    old = tmp_path / "site" / "assets" / "old"
    old.mkdir(parents=True)
    assert write_site(tmp_path / "site", ROOT / "shared").returncode == 0
    assert not old.exists() and (tmp_path / "site" / "index.html").exists()
    refused = write_site(tmp_path / "other", tmp_path / "nothing")
    assert refused.returncode == 1 and "no model in" in refused.stderr and not (tmp_path / "other").exists()


@pytest.mark.parametrize(("name", "viewport"), [("static-360", PHONE), ("static-1280", DESKTOP)])
def test_it_fits_the_screen(browser, site, name, viewport):
    with opened(browser, site.url, viewport=viewport) as page:
        draw(page, SEVEN)
        predict(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"]
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


# --- The same within the served page, for whom switches it on.


@pytest.fixture
def served_page(browser, runtime, server):
    """The served page, and the addresses that it has asked for."""
    context = browser.new_context(locale="fr-FR", viewport=DESKTOP)
    page = context.new_page()
    said, asked = [], []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url.removeprefix(server.url)))
    page.goto(server.url)
    yield page, asked
    context.close()
    assert said == []


def test_the_served_page_reads_in_the_browser_once_it_is_switched_on(served_page, server, samples):
    page, asked = served_page
    draw(page, fitted(samples[0].strokes))
    there = predict(page)
    assert "/predict?input=1" in asked
    assert not any(part in address for address in asked for part in ("onnx", "browser-model", "/model/"))
    asked.clear()
    with page.expect_navigation():
        page.locator("#in-browser").check()
    assert page.locator("#in-browser").is_checked() and ink(page) > 0  # the drawing was kept
    assert predict(page) == there
    assert any(address.endswith("/ort.wasm.gz") for address in asked) and "/model/current.json" in asked
    assert not any("predict" in address for address in asked)
    page.locator("#label").fill("3")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Merci !").wait_for()
    (row,) = server.feedback()
    assert row["model_version"] == server.get("/readyz")["model_version"] and row["label"] == 3
    asked.clear()
    with page.expect_navigation():
        page.locator("#in-browser").uncheck()
    draw(page, SEVEN)
    predict(page)
    assert "/predict?input=1" in asked


def test_why_is_asked_of_the_server_and_a_newer_model_is_fetched_for_it(served_page, server):
    page, _ = served_page
    with page.expect_navigation():
        page.locator("#in-browser").check()
    draw(page, SEVEN)
    predict(page)
    page.get_by_text("Voir pourquoi").click()
    page.locator("#why-body").wait_for(state="visible")
    manifest = json.loads((server.shared_dir / "pretrained" / "manifest.json").read_text())
    manifest["version"] = "20991231T235959Z-00000000"
    (server.shared_dir / "pretrained" / "manifest.json").write_text(json.dumps(manifest))
    server.wait_until(lambda: server.get("/readyz")["model_version"] == manifest["version"])
    page.locator("#predict").click()
    page.get_by_text(f"Modèle {manifest['version']}").wait_for()
    page.locator("#why-body").wait_for(state="visible")
