"""Checks of rooms: when the clock asks, how hosts answer, how they end, and what their history tells."""

import threading
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, select, update

from collector.rooms import checks
from collector.rooms import room as rooming
from collector.rooms.checks import Wanted
from collector.store import reader_maker, session_maker
from collector.store.devices import Device
from collector.store.installation import RefreshRequest
from collector.store.people import AuditEntry
from collector.store.reports import ProbeResult
from collector.store.rooms import Booking, ReadinessCheck
from tests.collector.rooms.courtroom import (
    DAY,
    DISPLAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    TULSA,
    ZONE,
    Courtroom,
    book,
)
from tests.collector.rooms.test_known import counted
from tests.collector.world import Collector

ROOM = "Courtroom 3"
AT_0715 = NOW  # in Tulsa


def save(engine: Engine, *rooms: Courtroom) -> None:
    with session_maker(engine)() as session, session.begin():
        for room in rooms:
            room.save(session)


def due(engine: Engine, now: datetime) -> list[Wanted]:
    with session_maker(engine)() as session, session.begin():
        return checks.due(session, rooming.rooms(session), now)


def ask(engine: Engine, now: datetime, name: str = ROOM) -> ReadinessCheck:
    with session_maker(engine)() as session, session.begin():
        return checks.ask(session, TULSA, name, who="ann", now=now)


def finish(engine: Engine, now: datetime) -> list[tuple[str, str]]:
    with session_maker(engine)() as session, session.begin():
        return checks.finish(session, now)


def history(engine: Engine, name: str = ROOM) -> list[ReadinessCheck]:
    with reader_maker(engine)() as session:
        return checks.history(session, TULSA, name, 100)


def requests(engine: Engine) -> list[RefreshRequest]:
    with reader_maker(engine)() as session:
        return list(session.scalars(select(RefreshRequest).order_by(RefreshRequest.number)))


def answer(engine: Engine, now: datetime, *, probes: Iterable[str] | None = None) -> None:
    """As results.py does it: the first report answers; these probes ran for it (None: all)."""
    with session_maker(engine)() as session, session.begin():
        session.execute(update(RefreshRequest).values(answered_at=now))
        session.execute(update(Device).values(seen_at=now))
        ran = update(ProbeResult).values(received_at=now, ok_at=now)
        session.execute(ran if probes is None else ran.where(ProbeResult.probe.in_(list(probes))))


# by the clock


def test_each_morning_a_room_is_checked_once_at_a_quarter_past_seven(engine: Engine) -> None:
    save(engine, Courtroom())
    assert due(engine, AT_0715 - SECOND) == []
    assert due(engine, AT_0715) == [(TULSA, ROOM, "morning", AT_0715)]
    assert [due(engine, AT_0715 + n * MINUTE) for n in range(0, 400, 20)] == [[]] * 20
    (check,) = history(engine)
    assert (check.who, check.asked_at, check.for_at, check.ended_at) == ("tocsin", AT_0715, AT_0715, None)
    assert due(engine, AT_0715 + DAY) == [(TULSA, ROOM, "morning", AT_0715 + DAY)]


def test_a_room_that_is_closed_has_no_morning(engine: Engine) -> None:
    save(engine, Courtroom())
    saturday = AT_0715 + 5 * DAY
    assert saturday.astimezone(ZoneInfo(ZONE)).strftime("%a %H:%M") == "Sat 07:15"
    assert [bool(due(engine, saturday + n * DAY)) for n in range(3)] == [False, False, True]


def test_a_room_without_hours_has_one_every_day(engine: Engine) -> None:
    room = Courtroom()
    room.hours = None
    save(engine, room)
    assert all(due(engine, AT_0715 + n * DAY) for n in range(7))


def test_a_collector_that_slept_makes_the_morning_up_until_noon_and_says_when(engine: Engine) -> None:
    save(engine, Courtroom())
    assert due(engine, AT_0715 + 5 * HOUR) == []  # 12:15
    late = AT_0715 + 4 * HOUR
    assert due(engine, late) == [(TULSA, ROOM, "morning", AT_0715)]
    (check,) = history(engine)
    assert (check.for_at, check.asked_at) == (AT_0715, late)


