"""The bonus: both images published to a registry on this machine, and a stack that has only the one file."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from lacking import lacking
from served import free_port
from stacks import docker

IMAGES = ("algo_container", "ui_container", "ui_container-without-model")
REGISTRY = """\
version: 0.1
log: {level: error}
storage: {filesystem: {rootdir: FOLDER}}
http: {addr: "127.0.0.1:PORT"}
"""


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def registry(engine, tmp_path_factory) -> Iterator[str]:
    """The address of an empty registry on loopback."""
    if not shutil.which("docker-registry"):
        lacking("REQUIRE_EVERY_STACK", "the docker-registry command is not there (Debian: apt install docker-registry)")
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    (folder / "config.yml").write_text(REGISTRY.replace("FOLDER", str(folder)).replace("PORT", str(port)))
    with subprocess.Popen(["docker-registry", "serve", folder / "config.yml"]) as process:
        while not answers(port):
            assert process.poll() is None, "docker-registry has ended"
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
        process.terminate()


@pytest.fixture(scope="session")
def published(registry, images) -> Iterator[str]:
    """The account under which publish.sh has pushed the images, which are then gone from the engine."""
    account = f"{registry}/teacher"
    subprocess.run(
        [images / "bonus" / "publish.sh"],
        env={
            **os.environ,
            "DOCKERHUB_USER": account,
            "BUILDER": "default",
            "PLATFORMS": docker("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"),
            "ATTESTATIONS": "none",
        },
        check=True,
        timeout=900,
    )
    remove_images(account)
    yield account
    remove_images(account)


def remove_images(account: str) -> None:
    docker("image", "rm", "--force", *(f"{account}/myrepository:{name}" for name in IMAGES), check=False)


@pytest.fixture(scope="module")
def bonus(stacks_of_module, published):
    """The stack of bonus/docker-compose.yml, in a folder that holds nothing else."""
    stack = stacks_of_module("bonus/docker-compose.yml")
    shutil.rmtree(stack.shared_dir)
    stack.environment["DOCKERHUB_USER"] = published
    return stack
