"""Write the page and a model into a folder that any file server can serve: each visitor's browser reads for itself.

python -m digit_ui.static_site FOLDER
"""

import json
import shutil
import sys
from pathlib import Path

from flask import Flask, render_template
from flask_babel import get_locale

from digit_ui import create_app
from digit_ui.artefacts import Artefact, ArtefactError, candidates
from digit_ui.assets import Assets
from digit_ui.browser_model import ONNX_NAME, RUNTIME, facts_for_browsers
from digit_ui.i18n import LANGUAGES
from digit_ui.page import script_messages
from digit_ui.policy import content_security_policy
from digit_ui.settings import Settings

# Each language's page; the first one is what a file server shows for the folder.
PAGES = dict(zip(LANGUAGES, ("index.html", "en.html"), strict=True))
SCRIPTS = ("drawing.js", "static-page.js")
OTHER_ASSETS = ("language.js", "icon.svg", *RUNTIME, "vendor/onnxruntime.LICENSE")


class StaticSiteError(Exception):
    """The folder cannot be written; the message says why and what to do."""


def write_site(folder: Path, settings: Settings) -> Artefact:
    """Write the page in both languages, with the model that a server would serve; return that.

    All addresses in it are relative. Raises StaticSiteError if that model cannot be read by browsers, or the runtime
    is not there.
    """
    artefact = _model_to_serve(settings)
    app = create_app(settings)
    assets: Assets = app.extensions["assets"]
    names = [*assets.modules(SCRIPTS), *OTHER_ASSETS]
    if missing := [name for name in names if name not in assets.contents]:
        raise StaticSiteError(f"{missing[0]} is not there: fetch ONNX Runtime Web with `make runtime`")
    for part in ("assets", "model"):  # of an earlier site
        shutil.rmtree(folder / part, ignore_errors=True)
    for name in names:
        _write(folder / "assets" / assets.digest / name, assets.contents[name])
    facts = facts_for_browsers(artefact)
    _write(folder / "model" / f"{artefact.version}.onnx", (artefact.folder / ONNX_NAME).read_bytes())
    _write(folder / "model" / "current.json", json.dumps(facts, separators=(",", ":")).encode())
    for language, page in PAGES.items():
        _write(folder / page, _render(app, language).encode())
    return artefact


def _model_to_serve(settings: Settings) -> Artefact:
    """Take the model that a server would prefer: another one in its place would be a surprise."""
    present = next(candidates(settings.shared_dir, settings.pretrained_dir), None)
    if present is None:
        raise StaticSiteError(f"no model in {settings.shared_dir}: train one, or restore the folder pretrained/")
    try:
        artefact = present.read()
    except ArtefactError as error:
        raise StaticSiteError(f"the {present.origin} cannot be read: {error}") from error
    if facts_for_browsers(artefact) is None:
        raise StaticSiteError(
            f"the {present.origin}, version {artefact.version}, has no {ONNX_NAME}: train or retrain one, which writes "
            "it, or name another folder (SHARED_DIR=folder)"
        )
    return artefact


def _render(app: Flask, language: str) -> str:
    assets: Assets = app.extensions["assets"]
    other = next(code for code in LANGUAGES if code != language)
    with app.test_request_context(query_string={"lang": language}):
        return render_template(
            "index.html",
            without_server=True,
            language=str(get_locale()),
            other_language=other,
            other_page=f"{PAGES[other]}?lang={other}",
            messages=script_messages(),
            policy=content_security_policy(assets, runs_wasm=True, in_header=False),
            asset=lambda name: f"assets/{assets.digest}/{name}",
        )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main() -> int:
    """Run the program on its one argument."""
    folder = Path(sys.argv[1])
    try:
        artefact = write_site(folder, Settings.from_environment())
    except (StaticSiteError, OSError) as error:
        print(f"static_site.py: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 1_000_000:.1f} MB, with model {artefact.version}; serve it with any file server, such as")
    print(f"  python3 -m http.server --directory {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
