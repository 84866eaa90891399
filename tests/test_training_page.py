"""The training page in a real browser: what a class sees on the wall, and what its teacher can do."""

import json
import re
import shutil
import sqlite3
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT
from served import Server, free_port
from test_page import DESKTOP, PHONE, SCREENSHOTS, SEVEN, contrast, draw, opened
from training_samples import ACCEPTED, HISTORY, REASON, REFUSED, Trainer

REASON_SAID = "Elle lit juste 9 940 des 10 000 chiffres de test, sa parente 9 952 : le hasard n'explique pas cet écart"
TOKEN = "a-word-for-tests"  # noqa: S105 # it opens nothing but the servers of these tests


@pytest.fixture
def shared_dir(tmp_path) -> Path:
    shutil.copytree(ROOT / "shared" / "pretrained", tmp_path / "shared" / "pretrained")
    return tmp_path / "shared"


@pytest.fixture
def trainer(shared_dir) -> Trainer:
    return Trainer(shared_dir)


@pytest.fixture
def start(tmp_path, shared_dir, cache_dir):
    """Start a server that knows an administrator, with the environment that a test wants."""
    started = []

    def start(**environment) -> Server:
        environment = {"ADMIN_TOKEN": TOKEN, "WEB_CONCURRENCY": "1", **environment}
        started.append(Server(shared_dir, free_port(), cache_dir, tmp_path / "server.log", environment).start())
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def server(start) -> Server:
    return start()


@pytest.fixture
def page(browser, server):
    """The training page on a desktop, in French; fails the test if the page's script ever does."""
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
        page.goto(server.url + "/training")
        yield page


def send(server, label: int, digit: int | None = None, shift: int = 0) -> str:
    strokes = [[[60 + shift, 60], [200 + shift, 60], [110 + shift, 240]]]
    body = {"strokes": strokes, "label": label, "digit": digit, "model_version": ACCEPTED, "session": "a-class"}
    return server.post("/feedback", {name: value for name, value in body.items() if value is not None})["id"]


def spaced(text: str) -> str:
    """Write every kind of space as a plain one."""
    return re.sub(r"\s", " ", text)


def actions(server) -> list[tuple]:
    with sqlite3.connect(server.shared_dir / "feedback" / "feedback.db") as connection:
        return connection.execute("SELECT kind, version, feedback_id, label FROM actions ORDER BY number").fetchall()


def give_token(page, token: str = TOKEN) -> None:
    page.locator("#token").fill(token)
    page.get_by_role("button", name="Vérifier le jeton").click()


def shows_curve(page, place: str) -> bool:
    """Tell whether a chart has more colours than an empty frame would."""
    return page.evaluate(
        """(place) => { const canvas = document.querySelector(`${place} canvas`);
        if (!canvas) return false;
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const colours = new Set();
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) colours.add(data.slice(i, i + 3).join());
        return colours.size > 3; }""",
        place,
    )


