"""The user interface: a page to draw on, the service that reads the drawing, and the store of what was meant."""

from functools import partial

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from digit_ui import (
    access,
    assets,
    browser_model,
    compression,
    explain,
    feedback,
    health,
    i18n,
    page,
    predict,
    problems,
    rates,
    read,
    reference,
    scraping,
    sites,
    training,
)
from digit_ui.api import MAX_DRAWINGS, Described
from digit_ui.assets import Assets
from digit_ui.database import FeedbackStore
from digit_ui.export import Export
from digit_ui.gallery import Gallery
from digit_ui.metrics import Metrics
from digit_ui.policy import content_security_policy
from digit_ui.protocols import open_inference, tensorflow_serving
from digit_ui.retention import Retention
from digit_ui.serving import ModelInService
from digit_ui.settings import Settings
from digit_ui.store_check import StoreCheck
from digit_ui.store_watch import StoreWatch
from digit_ui.streams import Streams
from digit_ui.training_state import TrainingState
from digit_ui.turns import Turns
from digit_ui.versions import Versions
from digit_ui.workers import Workers

# A picture each, or one picture and its few fields.
MAX_FORM_PARTS = MAX_DRAWINGS + 10
# Of those that are no files.
MAX_FORM_FIELDS_BYTES = 64 * 1024

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",  # what frame-ancestors says, for browsers that do not know that
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application. No model is read and no database opened until `watch()` or a request asks for it."""
    settings = settings or Settings.from_environment()
    app = Described(__name__)
    app.config["MAX_CONTENT_LENGTH"] = settings.limits.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FORM_FIELDS_BYTES
    app.config["MAX_FORM_PARTS"] = MAX_FORM_PARTS
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    workers = Workers.from_environment()
    model, store = ModelInService(settings, workers), FeedbackStore(settings.database_url)
    versions, gallery = Versions(settings.shared_dir, settings.pretrained_dir), Gallery(store)
    loaded, metrics, days = Assets.read(), Metrics(), settings.feedback_retention_days
    turns = Turns(settings.capacity.at_once, settings.capacity.max_waiting, settings.capacity.max_wait_s)
    turns.changed = metrics.turns
    app.extensions |= {
        "assets": loaded,
        "settings": settings,
        "model": model,
        "workers": workers,
        "feedback": store,
        "store_check": StoreCheck(store),
        "store_watch": _store_watch(settings),
        "versions": versions,
        "gallery": gallery,
        "export": Export(store),
        "retention": None if days is None else Retention(store, gallery, days),
        "training": TrainingState(settings.shared_dir, model, versions, gallery),
        "streams": Streams(),
        "turns": turns,
        "metrics": metrics,
    }
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies)  # type: ignore[method-assign] # as Flask says
    access.init_app(app, settings.log_addresses)
    metrics.init_app(app)
    problems.init_app(app)
    rates.init_app(app, settings)
    sites.init_app(app)
    i18n.init_app(app)
    compression.init_app(app)
    for pages in (assets, browser_model, page, reference):
        app.register_blueprint(pages.bp)
    for operations in (predict, read, explain, feedback, training, health, open_inference, tensorflow_serving):
        app.add(operations.bp)
    if settings.metrics:
        app.add(scraping.bp)
    app.after_request(partial(_secure, content_security_policy(loaded)))
    return app


def _store_watch(settings: Settings) -> StoreWatch | None:
    if settings.store_url is None:
        return None
    return StoreWatch(settings.store_url, settings.shared_dir, settings.store_poll_interval_s)


def _secure(policy: str, response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", policy)  # some pages have one of their own
    response.headers.extend(SECURITY_HEADERS)
    return response
