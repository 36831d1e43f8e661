"""Impact × urgency, and a person's own word on it."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from collector.store import reader_maker, session_maker
from collector.store.tickets import OutboxRow, Ticket, TicketEvent
from collector.tickets import lifecycle
from collector.tickets.priority import MATRIX, computed
from tests.collector.rules.reports import reading, report
from tests.collector.world import NOON, Collector, filesystem

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_the_matrix_is_whole_and_never_falls_with_impact_or_urgency() -> None:
    assert len(MATRIX) == 9
    for (impact, urgency), priority in MATRIX.items():
        assert priority == impact + urgency - 1


@pytest.mark.parametrize(
    "severity, device_class, priority",
    [
        ("critical", "desktop", 3), ("warning", "desktop", 4), ("critical", "laptop", 3), ("critical", "av_host", 2),
        ("warning", "av_host", 3), ("critical", "server", 2), ("warning", "unknown", 4),
    ],
)  # fmt: skip
def test_a_rooms_machine_goes_before_a_desk(severity: str, device_class: str, priority: int) -> None:
    assert computed(severity, device_class) == priority


@pytest.fixture
def collector(engine: Engine) -> Collector:
    return Collector(engine)


def _ticket(engine: Engine) -> Ticket:
    with reader_maker(engine)() as session:
        return session.scalars(select(Ticket)).one()


def _set(
    engine: Engine, priority: int | None, why: str = "a judge's desk", version: int | None = None
) -> None:
    ticket = _ticket(engine)
    with session_maker(engine)() as session, session.begin():
        lifecycle.set_priority(
            session, ticket.device_id, ticket.id, priority=priority, why=why, who="ana",
            version=ticket.version if version is None else version, now=NOON + HOUR,
        )  # fmt: skip


def test_a_persons_priority_stands_when_a_worse_finding_joins(collector: Collector, engine: Engine) -> None:
    desk = collector.enrol("desk")
    for minute in range(0, 16, 5):
        desk.send(filesystem(0.99), NOON + minute * MINUTE)
    before = _ticket(engine)
    _set(engine, 1)
    ticket = _ticket(engine)
    assert (ticket.priority, ticket.priority_by, ticket.priority_why) == (1, "ana", "a judge's desk")
    assert ticket.version == before.version + 1
    desk.send(report(reading("disk_pending_sectors_count", 8, "S1", "sda")), NOON + 2 * HOUR)
    ticket = _ticket(engine)
    assert "more" in ticket.title
    assert ticket.priority == 1
    _set(engine, None, why="it moved to a store room")
    ticket = _ticket(engine)
    assert (ticket.priority, ticket.priority_by, ticket.priority_why) == (3, "", "")
    with reader_maker(engine)() as session:
        told = list(session.scalars(select(TicketEvent.text).where(TicketEvent.kind == "priority")))
        sent = session.scalars(select(OutboxRow).order_by(OutboxRow.created_at)).all()
    assert told[0].endswith(": a judge's desk")
    assert any(row.body["priority"] == 1 for row in sent)


def test_a_stale_page_a_missing_reason_and_a_sixth_priority_are_refused(
    collector: Collector, engine: Engine
) -> None:
    desk = collector.enrol("desk")
    for minute in range(0, 16, 5):
        desk.send(filesystem(0.99), NOON + minute * MINUTE)
    before = _ticket(engine)
    with pytest.raises(lifecycle.StaleVersion):
        _set(engine, 1, version=before.version - 1)
    with pytest.raises(lifecycle.IllegalMove, match="why"):
        _set(engine, 1, why=" ")
    with pytest.raises(lifecycle.IllegalMove, match="1 to 5"):
        _set(engine, 6)
    assert _ticket(engine).version == before.version
