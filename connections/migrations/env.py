"""What Alembic runs: our tables, our version table, on the connection it is handed."""

from alembic import context

from connections.migrations import VERSION_TABLE
from connections.models import SCHEMA, Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    version_table_schema=SCHEMA,
    include_schemas=True,
    # Dagster keeps its own tables in the same database.
    include_name=lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
