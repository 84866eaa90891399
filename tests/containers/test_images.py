"""The two images: small, without tools, run by nobody in particular, built from nothing but their own folder."""

import json
import shutil

import pytest
from stacks import clean_copy, docker

UI, ALGO = "projet_digit/ui_container", "projet_digit/algo_container"
CODE_LAYERS = 2  # the package, and what is compiled of it
UI_MAX_BYTES = 600_000_000
FORBIDDEN = "gcc cc g++ make cmake ld git curl wget"


def config(image: str) -> dict:
    return json.loads(docker("image", "inspect", image))[0]


def in_image(image: str, script: str) -> str:
    locked_up = ("--read-only", "--tmpfs=/tmp", "--network=none")
    return docker("run", "--rm", *locked_up, image, "sh", "-c", script)


@pytest.mark.parametrize("image", [UI, ALGO])
def test_an_image_says_what_it_is_who_runs_it_and_how_it_stops(images, image):
    facts = config(image)["Config"]
    assert facts["User"] == "1000:1000"
    assert facts["StopSignal"] == "SIGTERM"
    assert facts["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert {f"org.opencontainers.image.{name}" for name in ("title", "description", "licenses")} <= set(facts["Labels"])


@pytest.mark.parametrize("image", [UI, ALGO])
def test_an_image_holds_no_build_tool_no_cache_and_no_tests(images, image):
    script = f"""
    for tool in {FORBIDDEN}; do command -v $tool; done
    find / -xdev \\( -path '*/.cache/pip' -o -path '/opt/venv/*/tests' -o -path '/projet_digit/*/tests' \\) 2>/dev/null
    find /opt/venv -maxdepth 5 \\( -name pip -o -name 'pip-*' \\)
    find /projet_digit -name 'requirements*' -o -name 'trim-*'
    true"""
    assert in_image(image, script) == ""


def test_the_server_image_is_small(images):
    assert config(UI)["Size"] < UI_MAX_BYTES


def test_the_trimmed_trainer_imports_all_that_a_retraining_needs(images):
    script = "import trainer.retraining, sqlalchemy.dialects.postgresql, kagglehub, unlzw3; print('imported')"
    assert in_image(ALGO, f'python -c "{script}" 2>/dev/null') == "imported"


@pytest.mark.parametrize("image", [UI, ALGO])
def test_nothing_is_left_to_compile_at_a_start(images, image):
    script = """python - <<'E'
import pathlib, sysconfig
folder = pathlib.Path(sysconfig.get_path("purelib"))
print([str(path) for path in folder.rglob("*.py")
       if not list((path.parent / "__pycache__").glob(path.stem + ".*.pyc"))][:5])
E"""
    assert in_image(image, script) == "[]"


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("algo_container", {"requirements.txt", "trim-dependencies.sh", "cnn_mnist.py", "trainer"}),
        (
            "ui_container",
            {"requirements.txt", "trim-dependencies.sh", "prepare-shared-folder.sh", "gunicorn.conf.py", "digit_ui"},
        ),
    ],
)
def test_a_build_context_carries_only_what_is_built(engine, tmp_path, folder, expected):
    copy = clean_copy(tmp_path / "copy") / folder
    for stray in ("train.csv", ".env", "notes/secret.txt", "tests/__pycache__/x.pyc"):
        (copy / stray).parent.mkdir(parents=True, exist_ok=True)
        (copy / stray).touch()
    (copy / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    docker("buildx", "build", "--output", f"type=local,dest={tmp_path / 'sent'}", str(copy))
    assert {path.name for path in (tmp_path / "sent").iterdir()} == expected
    assert not [path for path in (tmp_path / "sent").rglob("*") if path.suffix in (".pyc", ".po")]


@pytest.mark.parametrize("name", ["ui_container", "algo_container"])
def test_plain_docker_build_makes_the_same_image(images, name):
    docker("build", "--quiet", "--tag", f"{name}-plain", str(images / name), timeout_s=900)
    assert config(f"{name}-plain")["RootFS"] == config(f"projet_digit/{name}")["RootFS"]
    docker("image", "rm", f"{name}-plain")


@pytest.mark.parametrize("name", ["ui_container", "algo_container"])
def test_a_change_of_code_installs_nothing_again(images, tmp_path, name):
    copy = shutil.copytree(images / name, tmp_path / name)
    code = next(path for path in copy.glob("*/settings.py"))
    code.write_text(code.read_text() + "\nCHANGED = True\n")
    docker("build", "--quiet", "--tag", f"{name}-changed", str(copy), timeout_s=900)
    before, after = (config(image)["RootFS"]["Layers"] for image in (f"projet_digit/{name}", f"{name}-changed"))
    docker("image", "rm", f"{name}-changed")
    assert before[:-CODE_LAYERS] == after[:-CODE_LAYERS] and before != after
