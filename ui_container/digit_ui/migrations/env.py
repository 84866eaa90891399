"""What Alembic runs to get a connection: the one that digit_ui.migrating gives, in its transaction."""

from alembic import context
from digit_ui.database import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes little of a table that is there: a new one is filled from it
)
with context.begin_transaction():
    context.run_migrations()