def test_a_training_is_followed_as_it_happens(page, trainer):
    page.get_by_text("Aucun entraîneur ne veille").wait_for()
    page.get_by_text("Aucun entraînement n'a encore eu lieu ici.").wait_for()
    trainer.watch(new_labels=12, labels_wanted=50)
    page.get_by_text("Un entraîneur veille").wait_for()
    assert page.get_by_label("Nouveaux dessins : 12 sur les 50 attendus").evaluate("bar => bar.value / bar.max") == 0.24

    trainer.work()
    page.get_by_text("Le réseau apprend…").wait_for()
    page.get_by_text("Époques finies : 4 sur 8 – encore 2 min environ").wait_for()
    assert page.locator("[aria-current=step]").inner_text() == "Apprentissage"
    page.get_by_text("Perte à l'époque 4,3 :").wait_for()
    assert shows_curve(page, "#job-curves")

    trainer.work("publishing")
    page.get_by_text("La nouvelle version est publiée…").wait_for()
    trainer.keep_versions()
    trainer.end("served", ACCEPTED)
    page.get_by_text(f"Réussi : la version {ACCEPTED} est entrée en service.").wait_for()
    assert not page.locator("#progress").is_visible()
    page.get_by_text(f"Perte à l'époque {len(HISTORY['loss'])} : 0,0742.").first.wait_for()
    page.get_by_text(f"Modèle en service : {ACCEPTED}").wait_for()
    page.locator("#model-choice").get_by_text(f"celle en service ({ACCEPTED})").wait_for(state="attached")


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("refused", f"Refusé : la version {REFUSED} n'a pas passé l'examen"),
        ("nothing", "Il n'y avait rien à apprendre."),
        ("failed", "L'entraînement a échoué"),
        ("stopped", "L'entraînement a été arrêté"),
    ],
)
def test_how_a_training_ended_is_said_with_its_reason(page, trainer, verdict, sentence):
    trainer.end(verdict, REFUSED, REASON)
    page.locator("#job-line").get_by_text(sentence).wait_for()
    reason = page.locator("#job-reason")
    assert spaced(reason.inner_text()) == f"{REASON_SAID} (p = 0,013)." and not reason.get_attribute("lang")
    trainer.end(verdict, REFUSED, "No space left on device")
    page.get_by_text("No space left on device").wait_for()
    assert reason.get_attribute("lang") == "en"


def test_a_training_that_was_killed_is_not_shown_as_running(page, trainer):
    trainer.work()
    page.get_by_text("Le réseau apprend…").wait_for()
    trainer.die()
    page.get_by_text("L'entraînement s'est interrompu sans finir").wait_for()
    assert not page.locator("#progress").is_visible()


def test_without_a_stream_the_page_asks(browser, server, trainer):
    with opened(browser, server, locale="fr-FR") as page:
        page.route("**/training/events", lambda route: route.fulfill(status=503, json={"code": "too_many_streams"}))
        page.goto(server.url + "/training")
        page.get_by_text("Aucun entraînement n'a encore eu lieu ici.").wait_for()
        trainer.work()
        page.get_by_text("Le réseau apprend…").wait_for()


def test_a_server_that_comes_back_is_followed_again(page, server, trainer):
    page.get_by_text("Aucun entraînement n'a encore eu lieu ici.").wait_for()
    server.stop()
    page.get_by_text("Le serveur ne répond pas").wait_for()
    trainer.work()
    server.start()
    page.get_by_text("Le réseau apprend…").wait_for()
    assert not page.locator("#trouble").is_visible()


def test_what_is_empty_is_said_in_words(page, trainer):
    for words in (
        "Aucun entraînement n'a encore eu lieu ici.",
        "Personne n'a encore envoyé de dessin.",
        "Aucun dessin n'est mis de côté.",
        "pas mesuré pour cette version",
    ):
        page.get_by_text(words).first.wait_for()
    page.get_by_text("Comparer deux versions").click()
    page.get_by_text("Il n'y a pas encore deux versions à comparer.").wait_for()


def test_the_model_in_service_is_shown_with_its_figures(browser, trainer, start):
    trainer.keep_versions()
    server = start()
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
        page.goto(server.url + "/training")
        page.locator("#model-body").wait_for()
        figures = re.sub(r"\s", " ", page.locator("#model-figures").inner_text())
        assert "99,52 %" in figures and "entre 99,38 % et 99,66 %" in figures and "10 000 chiffres" in figures
        assert "98,07 %" in figures and "1 500 chiffres de 6 personnes" in figures and "94,80 %" in figures
        digits = page.get_by_role("table", name="Chiffre par chiffre").get_by_role("row")
        assert digits.count() == 11 and "97,46" in digits.nth(10).inner_text()
        confusion = page.get_by_role("table", name="Qui est pris pour qui")
        nine = confusion.get_by_role("row").nth(10).get_by_role("cell")
        shares = nine.evaluate_all("cells => cells.map((cell) => Number(cell.style.getPropertyValue('--share')))")
        assert nine.nth(4).inner_text() == "10" and max(shares) == shares[4] > 0.4 and shares[9] == 0
        backgrounds = nine.evaluate_all("cells => cells.map((cell) => getComputedStyle(cell).backgroundColor)")
        assert backgrounds[4] != backgrounds[0]
        assert page.locator("#model-mistakes canvas").count() == 20
        assert "2 lu 7, sûr à 99,91" in page.locator("#model-mistakes li").first.inner_text()
        page.get_by_text("l'écart moyen entre la confiance annoncée et la part de réponses justes").wait_for()
        assert shows_curve(page, "#model-reliability") and shows_curve(page, "#model-curves")
        for name in ("model.json", "model.h5"):
            with page.expect_download() as download:
                page.get_by_role("link", name=f"Télécharger {name}").click()
            expected = server.shared_dir / "versions" / ACCEPTED / name
            assert Path(download.value.path()).read_bytes() == expected.read_bytes()

        trainer.forget_pictures()
        page.get_by_role("button", name=f"Examiner {trainer.shipped['version']}").click()
        page.get_by_text("Image 9 665 : un 2 lu comme un 7").wait_for()
        page.locator("#model-figures").get_by_text("99,50").wait_for()
        assert page.evaluate("document.activeElement.id") == "model-choice"


