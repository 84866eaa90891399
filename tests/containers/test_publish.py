"""What publish.sh asks of Docker; test_page_in_containers.py runs what it has published."""

import os
import subprocess

import pytest
from served import ROOT

DOCKER = """#!/bin/sh
echo "$@" >>"$LOG"
case "$1 $2" in "buildx inspect") echo "Platforms: $AVAILABLE" ;; esac
"""


@pytest.fixture
def publish(tmp_path):
    """Run publish.sh with a docker that only notes what it is asked; return the run and the notes."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)

    def run(available: str, **environment: str) -> tuple[subprocess.CompletedProcess, list[str]]:
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(tmp_path / "log"), "AVAILABLE": available}
        result = subprocess.run(
            [ROOT / "bonus" / "publish.sh"],
            env={**os.environ, **path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return result, [line for line in (tmp_path / "log").read_text().splitlines() if " build " in line]

    return run


def test_both_images_are_built_for_both_architectures_with_their_parts_and_provenance(publish):
    result, builds = publish("linux/amd64*, linux/arm64, linux/386", DOCKERHUB_USER="teacher")
    assert result.returncode == 0, result.stderr
    for build in builds:
        for option in ("--platform linux/amd64,linux/arm64", "--sbom=true", "--provenance=mode=max", "--push"):
            assert option in build
    tags = [build.split("--tag ")[1].split()[0] for build in builds]
    images = ("algo_container", "ui_container-without-model", "ui_container")
    assert tags == [f"teacher/myrepository:{image}" for image in images]


def test_an_architecture_that_cannot_be_built_for_is_named_with_the_cure(publish):
    result, builds = publish("linux/amd64, linux/386")
    assert result.returncode == 1 and builds == []
    assert "this machine cannot build for linux/arm64" in result.stderr
    assert "docker run --privileged --rm tonistiigi/binfmt --install arm64" in result.stderr
