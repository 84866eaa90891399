"""Copy all of one feedback store into another one that is empty, as from SQLite into PostgreSQL.

    python -m digit_ui.copying FROM_URL TO_URL

Numbers and ids stay what they are, so that the trainer knows what it has learned already. Nobody may write meanwhile.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL, Connection, Table, func, insert, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError

from digit_ui.database import Base
from digit_ui.engine import open_engine
from digit_ui.store_faults import UNAVAILABLE

# A picture may be megabytes, so that few are in memory at once.
ROWS_A_FETCH = 50


class CopyError(Exception):
    """The store cannot be copied."""


def main(arguments: Sequence[str] = sys.argv[1:]) -> int:
    """Copy, and say how many drawings; return the exit status."""
    try:
        source, target = (make_url(argument) for argument in arguments)
        drawings = copy(source, target)
    except (ValueError, ArgumentError):
        print("two databases' URLs are wanted: where the feedback is, and where it shall be")
        return 2
    except (CopyError, *UNAVAILABLE) as error:
        print(f"nothing was copied: {str(error).splitlines()[0]}")
        return 1
    print(f"{drawings} drawings were copied")
    return 0


def copy(source: URL, target: URL) -> int:
    """Copy every row, or none; return how many drawings there are.

    Raises CopyError if there is no store at `source` or something in that at `target`, and what SQLAlchemy raises.
    """
    if source.get_backend_name() == "sqlite" and not Path(source.database or "").is_file():
        raise CopyError(f"{source.database}: there is no such file")
    with open_engine(source).connect() as there, open_engine(target).begin() as here:
        for table in Base.metadata.sorted_tables:
            if here.scalar(select(func.count()).select_from(table)):
                raise CopyError(f"the store that shall be copied into has {table.name} already, expected an empty one")
            rows = there.execute(select(table), execution_options={"yield_per": ROWS_A_FETCH})
            for fetched in rows.mappings().partitions():
                here.execute(insert(table), [dict(row) for row in fetched])
            _count_on(here, table, _last_number(there, table))
        return here.scalar(select(func.count()).select_from(Base.metadata.tables["feedback"])) or 0


def _last_number(connection: Connection, table: Table) -> int:
    """Give the highest number that there was, also of a row that has been deleted: it must not come back."""
    numbers = [connection.scalar(select(func.max(table.c.number))) or 0]
    if connection.dialect.name == "sqlite" and inspect(connection).has_table("sqlite_sequence"):
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        numbers.append(connection.scalar(query, {"name": table.name}) or 0)
    if connection.dialect.name == "postgresql":
        query = text("SELECT pg_sequence_last_value(pg_get_serial_sequence(:name, 'number')::regclass)")
        numbers.append(connection.scalar(query, {"name": table.name}) or 0)
    return max(numbers)


def _count_on(connection: Connection, table: Table, last: int) -> None:
    if last == 0:
        return
    names = {"name": table.name, "last": last}
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT setval(pg_get_serial_sequence(:name, 'number'), :last)"), names)
    else:
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), names)
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), names)


if __name__ == "__main__":
    sys.exit(main())