def test_a_model_of_ones_own_has_no_report_and_that_is_said(browser, shared_dir, start):
    for name in ("model.json", "model.h5"):
        shutil.copy(shared_dir / "pretrained" / name, shared_dir)
    server = start()
    with opened(browser, server, locale="fr-FR") as page:
        page.goto(server.url + "/training")
        page.get_by_text("Le modèle en service vient d'ailleurs ou n'a pas de rapport").wait_for()
        assert not page.locator("#model-body").is_visible()


@pytest.fixture
def versions_page(browser, trainer, start):
    trainer.keep_versions()
    trainer.watch()
    server = start()
    with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
        page.server = server
        page.goto(server.url + "/training")
        page.locator(".cards").wait_for()
        yield page


def test_versions_are_listed_with_the_gates_verdict(versions_page, trainer):
    rows = versions_page.get_by_role("table", name="Versions").locator("tbody tr")
    refused, accepted, shipped = (spaced(rows.nth(index).inner_text()) for index in range(3))
    assert all(said in refused for said in (REFUSED, "refusée", REASON_SAID, ACCEPTED, "61"))
    assert "en service" in accepted and "acceptée" in accepted and "99,52" in accepted and "98,07" in accepted
    assert trainer.shipped["version"] in shipped and "livrée" in shipped and "sans examen" in shipped
    rows.nth(0).get_by_text("Ce qui a été mesuré").click()
    versions_page.get_by_text(re.compile(r"MNIST : 9.940 justes sur 10.000, contre 9.952 pour la parente")).wait_for()
    assert [rows.nth(index).get_by_text("Revenir à celle-ci").count() for index in range(3)] == [0, 0, 1]


def test_going_back_asks_first_and_needs_the_token(versions_page, trainer):
    page, version = versions_page, trainer.shipped["version"]
    back = page.get_by_role("button", name=f"Revenir à {version}")
    back.click()
    dialog = page.get_by_role("dialog")
    assert version in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    back.click()
    dialog.get_by_role("button", name="Annuler").click()
    back.click()
    dialog.get_by_role("button", name=f"Revenir à {version}").click()
    page.get_by_text("Jeton d'administration", exact=True).wait_for()
    give_token(page, "not the one")
    page.get_by_role("alert").get_by_text("Ce jeton n'est pas le bon.").wait_for()
    assert actions(page.server) == []
    give_token(page)
    page.get_by_text(f"C'est demandé : l'entraîneur remettra {version} en service.").wait_for()
    assert actions(page.server) == [("rollback", version, None, None)]

    page.get_by_role("button", name="Entraîner maintenant").click()
    page.get_by_text("C'est demandé : l'entraîneur commence dans un instant.").wait_for()
    assert actions(page.server)[1:] == [("retrain", None, None, None)]


