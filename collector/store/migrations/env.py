"""Alembic's entry: runs the migrations on the engine that collector/store/schema.py hands over."""

from alembic import context

from collector.store.schema import Base

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
