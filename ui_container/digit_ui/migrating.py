"""Bring the store's tables up to date, whatever they are, by the steps of migrations/versions: forward only.

For another step change the tables in database.py, run `make migration NAME=what_it_does`, and read what it has written.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).with_name("migrations")
STEP = re.compile(r"r([0-9]{4})_\w+\.py")
# A step may take as long as it takes to index a million drawings.
LONGEST_WAIT_S = 60
# Any number, as long as nothing else in the database locks it.
LOCK = 4_711_000_001
# What begins a transaction beside which no other process changes the tables.
BEGINNINGS = {
    "sqlite": (f"PRAGMA busy_timeout = {LONGEST_WAIT_S * 1000}", "BEGIN IMMEDIATE"),
    "postgresql": (f"SET LOCAL lock_timeout = '{LONGEST_WAIT_S}s'", f"SELECT pg_advisory_xact_lock({LOCK})"),
}

log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()  # Alembic keeps what it works on in its modules


class NewerStoreError(Exception):
    """The tables are of a version that this program does not know."""


def bring_up_to_date(engine: Engine) -> None:
    """Take all steps that the database has not taken, or none of them.

    Processes that start together wait for each other. Raises NewerStoreError, and whatever SQLAlchemy raises.
    """
    with engine.connect() as connection:
        if _is_up_to_date(connection):
            return
    with _alone(engine) as connection:
        if not _is_up_to_date(connection):
            _take_steps(connection)


def steps() -> list[str]:
    """Give the versions that the tables may have, in order."""
    return sorted(found[1] for path in (FOLDER / "versions").iterdir() if (found := STEP.fullmatch(path.name)))


def configuration(connection: Connection) -> "Config":
    """Give what Alembic's commands want to know."""
    # Only here: it takes longer than all that is done at a start where nothing is lacking.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def _is_up_to_date(connection: Connection) -> bool:
    known, version = steps(), _version(connection)
    if version is not None and version not in known:
        raise NewerStoreError(
            f"its tables are of version {version}, and this program knows those up to {known[-1]}; "
            "start the newer program that it was last used with"
        )
    return version == known[-1]


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Give a connection that no other process's is beside; what is done with it is kept if no error comes."""
    with _one_at_a_time, engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Python would begin no transaction for a statement that makes a table, and a wrong one for others.
            connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # whoever uses the pool shall not wait that long
        with connection.begin():
            for statement in BEGINNINGS.get(engine.dialect.name, ()):
                connection.exec_driver_sql(statement)
            yield connection


def _take_steps(connection: Connection) -> None:
    from alembic import command

    before = _version(connection)
    command.upgrade(configuration(connection), "head")
    log.info("the feedback store's tables were brought from version %s to %s", before, _version(connection))