def test_the_token_is_kept_in_the_tab_until_it_is_forgotten(page):
    page.get_by_role("button", name="Donner le jeton").click()
    give_token(page)
    page.get_by_text("Le jeton est juste, et gardé dans cet onglet.").wait_for()
    page.reload()
    page.get_by_text("Le jeton est juste, et gardé dans cet onglet.").wait_for()
    assert TOKEN not in page.evaluate("document.cookie + JSON.stringify({...localStorage})")
    page.get_by_role("button", name="Oublier le jeton").click()
    page.get_by_text("Aucun jeton n'est donné").wait_for()
    assert TOKEN not in page.evaluate("JSON.stringify({...sessionStorage})")
    page.get_by_role("button", name="Entraîner maintenant").click()
    page.get_by_role("button", name="Vérifier le jeton").wait_for()
    page.locator("#token-cancel").click()
    assert page.locator("#now-notice").inner_text() == ""


def test_a_token_that_was_changed_is_asked_for_again(page, server):
    page.evaluate("sessionStorage.setItem('adminToken', 'an older one')")
    page.reload()
    page.get_by_role("button", name="Entraîner maintenant").click()
    page.get_by_role("alert").get_by_text("Ce jeton n'est pas le bon.").wait_for()
    give_token(page)
    page.get_by_text("C'est demandé, mais aucun entraîneur ne veille").wait_for()
    assert actions(server) == [("retrain", None, None, None)]


def test_a_server_that_knows_no_token_lets_nobody_change_anything(page):
    page.route("**/training/admin", lambda route: route.fulfill(status=403, json={"code": "no_token"}))
    page.get_by_role("button", name="Entraîner maintenant").click()
    give_token(page, "guess")
    page.get_by_role("alert").get_by_text("Ce serveur tourne sans ADMIN_TOKEN").wait_for()


def test_where_reading_is_closed_the_token_opens_everything(browser, trainer, start):
    trainer.keep_versions()
    trainer.work()
    server = start(TRAINING_PUBLIC="0")
    send(server, 7)
    with opened(browser, server, locale="fr-FR") as page:
        page.goto(server.url + "/training")
        page.get_by_role("alert").get_by_text("Ici, même pour regarder, il faut le jeton.").wait_for()
        assert ACCEPTED not in page.content()
        give_token(page)
        page.get_by_text("Le réseau apprend…").wait_for()
        page.locator("#gallery li").wait_for()
        page.locator("#model-body").wait_for()
        for name in ("Télécharger model.json", "Télécharger en CSV"):
            with page.expect_download() as download:
                page.get_by_role("link", name=name).click()
            assert Path(download.value.path()).stat().st_size > 784
        trainer.end("nothing")
        page.get_by_text("Il n'y avait rien à apprendre.").wait_for()


def test_any_two_versions_are_compared(versions_page, trainer):
    page = versions_page
    page.get_by_text("Comparer deux versions").click()
    table = page.get_by_role("table", name="Comparer deux versions")
    table.wait_for()
    text = re.sub(r"[^\S\n]+", " ", table.inner_text())
    assert re.search(r"Justesse sur MNIST 99,52 % 99,40 % -0,12", text)
    assert re.search(r"Rappel du 4 99,90 % 98,65 % -1,25", text)
    assert re.search(r"Rappel du 9 97,46 % 98,71 % \+1,25", text)
    page.get_by_label("Première version").select_option(trainer.shipped["version"])
    table.get_by_role("row", name=re.compile(r"Justesse sur MNIST 99,50")).wait_for()
    row = table.get_by_role("row", name="Justesse sur les chiffres dessinés")
    assert row.get_by_role("cell").all_inner_texts()[0] == "–"


def test_of_a_version_without_a_report_only_what_is_known_is_shown(versions_page, trainer):
    page, version = versions_page, trainer.shipped["version"]
    (page.server.shared_dir / "pretrained" / "report.json").unlink()
    page.get_by_role("button", name=f"Examiner {version}").click()
    page.get_by_text("Cette version n'a pas laissé de rapport").wait_for()
    assert "99,50" in page.locator("#model-figures").inner_text() and not page.locator("#model-report").is_visible()
    page.get_by_text("Comparer deux versions").click()
    page.get_by_label("Première version").select_option(version)
    page.get_by_text("L'une des deux n'a pas laissé de rapport").wait_for()
    rows = page.get_by_role("table", name="Comparer deux versions").get_by_role("row")
    assert rows.count() == 5 and "99,50" in rows.nth(1).inner_text()


