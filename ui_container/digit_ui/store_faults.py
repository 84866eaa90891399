"""What may be wrong with the feedback store, in a line for the log and in words that everybody may read."""

import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from digit_ui.migrating import NewerStoreError

# ImportError: the URL names a database whose driver is not installed.
UNAVAILABLE = (SQLAlchemyError, OSError, ImportError, NewerStoreError)


class StoreError(Exception):
    """The store cannot be read or written now. reason: what everybody may be told of that, without names."""

    def __init__(self, message: str, reason: str = "it is out of reach") -> None:
        super().__init__(message)
        self.reason = reason

    @classmethod
    def of(cls, error: Exception) -> "StoreError":
        """Say what one of UNAVAILABLE means."""
        return cls(one_line(error), _reason(error))


def one_line(error: Exception) -> str:
    """Give what a line of the log has room for."""
    return str(error).splitlines()[0][:300]


def _reason(error: Exception) -> str:
    if isinstance(error, NewerStoreError):
        return str(error)
    if isinstance(error, ImportError):
        return "the driver of its database is not installed"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, DBAPIError) and isinstance(error.orig, sqlite3.Error):
        return str(error.orig)
    # What PostgreSQL's driver says names hosts and users.
    if isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
        return "its database does not answer"
    return "its database refuses what it is asked"