@pytest.mark.parametrize(
    "day, at",
    [(date(2026, 3, 7), 13), (date(2026, 3, 8), 12), (date(2026, 10, 31), 12), (date(2026, 11, 1), 13)],
    ids=["before spring", "the day the clocks go forward", "before autumn", "the day they go back"],
)
def test_the_morning_is_the_wall_clocks_on_the_days_the_clocks_change(
    engine: Engine, day: date, at: int
) -> None:
    room = Courtroom()
    room.hours = None
    save(engine, room)
    moment = datetime.combine(day, time(at, 15), UTC)
    assert due(engine, moment - SECOND) == []
    assert due(engine, moment) == [(TULSA, ROOM, "morning", moment)]


def test_a_booking_is_looked_at_an_hour_and_a_quarter_of_an_hour_before(engine: Engine) -> None:
    begins = AT_0715 + 6 * HOUR
    save(engine, Courtroom().books(6 * HOUR, HOUR))
    told = {n: found for n in range(0, 400, 5) if (found := due(engine, AT_0715 + n * MINUTE))}
    assert told == {
        0: [(TULSA, ROOM, "morning", AT_0715)],
        300: [(TULSA, ROOM, "before_60", begins)],
        345: [(TULSA, ROOM, "before_15", begins)],
    }


def test_a_booking_that_was_imported_late_gets_only_what_is_still_ahead(engine: Engine) -> None:
    save(engine, Courtroom())
    now = AT_0715 + 6 * HOUR
    with session_maker(engine)() as session, session.begin():
        book(session, TULSA, ROOM, [(now + 40 * MINUTE, now + 2 * HOUR)], known_at=now)
    assert due(engine, now) == []
    assert due(engine, now + 24 * MINUTE) == []
    assert due(engine, now + 25 * MINUTE) == [(TULSA, ROOM, "before_15", now + 40 * MINUTE)]

    with session_maker(engine)() as session, session.begin():
        book(session, TULSA, ROOM, [(now + 50 * MINUTE, now + 3 * HOUR)], known_at=now + 40 * MINUTE)
    assert [due(engine, now + n * MINUTE) for n in range(40, 60)] == [[]] * 20


def test_a_look_that_was_slept_through_is_made_up_until_the_next_one(engine: Engine) -> None:
    save(engine, Courtroom().books(6 * HOUR, HOUR))
    begins = AT_0715 + 6 * HOUR
    assert due(engine, begins - 40 * MINUTE) == [(TULSA, ROOM, "before_60", begins)]
    assert due(engine, begins - 2 * MINUTE) == [(TULSA, ROOM, "before_15", begins)]
    assert due(engine, begins) == []


def test_a_cancelled_booking_is_not_looked_at(engine: Engine) -> None:
    save(engine, Courtroom().books(6 * HOUR, HOUR))
    with session_maker(engine)() as session, session.begin():
        session.execute(update(Booking).values(cancelled_at=AT_0715))
    assert [due(engine, AT_0715 + (300 + n) * MINUTE) for n in range(60)] == [[]] * 60


def test_two_bookings_of_one_moment_are_looked_at_once(engine: Engine) -> None:
    save(engine, Courtroom().books(6 * HOUR, HOUR).books(6 * HOUR, 2 * HOUR))
    assert len(due(engine, AT_0715 + 5 * HOUR + MINUTE)) == 1