def test_the_gallery_is_filtered_and_grows(page, server):
    for number in range(40):
        send(server, number % 10, digit=number % 10 if number % 5 else 7, shift=number)
    items = page.locator("#gallery li")
    page.get_by_text("Dessins : 40,").wait_for()
    assert items.count() == 36
    page.get_by_role("button", name="Montrer plus de dessins").first.click()
    items.nth(39).wait_for()
    assert not page.locator("#gallery-more").is_visible()
    page.get_by_label("Chiffre voulu").select_option("5")
    page.get_by_text("Dessins : 4,").wait_for()
    page.get_by_label("seulement ceux que le modèle a mal lus").check()
    page.get_by_text("Dessins : 4,").wait_for()
    assert items.all_inner_texts() == ["5, lu 7"] * 4
    page.get_by_label("Chiffre voulu").select_option("6")
    page.get_by_text("Aucun dessin ne répond à ce choix.").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger en CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 41


def test_a_new_drawing_appears_by_itself(page, server):
    page.get_by_text("Personne n'a encore envoyé de dessin.").wait_for()
    send(server, 7)
    page.locator("#gallery li").wait_for()


def test_what_was_held_back_is_accepted_corrected_or_deleted(page, server, trainer):
    ids = [send(server, label, shift=label) for label in (1, 2, 3)]
    reasons = [
        {"reason": "not_a_digit"},
        {"reason": "contradicted", "answer": 7, "confidence": 0.987},
        {"reason": "duplicate", "of": ids[0]},
    ]
    trainer.hold_back([{"id": name, **reason} for name, reason in zip(ids, reasons, strict=True)])
    held = page.locator("#held > li")
    held.nth(2).wait_for()
    assert "C'est le même dessin qu'un autre." in held.nth(0).inner_text()
    assert "Le modèle y lit un 7" in held.nth(1).inner_text()
    assert "Cela ne ressemble pas à un chiffre." in held.nth(2).inner_text()

    held.nth(2).get_by_role("button", name="Accepter comme 1").click()
    give_token(page)
    page.get_by_text("Le dessin est accepté.").wait_for()
    assert held.count() == 2 and page.evaluate("document.activeElement.id") == "held-notice"

    assert held.nth(1).get_by_label("Le bon chiffre").input_value() == "7"
    held.nth(1).get_by_role("button", name="Corriger").click()
    page.get_by_text("Le dessin est maintenant étiqueté 7.").wait_for()
    assert held.count() == 1

    held.first.get_by_role("button", name="Supprimer").click()
    page.get_by_role("dialog").get_by_role("button", name="Annuler").click()
    assert len(server.feedback()) == 3
    held.first.get_by_role("button", name="Supprimer").click()
    page.get_by_role("dialog").get_by_role("button", name="Supprimer").click()
    page.get_by_text("Aucun dessin n'est mis de côté.").wait_for()
    assert [(row["id"], row["label"]) for row in server.feedback()] == [(ids[0], 1), (ids[1], 7)]
    assert [kind for kind, *_ in actions(server)] == ["accept", "correct", "delete"]


