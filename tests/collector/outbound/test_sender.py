"""The outbox's way out: in order, once, later when it must be, and never in anybody's way."""

import asyncio
import threading
import time
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select

from collector import retention
from collector.config import Config
from collector.outbound import outbox
from collector.outbound.mail import Mail
from collector.outbound.sender import LEASE, Sender
from collector.problem import Problem
from collector.rules.load import load
from collector.server import Server
from collector.store import open_engine, schema, session_maker
from collector.store.tickets import FAILED, SENT, UNWANTED, WAITING, Ticket
from collector.tickets import lifecycle
from tests.collector.outbound.smtp_server import MailServer
from tests.collector.outbound.tickets import Clock, full_disks, note, rows
from tests.collector.world import NOON, Machine, filesystem

MINUTE = timedelta(minutes=1)


def told(server: MailServer) -> list[str]:
    """What each mail says happened."""
    return [
        next(
            (line.partition(": ")[2] for line in taken.text.splitlines() if line.startswith("What happened")),
            "",
        )
        for taken in server.taken
    ]


def test_a_ticket_is_told_once(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    sender = Sender(engine, mail, clock)
    assert sender.round() == 1
    assert sender.round() == 0
    (taken,) = server.taken
    (row,) = rows(engine)
    assert (row.state, row.sent_at, row.attempts) == (SENT, clock.now, 1)
    assert row.remote == taken.mail["Message-ID"]
    assert f"TOCSIN-KEY: {row.key}" in taken.text


def test_changes_of_one_moment_keep_their_order(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    for n in range(12):
        note(engine, f"note {n}", NOON + 30 * MINUTE)
    sender = Sender(engine, mail, clock)
    while sender.round():
        pass
    assert told(server)[1:] == [f"note {n}" for n in range(12)]


def test_what_could_not_be_sent_comes_later_and_in_order(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    server.close()
    sender = Sender(engine, mail, clock)
    note(engine, "first", NOON + 20 * MINUTE)
    begun, tries = clock.now, []
    while clock.now < begun + timedelta(hours=3):
        before = rows(engine)[0].attempts
        assert sender.round() == 0
        if rows(engine)[0].attempts != before:
            tries.append(clock.now)
        clock.now += timedelta(seconds=10)
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps[0] < MINUTE and gaps == sorted(gaps) and gaps[-1] >= timedelta(minutes=30)
    assert [row.state for row in rows(engine)] == [WAITING, WAITING]
    assert rows(engine)[1].attempts == 0, "the second waits for the first"

    back = MailServer(port=mail.port)
    clock.now += timedelta(hours=1)
    note(engine, "second", NOON + 40 * MINUTE)
    while sender.round():
        pass
    back.close()
    assert told(back)[1:] == ["first", "second"]


def test_a_change_put_off_holds_up_its_own_ticket_only(
    engine: Engine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    full_disks(engine, "one", "two", "three")
    server.say("RCPT", "450 greylisted")
    sender = Sender(engine, mail, clock)
    assert sender.round() == 2
    clock.now += outbox.FIRST_PAUSE
    assert sender.round() == 1


def test_a_refused_change_is_a_dead_letter_that_a_person_can_send_again(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    server.say("TEXT", "554 too long")
    sender = Sender(engine, mail, clock)
    note(engine, "later", NOON + 20 * MINUTE)
    assert sender.round() == 0
    assert [(row.state, row.error) for row in rows(engine)] == [(FAILED, "554 too long"), (WAITING, "")]
    assert sender.round() == 1, "a dead letter holds up nobody: the next one says how the ticket stands"
    with session_maker(engine)() as session, session.begin():
        with pytest.raises(Problem, match="there is no ticket 77"):
            outbox.retry(session, "77")
        assert [row["state"] for row in outbox.listing(session)] == [FAILED]
        assert outbox.retry(session, "1") == 1
    assert sender.round() == 1
    assert [row.state for row in rows(engine)] == [SENT, SENT]


def test_a_lost_answer_is_the_only_way_to_a_twin_and_the_twin_has_the_same_id(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    server.hang_up_after_text = 1
    sender = Sender(engine, mail, clock)
    assert sender.round() == 0
    assert [(row.state, row.unsure) for row in rows(engine)] == [(WAITING, 1)]
    clock.now += outbox.FIRST_PAUSE
    assert sender.round() == 1
    first, second = server.taken
    assert first.raw == second.raw


def test_a_server_that_never_confirms_gets_no_endless_copies(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    server.hang_up_after_text = 1_000
    sender = Sender(engine, mail, clock)
    for _ in range(100):
        sender.round()
        clock.now += timedelta(hours=1)
    assert len(server.taken) == outbox.UNSURE_TRIES
    assert [row.state for row in rows(engine)] == [FAILED]


def test_nothing_is_given_up_because_the_mail_server_is_away(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    server.close()
    sender = Sender(engine, mail, clock)
    for _ in range(30):
        sender.round()
        clock.now += timedelta(days=1)
    assert [row.state for row in rows(engine)] == [WAITING]


def test_without_a_way_out_nothing_waits_for_ever_and_nothing_comes_in_a_burst(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    Sender(engine, None, clock).round()
    assert [row.state for row in rows(engine)] == [UNWANTED]
    note(engine, "news", clock.now)
    sender = Sender(engine, mail, clock)
    assert sender.round() == 1
    assert told(server) == ["news"], "what was unwanted stays so"

    removed = retention.prune(engine, clock.now + timedelta(days=91), report_days=30)
    assert (removed["outbox"], rows(engine)) == (2, [])


def test_a_collector_without_mail_leaves_the_rows_to_the_one_that_has_it(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    server.close()
    Sender(engine, mail, clock).round()
    Sender(engine, None, clock).round()
    assert [row.state for row in rows(engine)] == [WAITING]


def test_who_dies_with_a_change_in_hand_leaves_it_to_the_next(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    dead, next_one = Sender(engine, mail, clock), Sender(engine, mail, clock)
    assert dead._leads()
    with session_maker(engine)() as session, session.begin():
        assert outbox.claim(session, rows(engine)[0].id, clock.now, LEASE) is not None
    clock.now += LEASE - timedelta(seconds=1)
    assert next_one.round() == 0
    clock.now += timedelta(seconds=2)
    assert next_one.round() == 1
    assert dead.round() == 0, "it is not dead after all, and has lost the lease"
    assert len(server.taken) == 1


def test_a_change_in_hand_is_not_handed_out_again(
    engine: Engine, desk: Machine, server: MailServer, clock: Clock
) -> None:
    with session_maker(engine)() as session, session.begin():
        (row,) = rows(engine)
        assert outbox.claim(session, row.id, clock.now, LEASE) is not None
        assert outbox.claim(session, row.id, clock.now, LEASE) is None
        with pytest.raises(Problem):
            outbox.retry(session, "all")


def test_a_sender_that_stops_hands_the_lease_over_at_once(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    first = Sender(engine, mail, clock)
    first.round()
    first.stop()
    note(engine, "more", clock.now)
    assert Sender(engine, mail, clock).round() == 1


def test_two_senders_that_race_send_each_change_once(
    engine: Engine, server: MailServer, mail: Mail, clock: Clock
) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time, so nobody races")
    full_disks(engine, *(f"desk-{n}" for n in range(10)))
    with session_maker(engine)() as session, session.begin():
        for ticket in session.scalars(select(Ticket)):
            for n in range(4):
                lifecycle.note(session, ticket.device_id, ticket.id, who="ann", text=f"{n}", now=clock.now)
    engines = [create_engine(engine.url) for _ in range(3)]
    senders = [Sender(each, mail, clock) for each in engines]
    ended, started = threading.Barrier(3), threading.Barrier(3)
    delivered = [0] * 3

    def run(which: int) -> None:
        for _ in range(12):
            ended.wait(30)
            if which == 0:  # each time the lease has run out, so that anybody may take it
                clock.now += LEASE + MINUTE
            started.wait(30)
            delivered[which] += senders[which].round()

    threads = [threading.Thread(target=run, args=(which,)) for which in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in engines:
        each.dispose()
    count = Counter(str(taken.mail["Message-ID"]) for taken in server.taken)
    assert (len(count), sum(delivered), set(count.values())) == (50, 50, {1})
    assert {row.state for row in rows(engine)} == {SENT}
    by_ticket: defaultdict[str, list[str]] = defaultdict(list)
    for taken, what in zip(server.taken, told(server), strict=True):
        by_ticket[str(taken.mail["X-Tocsin-Key"])].append(what)
    assert {tuple(what[1:]) for what in by_ticket.values()} == {("0", "1", "2", "3")}


def test_a_slow_mail_server_holds_up_no_report(
    engine: Engine, desk: Machine, server: MailServer, mail: Mail
) -> None:
    server.drip = True
    sender = Sender(engine, mail)
    sender.start()
    deadline = time.monotonic() + 20
    while rows(engine)[0].attempts == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert rows(engine)[0].attempts == 1, "it is being sent"
    desk.send(filesystem(0.995), NOON + timedelta(hours=2))
    assert rows(engine)[0].error == "", "and the report was taken meanwhile"
    server.close()
    sender.stop()


def test_a_collector_with_mail_settings_sends_what_waits(tmp_path: Path, server: MailServer) -> None:
    database = f"sqlite:///{tmp_path / 'collector.db'}"
    engine = open_engine(database)
    schema.upgrade(engine)
    full_disks(engine, "desk")
    config = Config(
        state_dir=tmp_path, database=database, listen="127.0.0.1", intake_port=0, enrolment_port=0,
        mail_to=("help@example.org",), mail_from="tocsin@example.org", smtp_host="127.0.0.1",
        smtp_port=server.port, smtp_security="none",
    )  # fmt: skip

    async def serve() -> None:
        collector = Server(config, load(), engine)
        await collector.start()
        for _ in range(200):
            if server.taken:
                break
            await asyncio.sleep(0.1)
        await collector.stop()

    asyncio.run(serve())
    assert [taken.to for taken in server.taken] == [("help@example.org",)]