def test_nothing_due_costs_the_same_for_1_10_and_40_rooms(engine: Engine) -> None:
    counts: dict[str, list[int]] = {"nothing due": [], "the morning is done": [], "no check open": []}
    saved = 0
    for many in (1, 10, 40):
        save(engine, *(Courtroom(f"Courtroom {n}", f"av-{n}") for n in range(saved, many)))
        saved = many
        due(engine, AT_0715 + MINUTE)
        finish(engine, AT_0715 + 3 * MINUTE)
        for name, work in (
            ("nothing due", lambda: due(engine, AT_0715 - HOUR)),
            ("the morning is done", lambda: due(engine, AT_0715 + 2 * HOUR)),
            ("no check open", lambda: finish(engine, AT_0715 + 2 * HOUR)),
        ):
            with counted(engine) as statements:
                assert work() == []
            counts[name].append(len([s for s in statements if not s.startswith(("BEGIN", "PRAGMA"))]))
    assert {name: len(set(found)) for name, found in counts.items()} == dict.fromkeys(counts, 1), counts
    assert counts["no check open"][0] == 1
    print(counts)


# asking and ending


def test_asking_asks_each_host_that_is_online_and_nobody_else(engine: Engine) -> None:
    silent = Courtroom(host="av-4").falls_silent(AT_0715 - HOUR)
    here = Courtroom()
    save(engine, here, silent)
    with session_maker(engine)() as session, session.begin():
        session.add(Device(id="clerk", site=TULSA, room=ROOM, device_class="desktop", presence="online", enrolled_at=NOW))  # fmt: skip
    check = ask(engine, AT_0715)
    assert (check.trigger, check.who, check.asked_at, check.for_at) == ("asked", "ann", AT_0715, AT_0715)
    (request,) = requests(engine)
    assert (request.device_id, request.asked_by, request.number, request.sent_at) == (here.device.id, "ann", 1, None)  # fmt: skip
    with reader_maker(engine)() as session:
        assert [row.action for row in session.scalars(select(AuditEntry))] == ["room check asked"]


def test_asked_again_while_it_waits_it_is_the_same_check(engine: Engine) -> None:
    save(engine, Courtroom())
    first = ask(engine, AT_0715)
    assert ask(engine, AT_0715 + 5 * SECOND).id == first.id
    assert len(requests(engine)) == 1
    finish(engine, AT_0715 + 61 * SECOND)
    assert ask(engine, AT_0715 + 70 * SECOND).id != first.id
    assert [row.number for row in requests(engine)] == [1, 2]


def test_a_room_that_is_not_there_cannot_be_asked(engine: Engine) -> None:
    save(engine, Courtroom())
    with pytest.raises(rooming.NoSuchRoom, match="there is no room 'Attic'"):
        ask(engine, AT_0715, "Attic")


def test_a_check_ends_when_its_hosts_have_answered(engine: Engine) -> None:
    save(engine, Courtroom())
    ask(engine, AT_0715)
    assert finish(engine, AT_0715 + 2 * SECOND) == []
    answer(engine, AT_0715 + 3 * SECOND)
    assert finish(engine, AT_0715 + 4 * SECOND) == [(TULSA, ROOM)]
    (check,) = history(engine)
    assert (check.verdict, check.ended_at) == ("ready", AT_0715 + 4 * SECOND)
    assert check.reason.startswith("all is well") and check.items and check.bring == []
    assert not any("as of" in item["reason"] for item in check.items)
    assert finish(engine, AT_0715 + 5 * SECOND) == []


def test_a_check_waits_for_the_projector_that_answers_slowly(engine: Engine) -> None:
    """The first report answers the request; the projectors' probe comes with the next one."""
    save(engine, Courtroom())
    ask(engine, AT_0715)
    answer(
        engine, AT_0715 + 3 * SECOND, probes=["displays", "audio", "cameras", "usb", "recorder", "network"]
    )
    assert finish(engine, AT_0715 + 4 * SECOND) == []
    answer(engine, AT_0715 + 20 * SECOND, probes=["projectors"])
    assert finish(engine, AT_0715 + 22 * SECOND) == [(TULSA, ROOM)]


def test_after_a_minute_it_is_judged_by_what_is_known_and_says_how_old_that_is(engine: Engine) -> None:
    save(engine, Courtroom())
    ask(engine, AT_0715)
    assert finish(engine, AT_0715 + 59 * SECOND) == []
    assert finish(engine, AT_0715 + 60 * SECOND) == [(TULSA, ROOM)]
    (check,) = history(engine)
    (display,) = (item for item in check.items if item["name"] == "displays")
    assert display["reason"] == "QM55R: connected (as of 07:14)"


