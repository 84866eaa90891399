"""Who may change things, and who may see the training: those who send the administrator's token."""

import hmac

from flask import current_app, request

from digit_ui.problems import Problem
from digit_ui.settings import Settings


def require_reader() -> None:
    """Let everybody read where the training is public, else who has the token. Raises Problem 401 or 403."""
    if not _settings().training_public:
        require_token()


def require_token() -> None:
    """Check the token of the request. Raises Problem 401 if it has none, 403 if it is not the right one."""
    token = _settings().admin_token
    if token is None:
        raise Problem(403, "no_token", "this server was started without ADMIN_TOKEN, so nobody can be let in")
    given = bearer()
    if given is None:
        raise Problem(
            401,
            "token_needed",
            "this needs the administrator's token: the header 'Authorization: Bearer …' with what ADMIN_TOKEN says",
            headers={"WWW-Authenticate": "Bearer"},
        )
    # As bytes: of texts the comparison takes only ASCII, and a header may hold anything.
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise Problem(403, "wrong_token", "this is not the administrator's token; it is what ADMIN_TOKEN says")


def bearer() -> str | None:
    """Give what the request shows for itself in 'Authorization: Bearer …'; None if that is nothing."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() or None if scheme.lower() == "bearer" else None


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
