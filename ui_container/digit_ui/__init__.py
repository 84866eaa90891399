"""The user interface: a page to draw on, the service that reads the drawing, and the store of what was meant."""

from flask import Flask, Response

from digit_ui import explain, feedback, health, i18n, page, predict, problems
from digit_ui.database import FeedbackStore
from digit_ui.serving import ModelInService
from digit_ui.settings import Settings

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application. No model is read and no database opened until `watch()` or a request asks for it."""
    settings = settings or Settings.from_environment()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    app.extensions["model"] = ModelInService(settings)
    app.extensions["feedback"] = FeedbackStore(settings.database_url)
    problems.init_app(app)
    i18n.init_app(app)
    for module in (page, predict, explain, feedback, health):
        app.register_blueprint(module.bp)
    app.after_request(_secure)
    return app


def _secure(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
