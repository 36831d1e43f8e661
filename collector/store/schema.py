"""All tables in one import, and the migrations that make them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from collector.problem import Problem

# Imported for their tables.
from collector.store import (
    Base,
    devices,
    enrolment,
    findings,
    installation,
    inventory,
    overrides,
    people,
    reports,
    rooms,
    situations,
    spares,
    tickets,
)

__all__ = ["Base", "TooNew", "current", "newest", "upgrade"]

_NOUNS = (
    devices, enrolment, findings, installation, inventory, overrides, people, reports, rooms, situations,
    spares, tickets,
)  # fmt: skip
_MIGRATIONS = Path(__file__).parent / "migrations"


class TooNew(Problem):
    """The database was written by a newer Tocsin."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def newest() -> str:
    """The revision this code is written for."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(engine: Engine) -> str:
    """The revision of the database; empty: no tables yet."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def upgrade(engine: Engine) -> None:
    """Bring the tables to `newest`. Raises TooNew for a database that a newer Tocsin has changed."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    at = current(engine)
    if at and at not in known:
        raise TooNew(
            f"the database is at revision {at}, which this Tocsin does not know: it was changed by a newer one. "
            "Install that version again, or restore the backup made before the upgrade."
        )
    config = _config()
    config.attributes["engine"] = engine
    command.upgrade(config, "head")
