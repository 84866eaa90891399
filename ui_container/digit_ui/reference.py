"""GET /openapi.json: the description of the service; GET /docs: the same as a page on which one can try it."""

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template

# Swagger UI's icons are data URLs in its style sheet.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

bp = Blueprint("reference", __name__)


@bp.get("/openapi.json")
def description() -> Response:
    """Describe every operation (OpenAPI 3.1)."""
    return jsonify(current_app.api_doc)  # type: ignore[attr-defined] # a Described is what is running


@bp.get("/docs")
def page() -> Response:
    """Show the description with Swagger UI, which this server brings itself."""
    response = make_response(render_template("docs.html"))
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.cache_control.no_cache = True
    return response
