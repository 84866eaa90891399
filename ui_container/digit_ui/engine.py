"""Open the store's database: SQLite for one machine, PostgreSQL for several."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

from digit_ui.migrating import bring_up_to_date

# Less than the page waits for an answer: a drawing that it calls unsent must not be stored after all.
BUSY_TIMEOUT_S = 5
# Of PostgreSQL's connections a worker takes no more, and what has to wait for one and then for the server waits no
# longer than the above. libpq makes less than two seconds two.
KEPT_CONNECTIONS, MORE_CONNECTIONS = 2, 3
CONNECTION_WAIT_S, CONNECT_TIMEOUT_S = 2, 3
# A process that dies on another machine must not keep everybody else's drawings waiting.
IDLE_TIMEOUT_S = 10


def open_engine(url: URL) -> Engine:
    """Connect to the database and bring its tables up to date."""
    openers = {"sqlite": _sqlite_engine, "postgresql": _postgresql_engine}
    engine = openers.get(url.get_backend_name(), create_engine)(url)
    try:
        bring_up_to_date(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _postgresql_engine(url: URL) -> Engine:
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "tcp_user_timeout": BUSY_TIMEOUT_S * 1000,
        "client_encoding": "UTF8",  # of a database in SQL_ASCII, a bare machine's default, text would come as bytes
    }
    engine = create_engine(
        url,
        connect_args={name: value for name, value in options.items() if name not in url.query},
        pool_pre_ping=True,  # a server that was restarted has closed them all
        pool_size=KEPT_CONNECTIONS,
        max_overflow=MORE_CONNECTIONS,
        pool_timeout=CONNECTION_WAIT_S,
    )

    @event.listens_for(engine, "connect")
    def set_session(connection: Any, _record: object) -> None:  # noqa: ANN401 # the driver's own
        with connection.cursor() as cursor:
            cursor.execute(
                # Where the server's own settings say less, it would acknowledge what a power cut can take away.
                "SET synchronous_commit = on;"
                "SET timezone = 'UTC';"
                f"SET lock_timeout = '{BUSY_TIMEOUT_S}s';"
                f"SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT_S}s'"
            )
        connection.commit()

    return engine


def _sqlite_engine(url: URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        _use_wal(connection)
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted must not stand in the file any longer
        connection.execute("PRAGMA synchronous=FULL")  # in WAL mode anything less can lose the last commits

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers not stop the writer.

    SQLite does not wait for this change's lock by itself: processes that open a new database at once would be told
    that it is locked.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
