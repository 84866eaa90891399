"""GET /: the page to draw on; GET /privacy: what is kept of who draws."""

import math
from collections.abc import Mapping

from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask_babel import get_locale, gettext

from digit_ui.browser_model import MEGABYTE, download_bytes
from digit_ui.i18n import COOKIE_AGE_S, LANGUAGES
from digit_ui.policy import content_security_policy
from digit_ui.serving import ModelInService
from digit_ui.settings import Settings

# Set by the page's switch: "on" where the visitor wants to be read while they draw.
LIVE_COOKIE = "live"
# Likewise: "on" where they want to be read by their own browser.
BROWSER_COOKIE = "browser"
# What the visitor wants to write: the page's tabs ask with ?mode=, and the next visit comes as the last one went.
MODE_COOKIE = "mode"
TEMPLATES = {"digit": "index.html", "number": "number.html"}

bp = Blueprint("page", __name__)


@bp.get("/")
def index() -> Response:
    """Show the page in the visitor's language, switched as they left it: so nothing moves when its script comes."""
    wished = request.args.get("mode")
    mode = next((name for name in (wished, request.cookies.get(MODE_COOKIE)) if name in TEMPLATES), "digit")
    messages = number_messages() if mode == "number" else script_messages()
    megabytes = _megabytes_for_browsers() if mode == "digit" else None
    in_browser = megabytes is not None and request.cookies.get(BROWSER_COOKIE) == "on"
    response = render_page(
        TEMPLATES[mode],
        messages,
        mode=mode,
        live=request.cookies.get(LIVE_COOKIE) == "on",
        megabytes=megabytes,
        in_browser=in_browser,
    )
    if in_browser:
        policy = content_security_policy(current_app.extensions["assets"], runs_wasm=True)
        response.headers["Content-Security-Policy"] = policy
    if wished in TEMPLATES:
        response.set_cookie(MODE_COOKIE, mode, max_age=COOKIE_AGE_S, samesite="Lax", httponly=True)
    return response


def _megabytes_for_browsers() -> int | None:
    """Say how much a browser would have to load to read for itself; None where it cannot."""
    model: ModelInService = current_app.extensions["model"]
    size = None if model.current is None else download_bytes(current_app.extensions["assets"], model.current.artefact)
    return None if size is None else math.ceil(size / MEGABYTE)


@bp.get("/privacy")
def privacy() -> Response:
    """Say what is kept of a visitor, where, for how long, and how it is deleted."""
    settings: Settings = current_app.extensions["settings"]
    days = settings.feedback_retention_days
    return render_page(
        "privacy.html",
        privacy_messages(),
        public=settings.training_public,
        days=None if days is None else f"{days:g}",
        addresses=settings.log_addresses,
    )


def render_page(template: str, messages: Mapping[str, object], **facts: object) -> Response:
    """Render a page in the visitor's language. messages: what its script says; facts: what else the template needs."""
    language = str(get_locale())
    other = next(code for code in LANGUAGES if code != language)
    page = render_template(template, language=language, other_language=other, messages=messages, **facts)
    response = make_response(page)
    response.vary.update(["Accept-Language", "Cookie"])
    response.cache_control.no_cache = True
    return response


def script_messages() -> dict[str, str | list[str]]:
    """Give the sentences that the page's script says; `{…}` is filled in by the script."""
    return {
        "answer": gettext("Vous venez d'écrire un {digit}"),
        "unsure": gettext("Je ne suis pas sûr : {digit} ou {second} ?"),
        "notDigit": gettext("Cela ne ressemble pas à un chiffre ; au mieux à un {digit}"),
        "explaining": gettext("Le réseau s'explique…"),
        "for": gettext("plaide en faveur du {digit} et contre le {second}"),
        "against": gettext("plaide contre le {digit} et en faveur du {second}"),
        "evidence": gettext("Pour le {digit} et contre le {second}, c'est l'encre {place} qui a le plus compté."),
        "noEvidence": gettext(
            "Aucune partie de l'encre ne plaide, à elle seule, en faveur du {digit} et contre le {second}."
        ),
        "places": [
            gettext("en haut à gauche"),
            gettext("en haut"),
            gettext("en haut à droite"),
            gettext("à gauche"),
            gettext("au milieu"),
            gettext("à droite"),
            gettext("en bas à gauche"),
            gettext("en bas"),
            gettext("en bas à droite"),
        ],
        "layer": gettext("Convolution {position} : {count} filtres, {width} × {height} points chacun"),
        "reading": gettext("Lecture en cours…"),
        "nothingDrawn": gettext("Rien n'est dessiné : écrivez d'abord un chiffre dans le cadre."),
        "away": gettext("Le serveur ne répond pas. Votre dessin est conservé : réessayez dans un instant."),
        "refused": gettext("Le serveur a refusé la demande : {detail} Votre dessin est conservé."),
        "inBrowser": gettext(
            "La lecture dans ce navigateur a échoué ({detail}). Votre dessin est conservé : rechargez la page."
        ),
        "sending": gettext("Envoi en cours…"),
        "thanks": gettext("Merci ! Votre dessin et son chiffre sont enregistrés."),
        **deletion_messages(),
        "erased": gettext("Le dessin est effacé."),
        "badLabel": gettext("Indiquez un seul chiffre, de 0 à 9, ou laissez le champ vide."),
        "undone": gettext("Le dernier trait est annulé."),
        "bar": gettext("{digit} : {percent} %"),
        "version": gettext("Modèle {version}"),
    }


def deletion_messages() -> dict[str, str | list[str]]:
    """Give the sentences about deleting what was sent."""
    return {
        "deleting": gettext("Effacement en cours…"),
        "deleted": gettext("C'est effacé du serveur."),
        "notDeleted": gettext("Le serveur ne répond pas ; rien n'est effacé encore : réessayez dans un instant."),
    }


def privacy_messages() -> dict[str, str | list[str]]:
    """Give what the privacy page's script says."""
    messages = deletion_messages()
    return {
        **messages,
        "sent": gettext("Dessins envoyés par ce navigateur et pas encore effacés : {count}"),
        "away": messages["notDeleted"],
        "refused": gettext("Le serveur a refusé : {detail}"),
    }


def number_messages() -> dict[str, str | list[str]]:
    """Give the sentences for who writes numbers."""
    return {
        **script_messages(),
        "answer": gettext("Vous venez d'écrire {number}"),
        "unsure": gettext("Peut-être {number} : les chiffres marqués d'un « ? » sont incertains."),
        "unsureDigit": gettext("{digit}, incertain : {percent} %"),
        "nothingDrawn": gettext("Rien n'est dessiné : écrivez d'abord un nombre dans le cadre."),
    }
