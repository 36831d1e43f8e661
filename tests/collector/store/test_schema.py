"""The schema: made by migrations, the same on both databases, ready to be spread over machines."""

import json
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, Integer, MetaData, String, Table, TextClause, text
from sqlalchemy.orm import Session

from collector.store import open_engine, schema
from collector.store.devices import Site
from collector.store.schema import Base
from collector.store.tickets import OutboxRow

AT = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)

# Small tables of the installation itself; everything else belongs to a device and is spread by it.
LOCAL = {
    "site", "enrolment_token", "credential", "outbox", "installation_fact", "counter", "lease", "refresh_request",
    "person", "sign_in_session", "sign_in_failure", "audit", "override", "rule_hold", "situation", "maintenance",
    "room", "booking", "readiness_check", "api_key", "creation", "fitting_part", "depot", "stock", "contract",
    "warranty",
}  # fmt: skip


# What such an index is on, SQLite does not tell and PostgreSQL tells in words of its own: the next test compares them.
ON_EXPRESSIONS = {
    index.name
    for table in Base.metadata.tables.values()
    for index in table.indexes
    if any(isinstance(one, TextClause) for one in index.expressions)
}


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_exactly_the_tables_the_code_expects(engine: Engine) -> None:
    def compared(_thing: object, name: str | None, kind: str, *_more: object) -> bool:
        return kind != "index" or name not in ON_EXPRESSIONS

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": False, "include_object": compared}
        )
        assert compare_metadata(context, Base.metadata) == []


INDEXES = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql <> ''",
    "postgresql": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
}


def test_the_migrations_make_the_same_indexes_as_the_code(database_url: str) -> None:
    engine = open_engine(database_url)

    def indexes() -> set[str]:
        with engine.connect() as connection:
            made = connection.exec_driver_sql(INDEXES[engine.dialect.name])
            return {" ".join(row[0].replace('"', "").split()) for row in made}

    Base.metadata.create_all(engine)
    expected = indexes()
    Base.metadata.drop_all(engine)
    schema.upgrade(engine)
    made = indexes()
    engine.dispose()
    assert len(ON_EXPRESSIONS) > 4
    assert {one for one in made if "sqlite_autoindex" not in one and "alembic" not in one} == expected


def test_the_newest_revision_is_the_last_of_the_migrations() -> None:
    heads = ScriptDirectory.from_config(schema._config()).get_heads()

    assert heads == [schema.newest()]


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    schema.upgrade(engine)

    assert schema.current(engine) == schema.newest()


def test_rows_of_the_first_release_are_kept_by_an_upgrade(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    config = schema._config()
    config.attributes["engine"] = engine
    command.upgrade(config, "0001")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO site (name, time_zone, created_at) VALUES ('Tulsa', 'America/Chicago', '2026-01-01')"
            )
        )

    schema.upgrade(engine)

    with Session(engine) as session:
        site = session.get_one(Site, "Tulsa")
        assert (site.time_zone, site.hours, site.holidays) == ("America/Chicago", {}, [])


def test_a_database_of_a_newer_tocsin_is_refused_with_a_clear_word(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(schema.TooNew, match="changed by a newer one"):
        schema.upgrade(engine)


@pytest.mark.parametrize("table", sorted(set(Base.metadata.tables) - LOCAL))
def test_every_key_of_a_big_table_begins_with_the_device(table: str) -> None:
    columns = Base.metadata.tables[table]
    first = "id" if table == "device" else "device_id"

    assert next(iter(columns.primary_key)).name == first
    assert not next(iter(columns.primary_key)).nullable
    for index in columns.indexes:
        if index.unique:
            assert next(iter(index.columns)).name == first, f"{index.name} is unique across devices"


def test_what_nobody_was_told_before_there_was_mail_is_not_told_all_at_once(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    config = schema._config()
    config.attributes["engine"] = engine
    command.upgrade(config, "0002")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO outbox (id, key, verb, body, created_at) VALUES ('a', 'd:t', 'create', '{}', '2026-01-01')"
            )
        )

    schema.upgrade(engine)

    with Session(engine) as session:
        row = session.get_one(OutboxRow, "a")
        assert (row.state, row.attempts, row.seq) == ("unwanted", 0, 0)


def test_parts_that_were_known_before_are_found_by_their_serials_after_the_upgrade(
    database_url: str,
) -> None:
    engine = open_engine(database_url)
    config = schema._config()
    config.attributes["engine"] = engine
    command.upgrade(config, "0004")
    disks = {"S1": {"serial": " s5y2 nf0r "}, "S2": {"serial": "none"}, "sda": {"model": "x"}}
    with engine.begin() as connection:
        tables = Base.metadata.tables
        # The table as it was then: today's has columns that come with later revisions.
        device = Table("device", MetaData(), autoload_with=connection)
        texts = {c.name: "" for c in device.columns if isinstance(c.type, String) and not c.nullable}
        zeros = {c.name: 0 for c in device.columns if isinstance(c.type, Integer) and not c.nullable}
        others = {"id": "d1", "wired_macs": [], "enrolled_at": AT}
        connection.execute(device.insert().values(texts | zeros | others))
        for name in ("disks", "software"):
            connection.execute(
                tables["inventory_section"].insert().values(
                    device_id="d1", section=name, hash=1, announced_hash=1, items_count=3, changed_at=AT, seen_at=AT,
                    items=zlib.compress(json.dumps(disks).encode()),
                )
            )  # fmt: skip

    schema.upgrade(engine)

    with Session(engine) as session:
        rows = session.execute(text("SELECT device_id, section, key, serial FROM part_serial")).all()
    assert [tuple(row) for row in rows] == [("d1", "disks", "S1", "S5Y2NF0R")]
    engine.dispose()
