"""`docker compose up` as a person uses it: answers at once, learns beside it, and is locked up."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from lacking import lacking
from stacks import GROUP, OWNER, SEVEN, docker, give

QUICK = {"EPOCHS": "3", "BATCH_SIZE": "64", "MIN_ACCURACY": "0.5"}
SERVICES = ("ui_container", "algo_container")
INSIDE = """
grep -E '^(CapEff|NoNewPrivs|Uid)' /proc/self/status | tr '\\t' ' '
touch /projet_digit/shared/x 2>/dev/null && echo wrote shared
touch /projet_digit/shared/feedback/x 2>/dev/null && rm /projet_digit/shared/feedback/x && echo wrote feedback
touch /opt/x /projet_digit/x 2>/dev/null && echo wrote elsewhere
true"""


@pytest.fixture(scope="module")
def stack(stacks_of_module):
    return stacks_of_module().start()


def test_it_answers_while_it_trains_and_swaps_the_new_model_in(stacks, small_data):
    stack = stacks()
    stack.take(small_data)
    stack.environment |= QUICK
    stack.up()
    shipped = stack.wait_until(lambda: stack.get("/readyz"))["model_version"]
    assert shipped == json.loads((stack.shared_dir / "pretrained" / "manifest.json").read_text())["version"]
    assert stack.post("/predict", SEVEN)["digit"] == 7
    assert stack.inspect("algo_container")["State"]["Running"]
    ui = stack.inspect("ui_container")["State"]["Pid"]

    versions = set()

    def swapped() -> bool:
        versions.add(stack.post("/predict", SEVEN)["model_version"])
        return len(versions) == 2

    stack.wait_until(swapped, timeout_s=180)
    published = json.loads((stack.shared_dir / "manifest.json").read_text())["version"]
    assert versions == {shipped, published}
    assert stack.inspect("ui_container")["State"]["Pid"] == ui
    assert "refused" not in stack.log("ui_container")

    stack.post("/feedback", {**SEVEN, "label": 7})
    stack.wait_until(lambda: stack.told("watcher.json")["new_labels"] == 1)
    assert stack.trainer_is_steady()
    stack.compose("stop", "algo_container")
    if os.getuid() == 0:
        strangers = [
            path for path in stack.shared_dir.rglob("*") if (path.stat().st_uid, path.stat().st_gid) != (OWNER, GROUP)
        ]
        assert strangers == []

    stack.train(until="nothing to do")
    assert stack.look_again()["new_labels"] == 1 and stack.trainer_is_steady()
    assert json.loads((stack.shared_dir / "manifest.json").read_text())["version"] == published


def test_offline_without_data_the_trainer_says_what_it_needs_and_goes_on_watching(stacks):
    stack = stacks().disconnected()
    needs = stack.wait_until(lambda: re.search(r"put train\.csv and test\.csv.*", stack.log("algo_container")))
    assert "into /projet_digit/shared" in needs.group()
    inside = ("exec", "-T", "algo_container", "python")
    stack.compose(*inside, "-c", "import os; os.utime('/tmp/heartbeat', (0, 0))")
    stack.wait_until(lambda: stack.compose(*inside, "trainer/heartbeat.py", check=False).returncode == 0)
    assert stack.post("/predict", SEVEN)["digit"] == 7

    # It sees new labels while the server has the store open, and when it has closed it.
    for _ in range(3):
        stack.post("/feedback", {**SEVEN, "label": 7})
    stack.wait_until(lambda: stack.told("watcher.json")["new_labels"] == 3)
    stack.stop()
    for _ in range(2):
        assert stack.look_again().items() >= {"new_labels": 3, "labels_wanted": 20, "error": None}.items()
    stack.start().post("/feedback", {**SEVEN, "label": 7})
    stack.wait_until(lambda: stack.told("watcher.json")["new_labels"] == 4)
    assert stack.trainer_is_steady()
    assert stack.log("algo_container").count("put train.csv") == 1


def test_the_trainers_other_commands_run_beside_the_watching_one(stacks):
    stack = stacks().disconnected()
    stack.wait_until(lambda: "put train.csv" in stack.log("algo_container"))  # its first training has ended
    run = ("run", "--rm", "--no-deps", "-T", "algo_container", "python", "cnn_mnist.py")
    assert "the feedback store holds no drawing yet" in stack.compose(*run, "--retrain").stdout
    assert "is in service already" in stack.compose(*run, "--rollback", stack.get("/readyz")["model_version"]).stdout


@pytest.mark.parametrize("pair", ["keras-2.2.4", "keras-2.15"])
def test_a_pair_of_the_users_own_is_read_with_what_the_image_has_kept(stacks, images, pair):
    stack = stacks().start()
    for name in ("model.h5", "model.json"):
        shutil.copy(images / "ui_container" / "tests" / "pairs" / pair / name, stack.shared_dir)
    stack.wait_until(lambda: stack.get("/readyz")["model_origin"] == "user's own pair")
    assert len(stack.post("/predict", SEVEN)["probabilities"]) == 10


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_is_locked_up(stack, service):
    stack.compose("create", "--no-build", "algo_container")
    facts = stack.inspect(service)
    host = facts["HostConfig"]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert 0 < host["Memory"] <= 3 * 2**30 and 0 < host["PidsLimit"] <= 1_500
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert facts["Config"]["User"] == f"{OWNER}:{GROUP}"
    assert host["RestartPolicy"]["Name"] == "unless-stopped"


def test_the_service_that_prepares_the_folder_can_only_change_owners(stack):
    host = stack.inspect("shared_folder")["HostConfig"]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and host["CapAdd"] in (["CHOWN"], ["CAP_CHOWN"])
    assert host["NetworkMode"] == "none" and host["RestartPolicy"]["Name"] in ("", "no")


def test_the_server_has_no_rights_and_writes_only_feedback(stack):
    inside = stack.compose("exec", "-T", "ui_container", "sh", "-c", INSIDE).stdout.splitlines()
    assert inside == [
        f"Uid: {OWNER} {OWNER} {OWNER} {OWNER}",
        "CapEff: 0000000000000000",
        "NoNewPrivs: 1",
        "wrote feedback",
    ]


def test_the_trainer_has_no_rights_and_writes_only_the_shared_folder(stack):
    run = ("run", "--rm", "--no-deps", "-T", "algo_container", "sh", "-c", INSIDE)
    inside = stack.compose(*run).stdout.splitlines()
    assert inside[1:] == ["CapEff: 0000000000000000", "NoNewPrivs: 1", "wrote shared", "wrote feedback"]
    (stack.shared_dir / "x").unlink()


def test_the_page_is_published_on_this_machine_only_and_the_bonus_for_others_too(stack, stacks):
    def addresses(stack) -> set[str]:
        ports = json.loads(stack.compose("config", "--format", "json").stdout)["services"]["ui_container"]["ports"]
        return {port["host_ip"] for port in ports}

    assert addresses(stack) == {"127.0.0.1"}
    assert addresses(stacks("bonus/docker-compose.yml")) == {"0.0.0.0"}  # noqa: S104 # what the bonus is for


def test_the_bonus_differs_from_the_main_stack_only_in_its_images_and_its_address(images):
    def services(folder) -> dict:
        output = subprocess.run(
            ["docker", "compose", "config", "--format", "json"],
            cwd=images / folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.replace(str((images / folder).resolve()), "FOLDER")
        services = json.loads(output)["services"]
        for service in services.values():
            service.pop("build", None)
            service.pop("image")
        for port in services["ui_container"]["ports"]:
            port.pop("host_ip")
        return services

    assert services("bonus") == services(".") != {}


def test_the_servers_health_is_known_without_curl(stack):
    stack.wait_until(lambda: stack.inspect("ui_container")["State"]["Health"]["Status"] == "healthy")
    health = stack.inspect("ui_container")["Config"]["Healthcheck"]["Test"][1:]
    broken = ("exec", "-T", "--env", "PORT=1", "ui_container", *health)
    assert stack.compose(*broken, check=False).returncode != 0


def test_the_trainers_health_is_renewed_by_its_steps_and_a_stop_leaves_nothing_half_written(stacks, small_data):
    stack = stacks()
    stack.take(small_data)
    stack.train(until="Epoch   2/500", EPOCHS="500")
    inside = ("exec", "-T", "algo_container", "python")
    stack.compose(*inside, "-c", "import os; os.utime('/tmp/heartbeat', (0, 0))")
    stack.wait_until(lambda: stack.compose(*inside, "trainer/heartbeat.py", check=False).returncode == 0)
    docker("stop", "--time", "5", stack.container("algo_container"))
    assert stack.inspect("algo_container")["State"]["ExitCode"] == 143
    assert "told to stop; what was published before stays" in stack.log("algo_container")
    assert stack.told("status.json")["outcome"]["verdict"] == "stopped"
    assert not (stack.shared_dir / "manifest.json").exists()
    left = {path.name for path in stack.shared_dir.rglob("*") if path.is_file()}
    assert not [name for name in left if "partial" in name or "intent" in name]


def test_the_old_docker_compose_starts_it_too(stacks):
    if not shutil.which("docker-compose"):
        lacking(
            "REQUIRE_EVERY_STACK", "the docker-compose command is not there (Debian 12: apt install docker-compose)"
        )
    stack = stacks(command=("docker-compose",))
    stack.start().train(until="watching the feedback")
    assert stack.post("/predict", SEVEN)["digit"] == 7


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make files of other people")
class TestOwners:
    def test_what_root_or_the_engine_made_is_handed_to_the_containers_user(self, stacks):
        stack = stacks()
        stack.environment.clear()
        shutil.rmtree(stack.shared_dir / "feedback")
        give(stack.shared_dir, 0, 0)
        stack.start()
        stack.post("/feedback", {**SEVEN, "label": 7})
        owners = {path.stat().st_uid for path in [stack.shared_dir, *stack.shared_dir.rglob("*")]}
        assert owners == {1000}

    def test_a_folder_that_nobody_else_may_enter_is_served_all_the_same(self, stacks):
        stack = stacks()
        for folder in (stack.shared_dir, *filter(Path.is_dir, stack.shared_dir.iterdir())):
            folder.chmod(0o700)
        stack.start()
        assert stack.post("/predict", SEVEN)["digit"] == 7
        assert stack.post("/feedback", {**SEVEN, "label": 7})["id"]

    def test_what_belongs_to_a_person_stays_theirs_and_the_mismatch_is_said(self, stacks):
        stack = stacks()
        stack.environment.clear()
        give(stack.shared_dir, 1234, 4321)
        stack.start_without_store()
        assert "belongs to user 1234, but the programs run as user 1000: write PUID=1234 and PGID=4321" in stack.log()
        assert {path.stat().st_uid for path in stack.shared_dir.rglob("*")} == {1234}
        assert stack.post("/predict", SEVEN)["digit"] == 7
        (stack.folder / ".env").write_text("PUID=1234\nPGID=4321\n")
        stack.start()
        stack.post("/feedback", {**SEVEN, "label": 7})
        assert {path.stat().st_uid for path in stack.shared_dir.rglob("*")} == {1234}
