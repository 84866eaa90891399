"""What the pages load comes compressed, may be kept by a browser, and is asked for early."""

import base64
import gzip
import hashlib
import html
import re

import pytest
from digit_ui.assets import FOLDER, Assets

GZIP = {"Accept-Encoding": "gzip, deflate"}
PAGES = ("/", "/training")


@pytest.fixture
def visitor(app):
    return app.test_client()


@pytest.fixture
def assets(app) -> Assets:
    return app.extensions["assets"]


def addresses(page: str) -> list[str]:
    """Give every address under /assets/ that a page names."""
    return re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)


@pytest.mark.parametrize("path", PAGES)
def test_all_that_a_page_names_is_there_and_may_be_kept_for_a_year(visitor, path):
    named = addresses(visitor.get(path).text)
    assert len(named) > 10
    for address in named:
        answer = visitor.get(address)
        assert answer.status_code == 200
        assert answer.content_type.startswith(("text/javascript", "text/css", "image/svg+xml"))
        assert {"public", "immutable", "max-age=31536000"} == set(answer.headers["Cache-Control"].split(", "))


@pytest.mark.parametrize("path", PAGES)
def test_every_script_that_the_page_cannot_start_without_is_asked_for_at_once(visitor, path):
    page = visitor.get(path).text
    loaded = {address.rpartition("/")[2] for address in addresses(page)}
    for name in [name for name in loaded if name.endswith(".js")]:
        source = next(FOLDER.rglob(name)).read_text()
        imported = re.findall(r'^import\b[^;]*?from\s+"\./([^"]+)"', source, re.MULTILINE)
        assert set(imported) <= loaded, name


def test_drawing_is_loaded_before_what_asks_the_server(visitor):
    named = [address.rpartition("/")[2] for address in addresses(visitor.get("/").text)]
    scripts = [name for name in named if name.endswith(".js")]
    assert scripts[:3] == ["drawing.js", "pad.js", "strokes.js"]


def test_another_content_has_another_address_and_the_old_one_is_gone(tmp_path, visitor, assets):
    for name, content in assets.contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert Assets.read(tmp_path).digest == assets.digest
    (tmp_path / "strokes.js").write_bytes(b"export {};")
    changed = Assets.read(tmp_path).digest
    assert changed != assets.digest
    answer = visitor.get(f"/assets/{changed}/strokes.js")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_nothing_is_served_under_an_address_that_would_be_kept_wrongly(visitor):
    assert visitor.get("/static/page.js").status_code == 404


@pytest.mark.parametrize("name", ["nothing.js", "../settings.py", "%2e%2e/settings.py", "../__init__.py"])
def test_nothing_but_the_assets_is_given_out(visitor, assets, name):
    assert visitor.get(f"/assets/{assets.digest}/{name}").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_the_style_in_the_page_is_the_one_that_the_policy_lets_through(visitor, path):
    answer = visitor.get(path)
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
    assert style == (FOLDER / "page.css").read_text()


@pytest.mark.parametrize("path", [*PAGES, "/openapi-of-nothing", "an asset"])
def test_text_comes_compressed_to_who_takes_it_so_and_plain_to_others(visitor, assets, path):
    path = f"/assets/{assets.digest}/pad.js" if path == "an asset" else path
    plain, packed = visitor.get(path), visitor.get(path, headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    if len(plain.data) < 1024:
        assert packed.data == plain.data
        return
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.content_length == len(packed.data) < len(plain.data) / 2
    assert "Accept-Encoding" in plain.vary and "Accept-Encoding" in packed.vary
    refused = visitor.get(path, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert refused.data == plain.data


def test_the_page_keeps_saying_on_what_else_it_depends(visitor):
    vary = visitor.get("/", headers=GZIP).vary
    assert {"accept-language", "cookie", "accept-encoding"} <= {name.lower() for name in vary}


def test_an_answer_is_compressed_once_it_is_worth_it(client):
    drawing = {"strokes": [[[60, 60], [220, 60], [120, 240]]]}
    assert "Content-Encoding" not in client.post("/predict", json=drawing, headers=GZIP).headers
    long = client.post("/predict?input=1", json=drawing, headers=GZIP)
    assert long.headers["Content-Encoding"] == "gzip"
    assert b'"input"' in gzip.decompress(long.data)


def test_what_is_streamed_goes_as_it_comes(client):
    for path in ("/training/events", "/feedback.csv"):
        with client.get(path, headers=GZIP, buffered=False) as answer:
            assert "Content-Encoding" not in answer.headers, path
            assert answer.is_streamed, path


def test_the_page_and_its_scripts_stay_small_on_the_wire(visitor):
    page = visitor.get("/", headers=GZIP)
    names = addresses(html.unescape(visitor.get("/").text))
    wire = len(page.data) + sum(len(visitor.get(name, headers=GZIP).data) for name in set(names))
    assert wire < 30_000
