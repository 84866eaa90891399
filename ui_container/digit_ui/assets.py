"""GET /assets/<digest>/…: what the pages load, which a browser may keep: other contents have another address."""

import base64
import hashlib
import mimetypes
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, current_app, url_for

from digit_ui.compression import answer_compressed, compress, is_text
from digit_ui.problems import Problem

FOLDER = Path(__file__).with_name("static")
# Swagger UI as a package brings it.
SWAGGER = Path(str(files("flask_openapi3_swagger"))) / "templates" / "swagger"
INSTALLED = {
    "vendor/swagger-ui.css": SWAGGER / "css" / "swagger-ui.css",
    "vendor/swagger-ui.js": SWAGGER / "js" / "swagger-ui-bundle.js",
}
KEPT_S = 365 * 24 * 3600
DIGEST_LENGTH = 12
IMPORTED = re.compile(r'^(?:import|\}) .*\bfrom "\./(.+)";$', re.MULTILINE)

bp = Blueprint("assets", __name__)


@dataclass(frozen=True)
class Assets:
    """The files of a folder, read once. contents: by name, which is the path below the folder."""

    contents: Mapping[str, bytes]

    @classmethod
    def read(cls, folder: Path = FOLDER, installed: Mapping[str, Path] = INSTALLED) -> "Assets":
        """Read every file of the folder, and those that packages bring, by the name that they get."""
        own = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        return cls({name: path.read_bytes() for name, path in sorted({**own, **installed}.items())})

    @cached_property
    def digest(self) -> str:
        """Name all contents at once: scripts import each other by relative address, and so change theirs together."""
        digest = hashlib.sha256()
        for name, content in self.contents.items():
            digest.update(f"{name} {len(content)}\n".encode() + content)
        return digest.hexdigest()[:DIGEST_LENGTH]

    @cached_property
    def compressed(self) -> Callable[[str], bytes]:
        """Compress a file as small as gzip can, when it is first asked for."""
        return cache(lambda name: compress(self.contents[name], level=9))

    @cached_property
    def imports(self) -> Callable[[str], list[str]]:
        """Find what a script imports, from its own folder."""
        return cache(lambda name: IMPORTED.findall(self.text(name)))

    def modules(self, scripts: Sequence[str]) -> list[str]:
        """List all that a page's scripts cannot start without: each script before what it imports, the first first."""
        found: list[str] = []
        for script in scripts:
            waiting = [script]
            while waiting:
                name = waiting.pop(0)
                if name not in found:
                    found.append(name)
                    waiting += self.imports(name)
        return found

    def text(self, name: str) -> str:
        """Give a file's text, to be written into a page; `hash_of` lets a browser follow it there."""
        return self.contents[name].decode()

    def hash_of(self, name: str) -> str:
        """Give a file's hash as a Content-Security-Policy writes it."""
        return f"sha256-{base64.b64encode(hashlib.sha256(self.contents[name]).digest()).decode()}"


@bp.get("/assets/<digest>/<path:name>")
def asset(digest: str, name: str) -> Response:
    """Answer with a file; 404 under every digest but that of the present files."""
    assets: Assets = current_app.extensions["assets"]
    if digest != assets.digest or name not in assets.contents:
        raise Problem(404, "not_found", f"there is no asset {name} of {digest}; load the page again")
    response = Response(assets.contents[name], mimetype=media_type(name))
    response.cache_control.public = response.cache_control.immutable = True
    response.cache_control.max_age = KEPT_S
    if is_text(response.mimetype):
        answer_compressed(response, lambda: assets.compressed(name))
    return response


@bp.app_context_processor
def for_templates() -> dict[str, Assets | Callable[[str], str]]:
    """Let templates say `asset("page.js")` for an address, and ask `assets` for the rest."""
    assets: Assets = current_app.extensions["assets"]
    return {"assets": assets, "asset": lambda name: url_for("assets.asset", digest=assets.digest, name=name)}


def media_type(name: str) -> str:
    """Tell what a browser is to take a file for."""
    return mimetypes.guess_type(name)[0] or "text/plain"
