"""A real PostgreSQL server for the tests that want one, as Debian's package brings it; without it they are skipped."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lacking import lacking

DEBIAN = Path("/usr/lib/postgresql")
USER = "postgres"
START_TIMEOUT_S = 30


@dataclass
class Postgresql:
    """A server of its own in `folder`, reached by its Unix socket there; it listens to no network.

    programs: where initdb, postgres and psql are; demoted: the words before a command that run it as an ordinary user,
    for the server refuses to run as root; settings: of postgresql.conf.
    """

    folder: Path
    programs: Path
    demoted: tuple[str, ...]
    settings: dict[str, str]
    process: subprocess.Popen | None = None
    schemas: int = 0

    @classmethod
    def install(cls, folder: Path, **settings: str) -> "Postgresql":
        """Make the files of a new server, or skip where there is none to be had."""
        programs = _programs()
        demoted: tuple[str, ...] = ()
        if os.geteuid() == 0:
            try:
                user = pwd.getpwnam(USER)
            except KeyError:
                lacking("REQUIRE_POSTGRESQL", f"there is no user {USER} as whom the server could run")
            os.chown(folder, user.pw_uid, user.pw_gid)
            demoted = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--")
        own = {"listen_addresses": "", "unix_socket_directories": str(folder), "max_connections": "50"}
        server = cls(folder, programs, demoted, {**own, **settings})
        server._run("initdb", "--pgdata", str(server.data), "--auth=trust", "--encoding=UTF8", "--no-sync", "-U", USER)
        return server

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> "Postgresql":
        """Start it and wait until it answers."""
        command = [*self.demoted, str(self.programs / "postgres"), "-D", str(self.data)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.ask("SELECT 1", check=False) != ["1"]:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            # It ends at once where a killed one's children have not noticed yet.
            if self.process is None or self.process.poll() is not None:
                with (self.folder / "log").open("a") as log:
                    self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """Stop it as its machine's restart would: clients are cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the process from which all others come; those end when they notice it."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=START_TIMEOUT_S)
            self.process = None

    def new_schema(self) -> str:
        """Make a place for tables that nothing else sees; return the URL of who is there."""
        self.schemas += 1
        self.ask(f"CREATE SCHEMA test{self.schemas}")
        return f"{self.url('postgres')}&options=-csearch_path%3Dtest{self.schemas}"

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def ask(self, statement: str, database: str = "postgres", check: bool = True) -> list[str]:
        """Run SQL; return a line for each row."""
        return self._run(
            "psql", "-XAtq", "-U", USER, "-h", str(self.folder), "-d", database, "-c", statement, check=check
        )

    def _run(self, program: str, *arguments: str, check: bool = True) -> list[str]:
        command = [*self.demoted, str(self.programs / program), *arguments]
        result = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)
        assert not check or result.returncode == 0, result.stdout + result.stderr
        return result.stdout.splitlines()


def _programs() -> Path:
    installed = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    found = installed[-1] if installed else shutil.which("postgres")
    if found is None:
        lacking("REQUIRE_POSTGRESQL", "there is no PostgreSQL server (Debian: apt install postgresql)")
    return Path(found).resolve().parent


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Postgresql]:
    """A running server that all tests share, each with a schema of its own."""
    # Not below pytest's folder, which nobody else may enter, and whose names are too long for a socket.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        server = Postgresql.install(Path(folder), fsync="off").start()
        yield server
        server.kill()  # nothing of it is kept


@pytest.fixture(scope="module")
def own_postgresql_server() -> Iterator[Postgresql]:
    """A running server for tests that end it, and start it again."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        server = Postgresql.install(Path(folder)).start()
        yield server
        server.stop()


@pytest.fixture
def postgresql_url(postgresql_server) -> str:
    """The URL of a database in which there is nothing yet."""
    return postgresql_server.new_schema()


@pytest.fixture
def sql_ascii_url(postgresql_server) -> Iterator[str]:
    """The URL of an empty database in the encoding that a server without a locale gives it."""
    name = "without_encoding"
    postgresql_server.ask(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    yield postgresql_server.url(name)
    postgresql_server.ask(f"DROP DATABASE {name} WITH (FORCE)")
