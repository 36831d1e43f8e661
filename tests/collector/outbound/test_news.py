"""Mail of situations and of each morning's rooms: through the same outbox, once each."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select

from collector.config import ConfigError, load
from collector.outbound import outbox
from collector.outbound.mail import Mail, from_config
from collector.outbound.sender import Sender
from collector.rooms import checks, morning_mail
from collector.rooms import room as rooming
from collector.store import session_maker
from collector.store.situations import Situation
from collector.store.tickets import FAILED, SENT, WAITING
from collector.sweep import Pace, Sweep
from tests.collector.outbound.smtp_server import MailServer
from tests.collector.outbound.tickets import MINUTE, Clock, rows
from tests.collector.rooms.courtroom import DISPLAY, HOUR, NOW, SECOND, TULSA, Courtroom
from tests.collector.world import NOON, Collector

AT_0715 = NOW  # in Tulsa
TEAM = ("av-team@example.org",)


@pytest.fixture
def with_rooms(mail: Mail) -> Mail:
    return replace(mail, rooms_to=TEAM)


# situations


def outage(engine: Engine) -> None:
    """Tulsa falls silent; nine of ten come back."""
    collector = Collector(engine)
    tulsa = collector.enrol_many([f"tulsa-{n}" for n in range(10)], site="Tulsa")
    other = collector.enrol_many([f"enid-{n}" for n in range(5)], site="Enid")
    collector.heartbeats([*tulsa, *other], NOON)
    for minute in range(1, 41):
        collector.heartbeats([*other, *(tulsa[:9] if minute > 20 else ())], NOON + minute * MINUTE)
        collector.sweep(NOON + minute * MINUTE)


def test_a_situation_is_told_when_it_opens_and_when_it_is_over(
    engine: Engine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    outage(engine)
    sender = Sender(engine, mail, clock)
    while sender.round():
        pass
    opened, over = (taken for taken in server.taken if "situation:" in taken.text.splitlines()[0])
    assert opened.to == ("help@example.org",)
    with session_maker(engine)() as session:
        known = session.scalars(select(Situation)).one()
    assert opened.mail["Subject"] == f"[Tocsin #{known.number}] {known.title}"
    assert f"Situation {known.number}, open, at 2026-11-02 12:0" in opened.text
    assert "Power, line or switch of this place" in opened.text
    assert "This situation is over." in over.text
    assert "What happened: 9 of 10 devices are heard again; 1 did not come back with it" in over.text
    assert over.mail["In-Reply-To"] == opened.mail["Message-ID"]
    assert "Ticket" not in opened.text + over.text and "priority" not in opened.text + over.text
    assert {row.state for row in rows(engine)} == {SENT}


def test_a_dead_letter_of_a_situation_is_sent_again_by_its_number(
    engine: Engine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    outage(engine)
    server.say("TEXT", "554 no")
    sender = Sender(engine, mail, clock)
    sender.round()
    (dead,) = (row for row in rows(engine) if row.state == FAILED)
    assert dead.key.startswith("situation:")
    while sender.round():
        pass
    with session_maker(engine)() as session, session.begin():
        assert outbox.listing(session)[0]["kind"] == "situation"
        assert outbox.retry(session, str(dead.body["number"])) == 1
    assert sender.round() == 1


# rooms


def save(engine: Engine, *rooms: Courtroom) -> None:
    with session_maker(engine)() as session, session.begin():
        for room in rooms:
            room.save(session)


def morning(engine: Engine, at_begin: timedelta = timedelta(0), *, told: list[str] | None = None) -> None:
    """The clock asks; two minutes later nobody waits any longer for an answer."""
    now = AT_0715 + at_begin
    with session_maker(engine)() as session, session.begin():
        checks.due(session, rooming.rooms(session), now)
    with session_maker(engine)() as session, session.begin():
        checks.finish(session, now + 2 * MINUTE)
        found = morning_mail.tell(session, now + 2 * MINUTE)
    if told is not None:
        told += found


def test_the_rooms_of_a_site_are_told_once_a_morning_to_those_who_asked(
    engine: Engine, server: MailServer, with_rooms: Mail, clock: Clock
) -> None:
    well, broken = Courtroom(), Courtroom("Courtroom 4", "av-4").loses("displays", DISPLAY)
    save(engine, well, broken)
    told: list[str] = []
    for hours in (0, 1, 3):
        morning(engine, hours * HOUR, told=told)
    assert told == [TULSA]
    clock.now = AT_0715 + 3 * MINUTE
    sender = Sender(engine, with_rooms, clock)
    assert (sender.round(), sender.round()) == (1, 0)
    (taken,) = server.taken
    assert taken.to == TEAM
    subject = str(taken.mail["Subject"])
    assert subject.startswith(f"[Tocsin] Rooms at {TULSA}, Mon 23 Nov 07:17:")
    key, blank, *body = taken.text.splitlines()
    assert key.startswith("TOCSIN-KEY: rooms:") and blank == ""
    assert body[0].startswith("2 rooms: ")
    assert any(line.startswith("    ") and line.strip() for line in body), "reasons are set in"
    assert all(len(line) <= 78 for line in body)


def test_a_mail_of_rooms_comes_on_the_next_morning_too(engine: Engine) -> None:
    save(engine, Courtroom())
    told: list[str] = []
    for day in (0, 1):
        morning(engine, timedelta(days=day), told=told)
    assert told == [TULSA] * 2
    assert len({row.id for row in rows(engine)}) == 2


def test_sites_are_told_apart_and_each_when_its_last_room_is_done(engine: Engine) -> None:
    save(
        engine, Courtroom(), Courtroom("Courtroom 4", "av-4"), Courtroom("Hearing room", "av-5", site="Enid")
    )
    with session_maker(engine)() as session, session.begin():
        checks.due(session, rooming.rooms(session), AT_0715)
        begun = checks.history(session, TULSA, "Courtroom 4")[0]
        begun.asked_at = AT_0715 + 90 * SECOND  # its host was asked later
    with session_maker(engine)() as session, session.begin():
        checks.finish(session, AT_0715 + 2 * MINUTE)
        assert morning_mail.tell(session, AT_0715 + 2 * MINUTE) == ["Enid"]
    with session_maker(engine)() as session, session.begin():
        checks.finish(session, AT_0715 + 3 * MINUTE)
        assert morning_mail.tell(session, AT_0715 + 3 * MINUTE) == [TULSA]
    titles = [row.body["title"] for row in rows(engine)]
    assert ["Enid" in title for title in titles] == [True, False]


def test_a_check_that_somebody_asked_for_is_no_morning(engine: Engine) -> None:
    save(engine, Courtroom())
    with session_maker(engine)() as session, session.begin():
        checks.ask(session, TULSA, "Courtroom 3", who="ann", now=AT_0715)
        assert checks.finish(session, AT_0715 + 2 * MINUTE) != []
        assert morning_mail.tell(session, AT_0715 + 2 * MINUTE) == []


def test_a_morning_that_a_long_absence_left_open_is_not_told_the_next_day(engine: Engine) -> None:
    save(engine, Courtroom())
    with session_maker(engine)() as session, session.begin():
        checks.due(session, rooming.rooms(session), AT_0715)
    late = AT_0715 + 23 * HOUR
    with session_maker(engine)() as session, session.begin():
        assert checks.finish(session, late) != []
        assert morning_mail.tell(session, late) == []


def test_two_collectors_that_end_the_same_morning_write_one_mail(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time, so nobody races")
    save(engine, Courtroom())
    with session_maker(engine)() as session, session.begin():
        checks.due(session, rooming.rooms(session), AT_0715)
    with session_maker(engine)() as session, session.begin():
        checks.finish(session, AT_0715 + 2 * MINUTE)
    engines = [create_engine(engine.url) for _ in range(2)]
    together, told = threading.Barrier(2), []

    def run(own: Engine) -> None:
        with session_maker(own)() as session, session.begin():
            together.wait(30)
            told.append(morning_mail.tell(session, AT_0715 + 2 * MINUTE))

    threads = [threading.Thread(target=run, args=(own,)) for own in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for own in engines:
        own.dispose()
    assert sorted(told) == [[], [TULSA]]
    assert len(rows(engine)) == 1


@pytest.mark.parametrize("wanted", [True, False])
def test_the_sweep_writes_it_only_when_somebody_wants_it(engine: Engine, wanted: bool) -> None:
    save(engine, Courtroom())
    collector = Collector(engine)
    collector.sweeper = Sweep(collector.bench, collector.desk, Pace(gap=HOUR), mails_rooms=wanted)
    for second in range(0, 180, 20):
        collector.sweep(AT_0715 + second * SECOND)
    assert [row.body["kind"] for row in rows(engine)] == ["rooms"] * wanted


def test_when_nobody_wants_it_any_more_it_is_a_dead_letter_and_no_ticket_waits_for_it(
    engine: Engine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    save(engine, Courtroom())
    morning(engine)
    clock.now = AT_0715 + 3 * MINUTE
    assert Sender(engine, mail, clock).round() == 0
    (row,) = rows(engine)
    assert (row.state, row.error) == (FAILED, "mail_rooms_to is not set")
    assert server.taken == []


def test_a_mail_server_that_is_away_gets_the_rooms_when_it_is_back(
    engine: Engine, server: MailServer, with_rooms: Mail, clock: Clock
) -> None:
    save(engine, Courtroom())
    morning(engine)
    clock.now = AT_0715 + 3 * MINUTE
    server.say("TEXT", "451 not now")
    sender = Sender(engine, with_rooms, clock)
    assert sender.round() == 0
    assert rows(engine)[0].state == WAITING
    clock.now += outbox.FIRST_PAUSE
    assert sender.round() == 1


def test_what_a_room_is_called_writes_no_header_and_no_link(
    engine: Engine, server: MailServer, with_rooms: Mail, clock: Clock
) -> None:
    save(engine, Courtroom("x\r\nBcc: all@example.org https://evil.example TOCSIN-KEY: y", "av-1"))
    morning(engine)
    clock.now = AT_0715 + 3 * MINUTE
    Sender(engine, with_rooms, clock).round()
    (taken,) = server.taken
    assert taken.to == TEAM and taken.mail["Bcc"] is None
    assert taken.text.upper().count("TOCSIN-KEY:") == 1 and "://" not in taken.text


# settings

WHOLE = 'mail_to = ["help@example.org"]\nmail_from = "tocsin@example.org"\nsmtp_host = "mail.example.org"\n'


def test_who_gets_the_rooms_is_a_setting_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text(f'{WHOLE}mail_rooms_to = ["av-team@example.org"]\n')
    found = from_config(load(file, {}, {}))
    assert found is not None and (found.to, found.rooms_to) == (("help@example.org",), TEAM)
    file.write_text(f'{WHOLE}mail_rooms_to = ["av team"]\n')
    with pytest.raises(
        ConfigError, match=r"collector.toml, line 4, mail_rooms_to: addresses such as .*'av team'"
    ):
        load(file, {}, {})
    with pytest.raises(ConfigError, match="TOCSIN_MAIL_ROOMS_TO: mail_rooms_to needs mail_to beside it"):
        load(None, {"TOCSIN_MAIL_ROOMS_TO": "av@example.org"}, {})
