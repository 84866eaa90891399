"""Open the store's database, and give a store of an earlier version what it lacks."""

import sqlite3
import time
from pathlib import Path

from sqlalchemy import URL, Engine, Executable, MetaData, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

# Less than the page waits for an answer: a drawing that it calls unsent must not be stored after all.
BUSY_TIMEOUT_S = 5


def open_engine(url: URL, metadata: MetaData) -> Engine:
    """Connect to the database and bring its tables up to date."""
    engine = _sqlite_engine(url) if url.get_backend_name() == "sqlite" else create_engine(url)
    # Not create_all(), which looks first and creates then: two workers at once would collide.
    for name, statement in _lacking(engine, metadata).items():
        try:
            with engine.begin() as connection:
                connection.execute(statement)
        except DBAPIError:
            if name in _lacking(engine, metadata):  # nobody else has made it meanwhile
                raise
    return engine


def _lacking(engine: Engine, metadata: MetaData) -> dict[str, Executable]:
    """Give the statements that make what is not there: a table, a column of an old table, an index."""
    database = inspect(engine)
    statements: dict[str, Executable] = {}
    for table in metadata.sorted_tables:
        if not database.has_table(table.name):
            statements[table.name] = CreateTable(table)
            statements |= {f"{table.name}: {index.name}": CreateIndex(index) for index in table.indexes}
            continue
        present = {column["name"] for column in database.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                definition = CreateColumn(column).compile(engine)
                statements[f"{table.name}.{column.name}"] = text(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
        indexed = {index["name"] for index in database.get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in indexed:
                statements[f"{table.name}: {index.name}"] = CreateIndex(index)
    return statements


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
