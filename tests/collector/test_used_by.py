"""Who works at a device: said for one, or by a file that is right as a whole."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from collector import merging, used_by
from collector.decide import Refused
from collector.spares.table_file import Mistakes
from collector.store.devices import Device
from collector.store.people import AuditEntry
from tests.collector.world import NOON, Collector


def fleet(engine: Engine) -> dict[str, str]:
    """Host name → id."""
    collector = Collector(engine)
    ids = {name: collector.enrol(name).device_id for name in ("desk-1", "desk-2", "desk-3", "twin", "TWIN")}
    with Session(engine) as session, session.begin():
        session.get_one(Device, ids["desk-2"]).system_serial = "5CG 123"
        session.get_one(Device, ids["desk-3"]).asset_tag = "A-77"
    return ids


def names(engine: Engine) -> dict[str, str]:
    with Session(engine) as session:
        return {d.host_name: d.used_by for d in session.scalars(select(Device)) if d.used_by}


def take(engine: Engine, text: str) -> list[str]:
    with Session(engine) as session, session.begin():
        told = used_by.tell_all(session, text.encode(), "desks.csv", who="lead", now=NOON)
        return [one.host_name for one in told]


def test_a_file_names_devices_in_any_way_and_leaves_the_others(engine: Engine) -> None:
    fleet(engine)
    assert take(engine, "Device,Used by\nDESK-1,Ann  Lee\n5cg123,Bob\na-77,Łukasz Żak\n") == [
        "desk-1",
        "desk-2",
        "desk-3",
    ]
    assert names(engine) == {"desk-1": "Ann Lee", "desk-2": "Bob", "desk-3": "Łukasz Żak"}
    assert take(engine, "used by;device\n;desk-1\nBob;desk-2\n") == ["desk-1"], "only what changes is told"
    assert names(engine) == {"desk-2": "Bob", "desk-3": "Łukasz Żak"}
    with Session(engine) as session:
        said = [row.data["name"] for row in session.scalars(select(AuditEntry)) if row.data]
    assert sorted(said) == ["", "Ann Lee", "Bob", "Łukasz Żak"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Device,Used by\ndesk-1,Ann\nnowhere,Bob\n", "desks.csv, line 3: no device is called 'nowhere'"),
        ("Device,Used by\ntwin,Ann\n", "desks.csv, line 2: more than one device is called 'twin'"),
        (
            "Device,Used by\ndesk-1,Ann\ndesk-1,Bob\n",
            "line 3: 'desk-1' stands there twice, with another name",
        ),
        (f"Device,Used by\ndesk-1,{'x' * 201}\n", "line 2: a name is one line of at most 200 letters"),
        ("Device,Used by\ndesk-1,a\x1b[31m\n", "line 2: a name is one line of at most 200 letters"),
        ("Device\ndesk-1\n", "the column Used by is missing"),
    ],
)
def test_one_mistake_refuses_the_file_and_is_named(engine: Engine, text: str, said: str) -> None:
    fleet(engine)
    with pytest.raises(Mistakes) as caught:
        take(engine, text)
    assert said in str(caught.value)
    assert names(engine) == {}


def test_a_revoked_device_is_no_longer_called_anything(engine: Engine) -> None:
    ids = fleet(engine)
    with Session(engine) as session, session.begin():
        session.get_one(Device, ids["TWIN"]).revoked_at = NOON
    assert take(engine, "Device,Used by\ntwin,Ann\n") == ["twin"]


def test_it_is_said_of_one_device_and_of_none_that_is_not_there(engine: Engine) -> None:
    ids = fleet(engine)
    with Session(engine) as session, session.begin():
        change = used_by.tell(session, ids["desk-1"], " Ann\tLee ", who="t", now=NOON)
        assert (change.before, change.after) == ("", "Ann Lee")
        with pytest.raises(Refused):
            used_by.tell(session, "nobody", "Ann", who="t", now=NOON)


def test_a_report_leaves_the_name_and_a_merge_takes_it_along(engine: Engine) -> None:
    collector = Collector(engine)
    old, new = collector.enrol("desk"), collector.enrol("desk")
    old.heartbeat(NOON)
    with Session(engine) as session, session.begin():
        used_by.tell(session, old.device_id, "Ann", who="t", now=NOON)
    old.heartbeat(NOON + timedelta(minutes=1))
    assert names(engine) == {"desk": "Ann"}
    with Session(engine) as session, session.begin():
        merging.merge(session, old.device_id, new.device_id, who="admin", now=NOON)
        assert session.get_one(Device, new.device_id).used_by == "Ann"
