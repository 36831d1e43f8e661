"""What the checks of the past tell: pass rates, what changed, since when."""

import uuid
from datetime import datetime

from sqlalchemy import Engine

from collector.rooms import checks, readiness
from collector.rooms import room as rooming
from collector.rooms.checks import Rates
from collector.store import reader_maker, session_maker
from collector.store.rooms import ReadinessCheck
from tests.collector.rooms.courtroom import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    TULSA,
    Courtroom,
)
from tests.collector.rooms.test_checks import ROOM, ask, history, save

# history


def ended(engine: Engine, at: datetime, verdict: str, name: str = ROOM) -> None:
    with session_maker(engine)() as session, session.begin():
        session.add(
            ReadinessCheck(
                id=uuid.uuid4().hex, site=TULSA, room=name, trigger="morning", for_at=at, asked_at=at,
                ended_at=at + MINUTE, verdict=verdict, reason=verdict, items=[], bring=[],
            )
        )  # fmt: skip


def test_history_gives_the_pass_rate_of_a_room(engine: Engine) -> None:
    for day, verdict in enumerate(["ready", "ready", "not_ready", "degraded", "unknown", "ready"]):
        ended(engine, NOW - day * DAY, verdict)
    ended(engine, NOW, "unknown", "Attic")
    ended(engine, NOW - 40 * DAY, "not_ready")
    with reader_maker(engine)() as session:
        rates = checks.pass_rates(session, NOW - 30 * DAY, NOW + HOUR)
    assert rates == {(TULSA, ROOM): Rates(3, 1, 1, 1), (TULSA, "Attic"): Rates(0, 0, 0, 1)}
    assert rates[TULSA, ROOM].passed_ratio == 3 / 5
    assert rates[TULSA, "Attic"].passed_ratio is None  # nobody could tell: that is no rate of zero
    assert [row.verdict for row in history(engine)][:3] == ["ready", "ready", "not_ready"]


def test_a_room_that_was_ready_and_is_not_is_told_once_to_whoever_mails_it(engine: Engine) -> None:
    for hours, verdict, name in (
        (48, "ready", ROOM), (24, "unknown", ROOM), (2, "ready", ROOM), (1, "not_ready", ROOM), (0, "not_ready", ROOM),
        (3, "not_ready", "Attic"), (1, "not_ready", "Attic"), (2, "degraded", "Cellar"), (1, "not_ready", "Cellar"),
    ):  # fmt: skip
        ended(engine, NOW - hours * HOUR, verdict, name)
    with reader_maker(engine)() as session:
        found = checks.worsened(session, NOW - 4 * HOUR)
        assert [(one.check.room, one.before, one.check.asked_at) for one in found] == [
            ("Cellar", "degraded", NOW - HOUR), (ROOM, "ready", NOW - HOUR),
        ]  # fmt: skip
        assert checks.worsened(session, NOW - HOUR / 2) == []


def test_two_checks_tell_since_when_a_room_is_ready(engine: Engine) -> None:
    save(engine, Courtroom())
    ended(engine, NOW - 2 * DAY, "not_ready")
    ended(engine, NOW - DAY, "ready")
    ended(engine, NOW - HOUR, "ready")
    ask(engine, NOW)
    with reader_maker(engine)() as session:
        (verdict,) = readiness.verdicts(session, rooming.rooms(session), NOW).values()
    assert verdict.since == NOW - DAY + MINUTE