def test_a_drawing_of_the_gallery_is_looked_at_corrected_and_deleted(page, server):
    kept, gone = send(server, 1, digit=7), send(server, 2, shift=20)
    dialog, items = page.locator("#drawing"), page.locator("#gallery li")
    page.get_by_role("button", name="Montrer le dessin : 1, lu 7").press("Enter")
    facts = dialog.inner_text()
    assert "Dessin n° 1" in facts and ACCEPTED in facts and re.search(r"Voulu\s+1\s+Lu\s+7\s+Reçu\s+\d", facts)
    assert dialog.get_by_role("img", name="Le dessin, étiqueté 1").evaluate("picture => picture.clientWidth") >= 150
    assert dialog.get_by_label("Le bon chiffre").input_value() == "7"
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Montrer le dessin : 1, lu 7"

    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Corriger").click()
    give_token(page)
    page.get_by_text("Le dessin est maintenant étiqueté 7.").wait_for()
    assert not dialog.is_visible() and page.evaluate("document.activeElement.id") == "gallery-notice"
    assert items.all_inner_texts() == ["2", "7 vérifié"]

    page.get_by_role("button", name="Montrer le dessin : 2").click()
    dialog.get_by_role("button", name="Corriger").click()
    dialog.get_by_text("Choisissez d'abord le bon chiffre.").wait_for()
    dialog.get_by_role("button", name="Supprimer").click()
    page.locator("#confirm").get_by_role("button", name="Annuler").click()
    assert dialog.is_visible() and {row["id"] for row in server.feedback()} == {kept, gone}
    dialog.get_by_role("button", name="Supprimer").click()
    page.locator("#confirm").get_by_role("button", name="Supprimer").click()
    page.get_by_text("Le dessin est supprimé.").wait_for()
    assert items.count() == 1 and [(row["id"], row["label"]) for row in server.feedback()] == [(kept, 7)]
    assert actions(server) == [("correct", None, kept, 7), ("delete", None, gone, None)]


def test_a_drawing_that_is_gone_already_is_said_to_be(page, server):
    send(server, 1, digit=7)
    page.get_by_role("button", name="Montrer le dessin : 1, lu 7").click()
    page.route("**/training/feedback/*/correct", lambda r: r.fulfill(status=404, json={"code": "unknown_feedback"}))
    page.locator("#drawing").get_by_role("button", name="Corriger").click()
    give_token(page)
    page.locator("#drawing").get_by_text("Ce dessin n'existe plus.").wait_for()


def test_a_conflict_shows_the_other_drawing_too(page, server, trainer):
    first, second = send(server, 1), send(server, 7)
    trainer.hold_back([{"id": first, "reason": "conflict", "of": second}])
    held = page.locator("#held > li")
    held.get_by_text("L'autre, étiqueté 7 :").wait_for()
    assert held.locator("canvas").count() == 2


def test_the_keyboards_place_in_the_gallery_is_kept_while_news_come(page, server):
    send(server, 1, digit=7)
    page.get_by_role("button", name="Montrer le dessin : 1, lu 7").focus()
    send(server, 2, shift=20)
    page.get_by_text("Dessins : 2,").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Montrer le dessin : 1, lu 7"


def test_a_choice_is_kept_while_news_come(page, server, trainer):
    trainer.hold_back([{"id": send(server, 1), "reason": "not_a_digit"}])
    choice = page.get_by_label("Le bon chiffre")
    choice.select_option("8")
    send(server, 5, shift=20)
    page.get_by_text("Dessins : 2,").wait_for()
    page.wait_for_timeout(300)
    assert choice.input_value() == "8"


def test_curves_take_the_colours_of_a_scheme_that_changes(page, trainer):
    trainer.work()
    page.get_by_text("Perte à l'époque 4,3 :").wait_for()
    picture = "document.querySelector('#job-curves canvas').toDataURL()"
    page.wait_for_timeout(200)
    light = page.evaluate(picture)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    assert page.evaluate(picture) != light


def test_the_two_pages_lead_to_each_other(page, server):
    page.get_by_role("link", name="Écrire un chiffre").click()
    page.locator("#pad").wait_for()
    page.get_by_role("link", name="Entraînement").click()
    page.get_by_role("heading", name="Entraînement du réseau").wait_for()
    page.get_by_role("link", name="English").click()
    page.get_by_role("heading", name="Training of the network").wait_for()


