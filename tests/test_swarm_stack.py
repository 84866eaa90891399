"""The stack for Swarm fits together, lets nothing do more than it needs, and keeps step with Compose.

Nothing is started here: tests/swarm does that.
"""

import re

import pytest
import yaml
from conftest import ROOT
from swarm import Swarm
from swarm_nodes import Node

FOLDER = ROOT / "deploy" / "swarm"
MEBIBYTES = {"m": 1, "g": 1024}
# What is secret: variables under Compose, files in a swarm.
ONLY_COMPOSE = {"ADMIN_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
ONLY_SWARM = {"ADMIN_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE", "PGPASSFILE", "DATA_DIR"}


@pytest.fixture(scope="module")
def stack() -> dict:
    return yaml.safe_load((FOLDER / "stack.yml").read_text())


@pytest.fixture(scope="module")
def services(stack) -> dict[str, dict]:
    return stack["services"]


@pytest.fixture(scope="module")
def compose() -> dict[str, dict]:
    files = [ROOT / "docker-compose.yml", ROOT / "ui_container" / "postgresql" / "docker-compose.yml"]
    main, database = (yaml.safe_load(path.read_text())["services"] for path in files)
    return {**main, "postgresql": database["postgresql"]}


def mebibytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg])", text.lower()).groups()
    return int(number) * MEBIBYTES[unit]


def test_both_programs_are_told_what_compose_tells_them_but_for_secrets(services, compose):
    for name in ("ui_container", "algo_container"):
        given, wanted = services[name]["environment"], compose[name]["environment"]
        assert set(given) - ONLY_SWARM == set(wanted) - ONLY_COMPOSE
        defaults = {key: value for key, value in wanted.items() if value is not None and key not in ONLY_COMPOSE}
        differing = {key for key, value in defaults.items() if given[key] != value}
        # A proxy, a database and counts for all are here from the start, and nobody chooses a port inside.
        assert differing <= {"PORT", "TRUSTED_PROXIES", "DATABASE_URL", "RATE_LIMIT_STORAGE"}
    postgresql = dict(services["postgresql"]["environment"])
    assert postgresql.pop("POSTGRES_PASSWORD_FILE") == "/run/secrets/postgres_password"
    assert (
        postgresql.items()
        == {
            key: value for key, value in compose["postgresql"]["environment"].items() if key != "POSTGRES_PASSWORD"
        }.items()
    )


def test_the_images_are_those_of_the_bonus_and_of_compose(services, compose):
    bonus = yaml.safe_load((ROOT / "bonus" / "docker-compose.yml").read_text())["services"]
    for name in ("ui_container", "algo_container"):
        assert services[name]["image"] == bonus[name]["image"]
    assert services["postgresql"]["image"] == compose["postgresql"]["image"]


def test_nothing_is_given_that_compose_does_not_give(services, compose):
    for name in ("ui_container", "algo_container", "postgresql"):
        limits, wanted = services[name]["deploy"]["resources"]["limits"], compose[name]
        assert mebibytes(limits["memory"]) == mebibytes(wanted["mem_limit"])
        assert limits["pids"] == wanted["pids_limit"]
        assert services[name]["stop_grace_period"] == wanted["stop_grace_period"]
    for service in services.values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["init"]
        assert service["user"] not in ("root", "0", "0:0")
        assert service["deploy"]["resources"]["limits"]["memory"] and service["deploy"]["resources"]["limits"]["pids"]
        assert service["logging"] == compose["ui_container"]["logging"]
        assert not any(
            volume.get("type") == "bind" for volume in service.get("volumes", []) if isinstance(volume, dict)
        )


def test_the_way_out_is_open_to_who_needs_it_and_the_way_in_is_the_proxys(stack, services):
    internal = {name for name, network in stack["networks"].items() if network and network.get("internal")}
    assert internal == {"database", "counts"}
    reached = {name: set(service["networks"]) for name, service in services.items()}
    assert reached["postgresql"] == {"database"} and reached["redis"] == {"counts"}
    assert "database" not in reached["proxy"] and "page" not in reached["algo_container"]
    assert {name for name, service in services.items() if service.get("ports")} == {"proxy"}


def test_all_connections_of_a_proxy_fit_in_its_memory_with_the_largest_bodies_that_it_repeats(services):
    text = (FOLDER / "haproxy.cfg").read_text()
    bytes_each, connections = (int(re.search(rf"{name} (\d+)", text)[1]) for name in ("tune.bufsize", "maxconn"))
    room = mebibytes(services["proxy"]["deploy"]["resources"]["limits"]["memory"]) * 2**20
    assert connections * 2 * bytes_each < room * 0.9


def test_counts_that_nobody_could_read_are_no_counts(tmp_path):
    with pytest.raises(AssertionError, match="nobody could be asked"):
        Swarm(tmp_path, 0, [Node(1, tmp_path)], None).retries()


def test_nothing_needs_ipvs(services):
    assert {service["deploy"]["endpoint_mode"] for service in services.values()} == {"dnsrr"}
    assert [port["mode"] for port in services["proxy"]["ports"]] == ["host"]


def test_an_update_starts_first_and_goes_back_and_the_trainer_is_never_there_twice(services):
    update = services["ui_container"]["deploy"]["update_config"]
    assert (update["order"], update["failure_action"], update["parallelism"]) == ("start-first", "rollback", 1)
    for name in ("algo_container", "postgresql"):
        deploy = services[name]["deploy"]
        assert (deploy["replicas"], deploy["update_config"]["order"]) == (1, "stop-first")
        assert deploy["placement"]["constraints"] == ["node.labels.chiffre == data"]
    # Swarm ends what is unhealthy: a store that is away must not make it so.
    assert "/readyz" not in str(services["ui_container"]["healthcheck"])


def test_whatever_is_asked_for_is_there_and_secrets_are_in_no_file(stack, services):
    secrets = {secret["source"] for service in services.values() for secret in service.get("secrets", [])}
    assert secrets == set(stack["secrets"]) and all(one["external"] for one in stack["secrets"].values())
    named = {one["name"] for one in stack["secrets"].values()}
    assert named == set(re.findall(r"docker secret create (\w+)", (FOLDER / "README.md").read_text()))
    for service in services.values():
        files = {f"/run/secrets/{secret['target']}" for secret in service.get("secrets", [])}
        asked = {value for value in service.get("environment", {}).values() if str(value).startswith("/run/secrets/")}
        assert asked == files
    assert all((FOLDER / config["file"]).exists() for config in stack["configs"].values())


def test_only_what_changes_nothing_is_asked_twice():
    """What the proxy may send to another replica after the first one has had it is what takes a drawing to read it."""
    text = (FOLDER / "haproxy.cfg").read_text()
    page, _, rest = text.partition("backend page")[2].partition("backend assets")
    feedback = rest.partition("backend feedback")[2]
    assert "http-request disable-l7-retry unless METH_GET or is_reading" in page
    assert re.findall(r"acl is_reading \w+ (.+)", page) == ["/predict /read /explain", "/v1/ /v2/"]
    assert re.findall(r"retry-on (.+)", feedback) == ["conn-failure"] and "http-reuse never" in feedback