def test_a_room_whose_host_is_silent_is_not_waited_for(engine: Engine) -> None:
    save(engine, Courtroom().falls_silent(AT_0715 - HOUR))
    ask(engine, AT_0715)
    assert requests(engine) == []
    assert finish(engine, AT_0715 + SECOND) == [(TULSA, ROOM)]
    (check,) = history(engine)
    assert check.verdict == "unknown" and "silent since 06:15" in check.reason


def test_a_room_that_went_away_meanwhile_ends_as_unknown(engine: Engine) -> None:
    save(engine, Courtroom())
    ask(engine, AT_0715)
    with session_maker(engine)() as session, session.begin():
        session.execute(update(Device).values(room="Store"))
    finish(engine, AT_0715 + SECOND)
    (check,) = history(engine)
    assert (check.verdict, check.reason) == ("unknown", "there is no such room any more")


def test_the_sweep_asks_in_the_morning_and_ends_what_was_answered(engine: Engine) -> None:
    room = Courtroom()
    save(engine, room)
    collector = Collector(engine)
    for second in range(0, 80, 5):
        now = AT_0715 - 10 * SECOND + second * SECOND
        with session_maker(engine)() as session, session.begin():
            session.execute(update(Device).values(seen_at=now))
        collector.sweep(now)
        if second == 30:
            (request,) = requests(engine)
            assert request.device_id == room.device.id and request.sent_at is not None
            answer(engine, now)
    (check,) = history(engine)
    assert (check.trigger, check.verdict) == ("morning", "ready")
    assert check.asked_at - AT_0715 < 20 * SECOND


# several collectors


def test_three_collectors_at_once_begin_and_end_each_check_once(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time, so nobody races")
    save(engine, *(Courtroom(f"Courtroom {n}", f"av-{n}") for n in range(8)))
    engines = [create_engine(engine.url) for _ in range(3)]
    started, failures = threading.Barrier(3), list[BaseException]()
    begun: list[Wanted] = []
    over: list[tuple[str, str]] = []

    def run(mine: Engine) -> None:
        for day in range(15):
            try:
                started.wait(30)
                begun.extend(due(mine, AT_0715 + day * DAY))
                started.wait(30)
                over.extend(finish(mine, AT_0715 + day * DAY + 61 * SECOND))
            except BaseException as failure:
                failures.append(failure)
                started.abort()
                return

    threads = [threading.Thread(target=run, args=(each,)) for each in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in engines:
        each.dispose()
    assert failures == []
    days = 11  # of the fifteen that are no weekend
    assert len(begun) == len(set(begun)) == 8 * days
    assert len(over) == 8 * days
    with reader_maker(engine)() as session:
        rows = session.scalars(select(ReadinessCheck)).all()
        asked = session.scalars(select(RefreshRequest)).all()
    assert len(rows) == 8 * days and all(row.ended_at is not None for row in rows)
    assert len({row.number for row in asked}) == len(asked) == 8 * days


def test_the_checks_of_a_large_county_end_over_several_sweeps(engine: Engine) -> None:
    """The pipeline's thread judges them, and reports wait meanwhile."""
    save(engine, *(Courtroom(f"Courtroom {n}", f"av-{n}") for n in range(60)))
    assert len(due(engine, AT_0715)) == 60
    assert [len(finish(engine, AT_0715 + n * SECOND)) for n in (61, 63, 65)] == [50, 10, 0]


def test_a_display_that_is_gone_is_in_the_row_that_pages_show(engine: Engine) -> None:
    save(engine, Courtroom().loses("displays", DISPLAY).books(HOUR, HOUR))
    ask(engine, AT_0715)
    finish(engine, AT_0715 + timedelta(minutes=2))
    (check,) = history(engine)
    assert check.verdict == "not_ready" and check.reason.startswith("QM55R: is not connected")
    assert [item["result"] for item in check.items if item["name"] == "displays"] == ["fail"]