def test_all_drawings_of_one_tab_have_one_session(browser, server):
    for _tab in range(2):
        with opened(browser, server, locale="fr-FR", viewport=DESKTOP) as page:
            for _drawing in range(2):
                draw(page, SEVEN)
                page.locator("#label").fill("7")
                page.get_by_role("button", name="Submit").click()
                page.get_by_text("Merci !").wait_for()
                page.reload()
    sessions = [row["session"] for row in server.feedback()]
    assert sessions[0] == sessions[1] != sessions[2] == sessions[3]
    assert all(re.fullmatch(r"[0-9a-f]{32}", session) for session in sessions)


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_no_width_makes_the_training_page_scroll_sideways(browser, trainer, start, width):
    trainer.keep_versions()
    trainer.work()
    trainer.watch(error="the feedback store cannot be read: database is locked")
    server = start()
    trainer.hold_back([{"id": send(server, 3), "reason": "contradicted", "answer": 7, "confidence": 0.99}])
    with opened(browser, server, viewport={"width": width, "height": 700}, locale="fr-FR") as page:
        page.goto(server.url + "/training")
        page.get_by_text("Comparer deux versions").click()
        page.locator(".comparison").wait_for()
        page.locator("#held > li").wait_for()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("#gallery button").first.click()
        assert page.locator("#drawing").evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_look_of_the_training_page_is_readable(browser, trainer, start, scheme, size, language, samples):
    SCREENSHOTS.mkdir(exist_ok=True)
    name = f"training-{language}-{size['width']}x{size['height']}-{scheme}"
    trainer.keep_versions()
    trainer.watch()
    server = start()
    ids = []
    for number, sample in enumerate(samples[:40]):
        body = {"strokes": sample.strokes, "label": sample.label, "digit": 3 if number % 9 == 0 else sample.label}
        ids.append(server.post("/feedback", body)["id"])
    reasons = ["near_duplicate", "conflict", "flood", "not_a_digit", "contradicted"]
    held = zip(ids[-5:], reasons, strict=True)
    trainer.hold_back([{"id": name, "reason": reason, "answer": 4, "confidence": 0.9876} for name, reason in held])
    with opened(browser, server, viewport=size, color_scheme=scheme, locale=language) as page:
        page.goto(server.url + "/training")
        page.locator(".cards").wait_for()
        page.locator("#held > li").first.wait_for()
        page.wait_for_timeout(500)
        page.screenshot(path=SCREENSHOTS / f"{name}-watching.png", full_page=True)
        trainer.work()
        page.locator("#progress").wait_for()
        page.wait_for_timeout(300)
        page.locator("#now").screenshot(path=SCREENSHOTS / f"{name}-training.png")
        for selector in ("#stages li:last-child", "#stages [aria-current]", "#job-message", "#epochs-line"):
            assert contrast(page, selector) >= 4.5, selector
        trainer.end("refused", REFUSED, REASON)
        page.locator("#job-reason").wait_for()
        page.wait_for_timeout(300)
        page.locator("#now").screenshot(path=SCREENSHOTS / f"{name}-refused.png")
        page.locator("#feedback").screenshot(path=SCREENSHOTS / f"{name}-feedback.png")
        page.locator("#compare summary").click()
        page.locator(".comparison").wait_for()
        page.locator("#versions").screenshot(path=SCREENSHOTS / f"{name}-compare.png")
        for selector in (
            "h1", "h2", "h3", ".quiet", ".said", ".button", "#retrain", "thead th", ".confusion td.none", ".badge.on",
            ".verdict.refused", ".verdict.served", "summary", ".better", ".worse", ".drawings .wrong", "figcaption",
        ):  # fmt: skip
            assert contrast(page, selector) >= 4.5, selector
        page.locator("#gallery button").first.click()
        page.screenshot(path=SCREENSHOTS / f"{name}-drawing.png")
        assert contrast(page, ".facts dt") >= 4.5
        page.keyboard.press("Escape")
        page.locator("#retrain").click()
        page.screenshot(path=SCREENSHOTS / f"{name}-token.png")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_only_the_page_itself_may_ask_for_changes(server):
    request = urllib.request.Request(
        server.url + "/training/retrain", b"", {"Authorization": f"Bearer {TOKEN}", "Sec-Fetch-Site": "cross-site"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 403 and json.load(refused.value)["code"] == "cross_site"
