"""The project as containers: a clean copy, its images, and the stacks that Compose starts from it."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lacking import lacking
from served import ROOT, Served, free_port

SEVEN = {"strokes": [[[60, 60], [220, 60], [120, 240]]]}
# Whom the files of a test's stack belong to: the first ordinary user of a Linux machine, where root runs the tests.
OWNER = os.getuid() or 1000
GROUP = os.getgid() or 1000
NUMBERS = itertools.count()


def docker(*arguments: str, check: bool = True, timeout_s: float = 300) -> str:
    """Run the docker command and return what it prints; its complaints are part of a failure."""
    result = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=timeout_s, stdin=subprocess.DEVNULL
    )
    assert not check or result.returncode == 0, f"docker {' '.join(arguments)}\n{result.stdout}{result.stderr}"
    return result.stdout.strip()


def clean_copy(folder: Path, owner: int = OWNER, group: int = GROUP) -> Path:
    """Copy what a clone would hold into `folder` and make it `owner`'s."""
    if not (shutil.which("git") and (ROOT / ".git").exists()):
        lacking("REQUIRE_CONTAINERS", "this is no clone: git tells what a clone would hold")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    give(folder, owner, group)
    return folder


def give(folder: Path, owner: int, group: int) -> None:
    if os.getuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, owner, group)


@dataclass
class Stack(Served):
    """What `docker compose up` makes of the compose file in `folder`."""

    folder: Path
    project: str
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("docker", "compose")

    def compose(self, *arguments: str, check: bool = True, timeout_s: float = 300) -> subprocess.CompletedProcess:
        result = subprocess.run(
            [*self.command, "--project-name", self.project, *arguments],
            cwd=self.folder,
            env={**os.environ, "PORT": str(self.port), **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )
        assert not check or result.returncode == 0, f"{arguments}\n{result.stdout}{result.stderr}"
        return result

    def start(self) -> "Stack":
        """Start the user interface and wait until it is ready."""
        self.up("ui_container")
        self.wait_until(lambda: self.get("/readyz"))
        return self

    def start_without_store(self) -> "Stack":
        """Start the user interface where it cannot keep feedback, and wait until it says that it lacks nothing else."""
        self.up("ui_container")
        self.wait_until(lambda: self.refusal("/readyz") == "store_unavailable")
        return self

    def stop(self) -> None:
        self.compose("stop", "ui_container")

    def take(self, data: Path) -> None:
        """Put a folder's CSVs where the trainer looks for them."""
        for path in data.glob("*.csv"):
            shutil.copy(path, self.shared_dir)

    def up(self, *services: str, check: bool = True) -> subprocess.CompletedProcess:
        return self.compose("up", "--detach", "--no-build", *services, check=check)

    def train(self, until: str, timeout_s: float = 120, **options: str) -> str:
        """Start the trainer with options, wait until it says `until`, and return what it has said."""
        self.environment |= options
        self.up("algo_container")
        self.wait_until(lambda: until in self.log("algo_container"), timeout_s)
        return self.log("algo_container")

    def trainer_is_steady(self) -> bool:
        """Tell whether the trainer's container runs, and has run since it was started."""
        facts = self.inspect("algo_container")
        return facts["State"]["Running"] and facts["RestartCount"] == 0

    def told(self, name: str) -> dict:
        """Read what the trainer says of itself in a file of `training/`; empty if it has said nothing yet."""
        path = self.shared_dir / "training" / name
        return json.loads(path.read_text()) if path.exists() else {}

    def look_again(self) -> dict:
        """Wait until the watching trainer has looked at the store anew, and return what it says then."""
        before = self.told("watcher.json").get("updated_at")
        return self.wait_until(lambda: (told := self.told("watcher.json")).get("updated_at") != before and told)

    def disconnected(self) -> "Stack":
        """Start both programs, the trainer without a network, so that it can fetch nothing."""
        self.compose("create", "--no-build")
        docker("network", "disconnect", f"{self.project}_default", self.container("algo_container"))
        self.compose("start")
        self.wait_until(lambda: self.get("/readyz"))
        return self

    def log(self, *services: str) -> str:
        return self.compose("logs", "--no-color", *services, check=False).stdout

    def container(self, service: str) -> str:
        return self.compose("ps", "--all", "--quiet", service).stdout.strip()

    def inspect(self, service: str) -> dict:
        return json.loads(docker("inspect", self.container(service)))[0]

    def remove(self) -> None:
        self.compose("down", "--volumes", "--timeout", "5")


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip where no Docker Engine answers; REQUIRE_CONTAINERS=1 makes that a failure."""
    command = ["docker", "info", "--format", "{{.SecurityOptions}}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("docker") else None
    if result is None or result.returncode != 0:
        lacking("REQUIRE_CONTAINERS", "no Docker Engine answers; `make test-containers` starts one where it can")
    if "rootless" in result.stdout or "userns" in result.stdout:
        lacking("REQUIRE_CONTAINERS", "the engine has users of its own; the owners of files are tested on a usual one")


@pytest.fixture(scope="session")
def images(engine, tmp_path_factory) -> Path:
    """A clean copy whose images are built."""
    folder = clean_copy(tmp_path_factory.mktemp("images") / "projet_digit")
    Stack(folder / "shared", 0, folder, "images", {"PORT": "5000"}).compose("build", timeout_s=1200)
    return folder


@pytest.fixture
def stacks(images, tmp_path_factory) -> Iterator[Callable[..., Stack]]:
    """Make stacks on folders of their own; each is removed after the test, also after a failure."""
    with making_stacks(images, tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="module")
def stacks_of_module(images, tmp_path_factory) -> Iterator[Callable[..., Stack]]:
    """Make stacks that a module's tests share."""
    with making_stacks(images, tmp_path_factory) as make:
        yield make


@contextlib.contextmanager
def making_stacks(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    # Removed as soon as they can be: an engine has addresses for some thirty networks, and on some machines for fewer.
    with contextlib.ExitStack() as removals:

        def make(source: str = "docker-compose.yml", **options) -> Stack:
            number = next(NUMBERS)
            folder = tmp_path_factory.mktemp(f"stack{number}")
            (folder / "shared").mkdir()
            shutil.copy(images / source, folder / "docker-compose.yml")
            for name in ("pretrained", "feedback"):
                shutil.copytree(images / "shared" / name, folder / "shared" / name)
            if source == "docker-compose.yml":
                # docker-compose 1.29 wants to see what it does not build.
                for name in ("ui_container", "algo_container"):
                    (folder / name).symlink_to(images / name)
            give(folder / "shared", OWNER, GROUP)
            owner = {"PUID": str(OWNER), "PGID": str(GROUP)}
            project = f"digit-test-{os.getpid()}-{number}"
            stack = Stack(folder / "shared", free_port(), folder, project, owner, **options)
            removals.callback(stack.remove)
            return stack

        yield make
