"""All tables in one import, and the migrations that make them."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Engine, inspect, text

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

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["Base", "TooNew", "current", "newest", "upgrade"]

_NOUNS = (
    devices, enrolment, findings, installation, inventory, overrides, people, reports, rooms, situations,
    spares, tickets,
)  # fmt: skip
_MIGRATIONS = Path(__file__).parent / "migrations"
# The last of the migrations, said here too: alembic takes a third of a start, and is loaded only when there
# is something to migrate.
_NEWEST: Final = "0008"


class TooNew(Problem):
    """The database was written by a newer Tocsin."""


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def newest() -> str:
    """The revision this code is written for."""
    return _NEWEST


def current(engine: Engine) -> str:
    """The revision of the database; empty: no tables yet."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""


def upgrade(engine: Engine) -> None:
    """Bring the tables to `newest`. Raises TooNew for a database that a newer Tocsin has changed."""
    at = current(engine)
    if at == _NEWEST:
        return
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if at and at not in known:
        raise TooNew(
            f"the database is at revision {at}, which this Tocsin does not know: it was changed by a newer one. "
            "Install that version again, or restore the backup made before the upgrade."
        )
    config.attributes["engine"] = engine
    command.upgrade(config, "head")
