"""Write the next step of the feedback store: what digit_ui/database.py has and the steps so far do not make.

make migration NAME=what_it_does
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from digit_ui.engine import open_engine
from digit_ui.migrating import configuration, steps
from sqlalchemy import URL


def main() -> None:
    """Compare the tables with those of a new store."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(URL.create("sqlite", database=str(Path(folder) / "feedback.db")))
        with engine.connect() as connection:
            command.revision(
                configuration(connection),
                message=sys.argv[1].replace("_", " ").capitalize(),
                autogenerate=True,
                rev_id=f"{int(steps()[-1]) + 1:04}",
            )


if __name__ == "__main__":
    main()
