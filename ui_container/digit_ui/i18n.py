"""French first; English by the page's switch or the browser's language."""

from babel import negotiate_locale
from flask import Flask, Response, g, has_request_context, request
from flask_babel import Babel

LANGUAGES = ("fr", "en")
COOKIE = "lang"
COOKIE_AGE_S = 365 * 24 * 3600


def init_app(app: Flask) -> None:
    """Translate the pages of `app`."""
    app.config["BABEL_DEFAULT_LOCALE"] = LANGUAGES[0]
    Babel(app, locale_selector=choose_language)
    app.after_request(_remember)


def choose_language() -> str:
    """Take the switch (?lang=), else the earlier choice, else the browser's wish, else French."""
    if not has_request_context():
        return LANGUAGES[0]
    switched = request.args.get("lang")
    if switched in LANGUAGES:
        g.switched_language = switched
        return switched
    remembered = request.cookies.get(COOKIE)
    if remembered in LANGUAGES:
        return remembered
    return negotiate_locale(request.accept_languages.values(), LANGUAGES, sep="-") or LANGUAGES[0]


def _remember(response: Response) -> Response:
    language = g.pop("switched_language", None)
    if language is not None:
        response.set_cookie(COOKIE, language, max_age=COOKIE_AGE_S, samesite="Lax", httponly=True)
    return response
