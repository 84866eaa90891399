"""A trainer whose work tests start piece by piece, and kill where they like."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from conftest import ALGO_PYTHON
from served import ROOT

TRAINER = ROOT / "algo_container"
SCRIPT = Path(__file__).with_name("work_in_children.py")


@dataclass
class KillableTrainer:
    """The other end of `work_in_children.py`. seed: of the last piece of work, another one for each."""

    process: subprocess.Popen
    log_file: Path
    seed: int = field(default=0, init=False)

    def begin(self, kind: str, dies_before: int = 0) -> int:
        """Have a piece of work begun; return the process that does it."""
        self.seed += 1
        self.process.stdin.write(f"{kind} {self.seed} {dies_before}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> str:
        """Wait for its end; say how that was."""
        return self.process.stdout.readline().strip()

    def do(self, kind: str, kill_after_s: float | None = None) -> tuple[str, float]:
        """Have a piece of work done, or killed; return "done", "killed" or "failed", and how many seconds it took."""
        child = self.begin(kind)
        started = time.monotonic()
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return self.end().partition(" ")[0], time.monotonic() - started

    def publish(self) -> str:
        """Publish an untrained network; return its version."""
        self.begin("publish")
        outcome, _, version = self.end().partition(" ")
        assert outcome == "done", self.log()
        return version

    def log(self) -> str:
        """Return the end of what it has said."""
        return self.log_file.read_text()[-3000:]


@contextlib.contextmanager
def at_work(
    shared_dir: Path | str, log_file: Path, *data: Path, environment: Mapping[str, str] = os.environ
) -> Iterator[KillableTrainer]:
    """Start one for a folder or an object store. data: the folder with the CSVs, if there is one."""
    command = [ALGO_PYTHON, "-P", SCRIPT, shared_dir, *data]
    environment = {**environment, "PYTHONPATH": f"{TRAINER}:{TRAINER / 'tests'}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with (
        log_file.open("w") as log,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        yield KillableTrainer(process, log_file)
        process.stdin.close()
