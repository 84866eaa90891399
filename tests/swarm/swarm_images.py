"""The images that a swarm's nodes run, under the names that the stack has for them.

Where no registry can be reached, Debian's own HAProxy, Redis and PostgreSQL stand in for the official images.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml
from lacking import lacking
from served import ROOT
from stacks import docker

STACK = ROOT / "deploy" / "swarm" / "stack.yml"
OURS = "{account}/myrepository:{program}"
ACCOUNT, NEXT, BROKEN = "meriemtest", "next", "broken"
STAND_IN = """
FROM python:3.13-slim
RUN groupadd --system --gid 999 postgres && useradd --system --uid 999 --gid 999 postgres && \
    apt-get update -qq && \
    apt-get install -y -qq --no-install-recommends haproxy redis-server postgresql >/dev/null && \
    rm -rf /var/lib/apt/lists/* /var/lib/postgresql/* && ln -sf /usr/lib/postgresql/*/bin/* /usr/local/bin/
RUN chown postgres:postgres /var/lib/postgresql && chmod 3777 /var/run/postgresql && command -v initdb
ENV LANG=C.UTF-8
COPY --chmod=755 entrypoint.sh /
ENTRYPOINT ["/entrypoint.sh"]
"""
# What the official images' entrypoints do with what the stack gives them.
ENTRYPOINT = """#!/bin/bash
set -euo pipefail
if [ -n "${POSTGRES_USER:-}" ]; then
  data=/var/lib/postgresql/data
  if [ ! -d "$data" ]; then
    initdb --pgdata "$data" --username "$POSTGRES_USER" --pwfile "$POSTGRES_PASSWORD_FILE" --auth-local trust \
      --auth-host scram-sha-256 $POSTGRES_INITDB_ARGS
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB;" | postgres --single -D "$data" postgres
  fi
  exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
fi
[ "${1:-}" != redis-server ] || set -- "$@" --protected-mode no
[ $# -gt 0 ] || set -- haproxy -W -db -f /usr/local/etc/haproxy/haproxy.cfg
exec "$@"
"""
# Another build of the same program, and one that does not even start.
NEXT_UI = "FROM {ui}\nLABEL org.opencontainers.image.revision=next\n"
BROKEN_UI = 'FROM {ui}\nCMD ["python", "-c", "raise SystemExit(3)"]\n'


def ours(account: str, program: str) -> str:
    """Name an image of ours as the stack does for an account."""
    return OURS.format(account=account, program=program)


def official() -> dict[str, str]:
    """Give the other programs' images by their service."""
    services = yaml.safe_load(STACK.read_text())["services"]
    return {name: service["image"] for name, service in services.items() if "$" not in service["image"]}


@contextlib.contextmanager
def built(folder: Path) -> Iterator[None]:
    """Have all of them on this machine's engine, from the images of both programs, for nodes to take over.

    They do not stay: nobody shall find a stand-in under an official name.
    """
    with contextlib.ExitStack() as removals:

        def made(image: str) -> str:
            removals.callback(docker, "image", "rm", image, check=False)
            return image

        (folder / "entrypoint.sh").write_text(ENTRYPOINT)
        for image in official().values():
            if not docker("images", "--quiet", image) and not _pulled(image):
                _build(made(image), STAND_IN, folder)
        for account in (ACCOUNT, NEXT, BROKEN):
            docker("tag", "projet_digit/algo_container", made(ours(account, "algo_container")))
        ui = made(ours(ACCOUNT, "ui_container"))
        dockerfile = ("--file", str(ROOT / "bonus" / "Dockerfile"), "--build-arg", "UI_IMAGE=projet_digit/ui_container")
        docker("build", "--quiet", *dockerfile, "--tag", ui, str(ROOT / "shared" / "pretrained"))
        _build(made(ours(NEXT, "ui_container")), NEXT_UI.format(ui=ui), folder)
        _build(made(ours(BROKEN, "ui_container")), BROKEN_UI.format(ui=ui), folder)
        yield


def layers() -> Path:
    """Give the folder where this machine's engine has its images, for nodes to share."""
    told = json.loads(docker("info", "--format", "{{json .}}"))
    folder = Path(told["DockerRootDir"])
    if told["Driver"] != "overlay2" or not (folder / "image" / "overlay2").is_dir():
        lacking("REQUIRE_SWARM", "the engine keeps no layers here that nodes could share; make test-swarm starts one")
    return folder


def _build(image: str, dockerfile: str, folder: Path) -> None:
    (folder / "Dockerfile").write_text(dockerfile)
    docker("build", "--quiet", "--tag", image, str(folder))


def _pulled(image: str) -> bool:
    try:
        return subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, timeout=60).returncode == 0
    except subprocess.TimeoutExpired:
        return False
