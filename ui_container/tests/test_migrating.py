"""The tables are brought up to date step by step, on both databases, and whoever finds newer ones leaves them alone."""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from conftest import DIGIT_STROKES, ask_database, on_both_databases
from digit_ui import migrating
from digit_ui.database import Base, Feedback, FeedbackStore
from digit_ui.engine import open_engine
from digit_ui.store_faults import StoreError
from sqlalchemy import URL, create_engine
from sqlalchemy.pool import NullPool
from test_old_store import new_drawing, schema

# Made by the last program that did not count versions, and by one before: a drawing as it was sent, one accepted, one
# corrected, and one deleted.
UNCOUNTED = ("uncounted.db", "uncounted-without-keys.db")
# The same program's tables, as it made them in PostgreSQL for who had installed a driver.
UNCOUNTED_POSTGRESQL = """
CREATE TABLE feedback (
    number SERIAL NOT NULL, id VARCHAR(36) NOT NULL, created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    label INTEGER NOT NULL, digit INTEGER, model_version VARCHAR(64), pixels BYTEA NOT NULL, original BYTEA NOT NULL,
    original_type VARCHAR(32) NOT NULL, session VARCHAR(64), accepted_at TIMESTAMP WITH TIME ZONE, PRIMARY KEY (number),
    CHECK (label BETWEEN 0 AND 9), CHECK (digit BETWEEN 0 AND 9), UNIQUE (id)
);
CREATE INDEX feedback_of_a_label ON feedback (label, number, digit);
INSERT INTO feedback (id, created_at, label, pixels, original, original_type)
VALUES ('old', now(), 3, 'p', 'o', 'application/json')
"""
ANOTHER_STEP = '''
"""Add a column."""
import sqlalchemy as sa
from alembic import op
revision = "9999"
down_revision = "{last}"
def upgrade():
    op.add_column("feedback", sa.Column("colour", sa.String(8), nullable=False, server_default="black"))
    {and_then}
'''


@pytest.fixture
def another_step(tmp_path, monkeypatch):
    """Have this program know one more step, which may fail."""

    def another_step(and_then: str = "pass") -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(migrating.FOLDER, folder)
        step = ANOTHER_STEP.format(last=migrating.steps()[-1], and_then=and_then)
        (folder / "versions" / "r9999_add_a_column.py").write_text(step)
        monkeypatch.setattr(migrating, "FOLDER", folder)

    return another_step


@pytest.fixture
def store(settings) -> FeedbackStore:
    return FeedbackStore(settings.database_url)


def version(settings) -> str:
    ((number,),) = ask_database(settings, "SELECT version_num FROM alembic_version")
    return number


