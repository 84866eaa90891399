"""The stack with PostgreSQL, as Compose reads it: what has a password, who reaches the database, and how it is held."""

import json
import os
import shutil
import subprocess

import pytest
from lacking import lacking
from served import ROOT

FILES = "docker-compose.yml:ui_container/postgresql/docker-compose.yml"


def configuration(**environment: str) -> subprocess.CompletedProcess:
    command = ["docker", "compose", "config", "--format", "json"]
    given = {**os.environ, "COMPOSE_FILE": FILES, **environment}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def stack() -> dict:
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], check=False).returncode:
        lacking("REQUIRE_CONTAINERS", "there is no Docker Compose to read the files")
    read = configuration(POSTGRES_PASSWORD="a:b@c/d$$e")  # noqa: S106 # what a URL could not hold
    assert read.returncode == 0, read.stderr
    return json.loads(read.stdout)


def test_both_programs_and_nobody_else_reach_the_database(stack):
    reached = {name for name, service in stack["services"].items() if "database" in (service.get("networks") or {})}
    assert reached == {"ui_container", "algo_container", "postgresql"}
    assert stack["networks"]["database"]["internal"] and list(stack["services"]["postgresql"]["networks"]) == [
        "database"
    ]
    assert not stack["services"]["postgresql"].get("ports")


def test_both_programs_know_where_it_is_and_wait_for_it(stack):
    for name in ("ui_container", "algo_container"):
        service = stack["services"][name]
        assert service["environment"]["DATABASE_URL"] == "postgresql://digits@postgresql/digits"
        assert (
            service["environment"]["PGPASSWORD"] == stack["services"]["postgresql"]["environment"]["POSTGRES_PASSWORD"]
        )
        assert set(service["depends_on"]) == {"shared_folder", "postgresql"}
        assert service["depends_on"]["postgresql"]["condition"] == "service_healthy"


def test_it_is_locked_up_and_keeps_what_it_has(stack):
    service = stack["services"]["postgresql"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["user"] == "postgres"
    assert service["mem_limit"] and service["pids_limit"] and service["healthcheck"]["test"]
    assert [(volume["type"], volume["source"]) for volume in service["volumes"]] == [("volume", "postgresql")]


def test_without_a_password_it_says_what_to_write(stack):
    refused = configuration(POSTGRES_PASSWORD="")
    assert refused.returncode != 0 and "write POSTGRES_PASSWORD into the file .env" in refused.stderr
