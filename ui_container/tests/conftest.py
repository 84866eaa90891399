"""What the server's tests share: digits to draw, models to serve, and an application on a folder of its own."""

import base64
import hashlib
import io
import json
import shutil
from pathlib import Path

import pytest
from digit_ui import create_app
from digit_ui.settings import Settings
from PIL import Image, ImageDraw
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

pytest_plugins = ["real_data", "object_stores", "real_postgresql", "real_redis"]

PAIRS = Path(__file__).parent / "pairs"
PRETRAINED = Path(__file__).resolve().parents[2] / "shared" / "pretrained"

TOKEN = "a token of the tests"  # noqa: S105 # it opens nothing else
ADMIN = {"Authorization": f"Bearer {TOKEN}"}

# Plain forms, as a person writes them into a 100 x 100 box.
DIGIT_STROKES = {
    0: [[[50, 10], [30, 22], [24, 50], [32, 80], [50, 90], [68, 80], [76, 50], [68, 20], [50, 10]]],
    1: [[[50, 10], [50, 90]]],
    2: [[[28, 28], [38, 12], [60, 10], [72, 26], [64, 48], [40, 70], [26, 90], [76, 90]]],
    3: [[[28, 16], [52, 10], [68, 24], [60, 42], [44, 48], [64, 54], [72, 72], [54, 90], [26, 84]]],
    4: [[[34, 10], [26, 54], [76, 54]], [[64, 20], [62, 92]]],
    5: [[[72, 12], [36, 12], [32, 46], [56, 44], [72, 62], [62, 84], [38, 90], [26, 80]]],
    6: [[[62, 10], [38, 36], [28, 68], [40, 88], [62, 86], [70, 68], [56, 56], [32, 66]]],
    7: [[[24, 14], [76, 14], [44, 90]]],
    8: [[[64, 22], [48, 10], [34, 24], [48, 46], [68, 68], [50, 90], [32, 70], [50, 46], [64, 22]]],
    9: [[[68, 30], [52, 12], [34, 26], [42, 46], [66, 38], [68, 30], [66, 60], [58, 92]]],
}


on_both_databases = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


def draw(digit: int, size: int = 280, box: tuple[int, int, int] = (60, 60, 160), width: int = 14) -> Image.Image:
    """Draw a digit in black on white into a square picture; box: left, top and side in px."""
    left, top, side = box
    image = Image.new("L", (size, size), 255)
    pen = ImageDraw.Draw(image)
    for stroke in DIGIT_STROKES[digit]:
        path = [(left + x * side / 100, top + y * side / 100) for x, y in stroke]
        pen.line(path, fill=0, width=width, joint="curve")
        for x, y in path:
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=0)
    return image


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def install_pair(folder: Path, pair: str = "keras-2.15", weights: str = "model.h5") -> dict:
    """Put a bare pair into `folder`; return its pictures and outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(PAIRS / pair / "model.json", folder / "model.json")
    shutil.copy(PAIRS / pair / weights, folder / "model.h5")
    return json.loads((PAIRS / pair / "expected.json").read_text())


def write_manifest(
    folder: Path, version: str, probe: dict, files: tuple[str, ...] = ("model.json", "model.h5")
) -> Path:
    """Describe the model in `folder` as its trainer would."""
    facts = {
        name: {
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
            "size_bytes": (folder / name).stat().st_size,
        }
        for name in files
    }
    manifest = {
        "schema_version": 1,
        "version": version,
        "created_at": "2026-01-01T00:00:00Z",
        "input": {"shape": [28, 28, 1], "divisor": 255, "ink": "bright"},
        "labels": list(range(10)),
        "files": facts,
        "probe": {"tolerance": 1e-3, **probe},
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return path


def publish(shared_dir: Path, version: str, pair: str = "keras-2.15") -> Path:
    """Publish a pair as the trainer does: its own folder first, then the copies, the manifest last."""
    folder = shared_dir / "versions" / version
    probe = install_pair(folder, pair)
    manifest = write_manifest(folder, version, probe)
    for name in ("model.json", "model.h5"):
        shutil.copy(folder / name, shared_dir / name)
    shutil.copy(manifest, shared_dir / "manifest.partial")
    (shared_dir / "manifest.partial").rename(shared_dir / "manifest.json")
    return folder


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory) -> Path:
    """One cache of converted models for all tests: its key is the pair's digest."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shared_dir(tmp_path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder


@pytest.fixture
def database(request) -> str:
    """What DATABASE_URL says: nothing, for the default, or where `on_both_databases` wants it PostgreSQL's URL."""
    wants_postgresql = getattr(request, "param", "sqlite") == "postgresql"
    return request.getfixturevalue("postgresql_url") if wants_postgresql else ""


@pytest.fixture
def settings(shared_dir, cache_dir, database) -> Settings:
    environment = {"SHARED_DIR": str(shared_dir), "CACHE_DIR": str(cache_dir), "ADMIN_TOKEN": TOKEN}
    return Settings.from_environment({**environment, "DATABASE_URL": database})


def ask_database(settings: Settings, statement: str) -> list[tuple]:
    """Ask the store's database past the server."""
    with create_engine(settings.database_url, poolclass=NullPool).begin() as connection:
        result = connection.execute(text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []


@pytest.fixture
def app(settings):
    return create_app(settings)


@pytest.fixture
def client(app, shared_dir):
    """A client of a server with the shipped model."""
    shutil.copytree(PRETRAINED, shared_dir / "pretrained")
    app.extensions["model"].refresh()
    return app.test_client()
