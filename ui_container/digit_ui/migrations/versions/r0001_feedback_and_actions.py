"""The tables as they were before their versions were counted; what a store of that time lacks of them is added."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateColumn

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
WRONG = sa.text("digit != label")
TABLES = sa.MetaData()
sa.Table(
    "feedback",
    TABLES,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(36), unique=True, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("label", sa.Integer, nullable=False),
    sa.Column("digit", sa.Integer),
    sa.Column("model_version", sa.String(64)),
    sa.Column("pixels", sa.LargeBinary(784), nullable=False),
    sa.Column("original", sa.LargeBinary, nullable=False),
    sa.Column("original_type", sa.String(32), nullable=False),
    sa.Column("session", sa.String(64)),
    sa.Column("accepted_at", sa.DateTime(timezone=True)),
    sa.Column("key_digest", sa.String(64)),
    sa.CheckConstraint("label BETWEEN 0 AND 9"),
    sa.CheckConstraint("digit BETWEEN 0 AND 9"),
    sa.Index("feedback_of_a_label", "label", "number", "digit"),
    sa.Index("feedback_read_wrongly", "number", "label", sqlite_where=WRONG, postgresql_where=WRONG),
    sqlite_autoincrement=True,
)
sa.Table(
    "actions",
    TABLES,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("feedback_id", sa.String(36)),
    sa.Column("version", sa.String(64)),
    sa.Column("label", sa.Integer),
    sa.CheckConstraint("label BETWEEN 0 AND 9"),
    sa.Index("actions_of_a_kind", "kind", "number", "feedback_id"),
    sa.Index("actions_on_a_drawing", "feedback_id", "kind"),
    sqlite_autoincrement=True,
)


def upgrade() -> None:
    """Make what is not there: a table, a column of an old table, an index."""
    connection = op.get_bind()
    database = sa.inspect(connection)
    for table in TABLES.sorted_tables:
        if not database.has_table(table.name):
            table.create(connection)
            continue
        if connection.dialect.name == "postgresql":
            op.alter_column(table.name, "number", type_=sa.BigInteger)
        present = {column["name"] for column in database.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                definition = CreateColumn(column).compile(dialect=connection.dialect)
                op.execute(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
        indexed = {index["name"] for index in database.get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in indexed:
                index.create(connection)
