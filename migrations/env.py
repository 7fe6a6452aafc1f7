"""Runs the migrations on the connection that `payclear migrate` hands over; there is no offline mode."""

from alembic import context

from payclear.db.tables import load_metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=load_metadata().metadata,
    transaction_per_migration=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