def differences(url: URL) -> list:
    """Compare the tables in the database with those that the program knows."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), Base.metadata)


@on_both_databases
def test_the_steps_make_the_tables_that_the_program_knows(store, settings):
    store.add(new_drawing())
    assert differences(settings.database_url) == []


def test_the_steps_are_one_line_and_each_file_is_named_as_its_step():
    script = ScriptDirectory(str(migrating.FOLDER))
    line = [step.revision for step in script.walk_revisions()][::-1]
    assert line == migrating.steps() and script.get_bases() == [line[0]] and script.get_heads() == [line[-1]]
    assert [step.revision for step in script.walk_revisions()] == [
        Path(step.path).name[1:5] for step in script.walk_revisions()
    ]


@pytest.mark.parametrize("name", UNCOUNTED)
def test_a_store_of_a_program_that_counted_no_versions_is_adopted_and_loses_nothing(store, settings, name):
    path = Path(settings.database_url.database)
    path.parent.mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "stores" / name, path)

    def rows() -> list[tuple]:
        with closing(sqlite3.connect(path)) as connection:
            columns = "number, id, created_at, label, digit, model_version, pixels, original, session, accepted_at"
            drawings = connection.execute(f"SELECT {columns} FROM feedback").fetchall()  # noqa: S608 # of ours
            return drawings + connection.execute("SELECT number, kind, feedback_id, label FROM actions").fetchall()

    before = rows()
    assert len(before) == 6
    store.check()
    assert rows() == before and version(settings) == migrating.steps()[-1]
    assert differences(settings.database_url) == []
    store.add(new_drawing())
    assert [row[0] for row in ask_database(settings, "SELECT number FROM feedback ORDER BY number")] == [1, 2, 3, 5]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_so_is_one_in_postgresql(store, settings):
    for statement in UNCOUNTED_POSTGRESQL.split(";"):
        ask_database(settings, statement)
    store.add(new_drawing())
    assert ask_database(settings, "SELECT number, label FROM feedback ORDER BY number") == [(1, 3), (2, 1)]
    assert differences(settings.database_url) == []


@on_both_databases
def test_a_further_step_keeps_what_is_there(store, settings, another_step):
    given = store.add(new_drawing())
    another_step()
    FeedbackStore(settings.database_url).check()
    assert version(settings) == "9999"
    assert ask_database(settings, "SELECT id, colour FROM feedback") == [(given, "black")]


@on_both_databases
def test_a_step_that_fails_leaves_the_store_as_it_was(store, settings, another_step):
    store.add(new_drawing())
    before = schema(settings.database_url)
    another_step(and_then='op.execute("SELECT no_such_thing FROM nowhere")')
    with pytest.raises(StoreError, match="nowhere"):
        FeedbackStore(settings.database_url).check()
    assert schema(settings.database_url) == before and version(settings) == migrating.steps()[0]
    assert store.add(new_drawing())


@on_both_databases
def test_a_newer_store_is_refused_by_name_and_not_touched(client, settings, another_step):
    open_engine(settings.database_url).dispose()
    ask_database(settings, "UPDATE alembic_version SET version_num = '8888'")
    refused = client.post("/feedback", json={"strokes": DIGIT_STROKES[1], "label": 1})
    assert (refused.status_code, refused.get_json(force=True)["code"]) == (503, "store_unavailable")
    assert refused.headers["Retry-After"]
    said = client.get("/readyz").get_json(force=True)["detail"]
    assert f"version 8888, and this program knows those up to {migrating.steps()[-1]}" in said
    assert client.post("/predict", json={"strokes": DIGIT_STROKES[1]}).status_code == 200
    assert version(settings) == "8888" and ask_database(settings, "SELECT count(*) FROM feedback") == [(0,)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_finds_another_process_at_the_steps_waits_for_it(store, settings):
    with psycopg.connect(settings.database_url.render_as_string(hide_password=False)) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({migrating.LOCK})")
        waiting = threading.Thread(target=store.check)
        waiting.start()
        waiting.join(timeout=0.5)
        assert waiting.is_alive() and other.execute("SELECT to_regclass('feedback')").fetchone() == (None,)
        other.commit()
        waiting.join(timeout=20)
    assert version(settings) == migrating.steps()[-1]


def test_a_step_for_a_change_of_the_tables_is_written_as_alembic_writes_it(tmp_path, monkeypatch):
    import make_migration

    folder = tmp_path / "migrations"
    shutil.copytree(migrating.FOLDER, folder)
    monkeypatch.setattr(migrating, "FOLDER", folder)
    monkeypatch.setattr("sys.argv", ["make_migration.py", "add_a_colour"])
    last = migrating.steps()[-1]
    make_migration.main()
    (written,) = set((folder / "versions").glob("r*.py")) - {
        folder / "versions" / path.name for path in Path(__file__).parents[1].glob("digit_ui/migrations/versions/r*.py")
    }
    number = f"{int(last) + 1:04}"
    assert written.name == f"r{number}_add_a_colour.py"
    assert f'revision = "{number}"' in written.read_text().replace("'", '"')
    FeedbackStore(URL.create("sqlite", database=str(tmp_path / "new.db"))).add(
        Feedback(label=1, pixels=bytes(784), original=b"x", original_type="text/plain")
    )
