"""What a page may load and run, as its Content-Security-Policy says."""

from digit_ui.assets import Assets

# Allows to compile WebAssembly, and still no text to be run as a script.
WASM = "'self' 'wasm-unsafe-eval'"


def content_security_policy(assets: Assets, *, runs_wasm: bool = False, in_header: bool = True) -> str:
    """Write the policy of a page that carries the one style sheet in itself.

    runs_wasm: the page reads drawings in the browser; in_header: else it stands in the page, where browsers take no
    `frame-ancestors`.
    """
    parts = {
        "default-src": "'self'",
        "style-src": f"'self' '{assets.hash_of('page.css')}'",
        "object-src": "'none'",
        "base-uri": "'none'",
    }
    if runs_wasm:
        parts["script-src"] = WASM
    if in_header:
        parts["frame-ancestors"] = "'none'"
    return "; ".join(f"{name} {value}" for name, value in parts.items())
