"""One machine enrolled twice: what people decided goes on with the new device, what was told stays with the old."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, aliased

from collector import decide, identity, merging, replay
from collector.__main__ import main
from collector.store import open_engine, schema, session_maker
from collector.store.devices import Device
from collector.store.findings import CLEARED, Finding, Transition
from collector.store.overrides import Acceptance, Override
from collector.store.people import AuditEntry
from collector.store.reports import StoredReport
from collector.store.rooms import BaselinePart
from collector.store.situations import Maintenance
from collector.store.tickets import Ticket, TicketEvent
from collector.tickets import precision, repair
from protos import enrolment_pb2
from tests.collector.world import NOON, Collector, Machine, filesystem

Model = TypeVar("Model")

HOUR = timedelta(hours=1)
LATER = NOON + 2 * HOUR
DECIDED = LATER - HOUR / 2


@dataclass
class Twice:
    """A machine with two full disks, enrolled again two hours later: one of them is full on both."""

    collector: Collector
    old: Machine
    new: Machine

    def heard(self, at: datetime) -> None:
        """Nothing new, and they are there: nobody fell silent."""
        self.collector.heartbeats([self.old, self.new], at)
        self.collector.sweep(at + timedelta(seconds=1))

    def merge(self) -> merging.Luggage:
        self.heard(LATER - timedelta(seconds=2))
        with session_maker(self.collector.engine)() as session, session.begin():
            found = merging.merge(session, self.old.device_id, self.new.device_id, who="ana", now=LATER)
        self.collector.sweep(LATER + timedelta(seconds=1))
        return found


@pytest.fixture
def twice(engine: Engine) -> Twice:
    collector = Collector(engine)
    old, new = collector.enrol("desk", site="Tulsa"), collector.enrol("desk-b", site="Tulsa")
    for minute in (0, 12, 24, 36, 48, 60):
        at = NOON + timedelta(minutes=minute)
        full = filesystem(0.98)
        full.readings.extend(filesystem(0.98, component="f-2", label="/var").readings)
        old.send(full, at)
        new.send(filesystem(0.98), at)
    return Twice(collector, old, new)


def _all(session: Session, model: type[Model], device_id: str) -> list[Model]:
    return list(session.scalars(select(model).where(model.device_id == device_id)))  # type: ignore[attr-defined]


def test_findings_end_and_tickets_are_cancelled_without_a_word_of_repair(twice: Twice) -> None:
    luggage = twice.merge()
    assert (len(luggage.tickets), len(luggage.findings), len(luggage.twins)) == (1, 2, 1)
    with session_maker(twice.collector.engine)() as session:
        old = session.get_one(Device, twice.old.device_id)
        assert (old.lives_on_as, old.revoked_at, old.open_findings) == (twice.new.device_id, LATER, 0)
        found = _all(session, Finding, old.id)
        assert {(row.state, row.cleared_reason) for row in found} == {(CLEARED, "merged")}
        ticket = _all(session, Ticket, old.id)[0]
        assert (ticket.state, ticket.outcome, ticket.proof, ticket.resolved_at) == ("cancelled", "", "", None)
        lines = [row.text for row in _all(session, TicketEvent, old.id) if row.kind == "moved"]
        assert len(lines) == 1 and "lives on as desk-b" in lines[0] and "This is no repair." in lines[0]
        assert precision.weeks(session, LATER + HOUR, 1) == []
        month = LATER + timedelta(days=2)
        assert repair.look_for_clean_days(session, twice.collector.bench.rules, month) == 0


def test_the_ticket_of_the_new_device_says_what_was_open_before(twice: Twice) -> None:
    twice.merge()
    with session_maker(twice.collector.engine)() as session:
        ticket = _all(session, Ticket, twice.new.device_id)[0]
        assert (ticket.state, ticket.touched_at) == ("new", None)
        old = _all(session, Ticket, twice.old.device_id)[0]
        notes = [row.text for row in _all(session, TicketEvent, ticket.device_id) if row.kind == "note"]
        assert len(notes) == 1 and "earlier enrolment desk since 2026-11-02" in notes[0]
        assert f"ticket {old.number}" in notes[0]


def test_history_stays_with_the_device_it_was_told_by(twice: Twice) -> None:
    def counts() -> list[int]:
        with session_maker(twice.collector.engine)() as session:
            return [
                session.scalar(
                    select(func.count()).select_from(model).where(model.device_id == device_id)
                )
                or 0
                for model in (StoredReport, Finding, Ticket)
                for device_id in (twice.old.device_id, twice.new.device_id)
            ]  # fmt: skip

    before = counts()
    twice.merge()
    assert counts() == before


def _decide(twice: Twice) -> None:
    rules = twice.collector.bench.rules
    with session_maker(twice.collector.engine)() as session, session.begin():
        for scope, component in (("device", ""), ("component", "f-2")):
            decide.override(
                session, rules, rule="filesystem_nearly_full", scope=scope, name=twice.old.device_id, component=component,
                changes={"raise_above": 0.99, "clear_below": 0.97}, why="a recorder", who="lee", now=DECIDED,
            )  # fmt: skip
        finding = next(row for row in _all(session, Finding, twice.old.device_id) if row.component == "f-2")
        decide.accept(
            session, device_id=finding.device_id, finding_id=finding.id, why="known", who="lee", now=DECIDED
        )  # fmt: skip
        for begins in (LATER - 48 * HOUR, LATER + HOUR):
            decide.plan(
                session, starts_at=begins, ends_at=begins + HOUR, why="paint", who="lee", now=begins - HOUR,
                device_id=twice.old.device_id,
            )  # fmt: skip
        for device in (twice.old, twice.new):
            row = session.get_one(Device, device.device_id)
            row.room = "Courtroom 3" if device is twice.old else ""
        session.add(
            BaselinePart(
                device_id=twice.old.device_id, id="b" * 32, section="displays", key="D1", facts={"model": "P1"}, why="new",
                who="lee", created_at=DECIDED,
            )
        )  # fmt: skip

    twice.heard(DECIDED + timedelta(seconds=1))


def test_what_people_decided_begins_anew_on_the_new_device(twice: Twice) -> None:
    _decide(twice)
    luggage = twice.merge()
    assert luggage.numbers() == {
        "overrides": 2, "accepted_values": 1, "planned_work": 1, "baseline_parts": 1, "place": 1, "stays": 0,
        "tickets_cancelled": 1, "findings_ended": 1, "same_finding_open": 1,
    }  # fmt: skip
    new, old = twice.new.device_id, twice.old.device_id
    with session_maker(twice.collector.engine)() as session:
        assert session.get_one(Device, new).room == "Courtroom 3"
        for model in (Acceptance, Maintenance, BaselinePart):
            begun = [row for row in _all(session, model, new) if row.ended_at is None]
            assert len(begun) == 1 and begun[0].who == "lee" and "earlier enrolment" in begun[0].why
            ended = _all(session, model, old)
            assert all(row.ended_at == LATER for row in ended if getattr(row, "starts_at", LATER) >= LATER)
        overrides = session.scalars(select(Override).order_by(Override.created_at)).all()
        assert {(row.name, row.ended_at) for row in overrides} == {(old, LATER), (new, None)}
        assert {row.created_at for row in overrides if row.name == new} == {LATER}
        told = session.scalars(select(AuditEntry).where(AuditEntry.action == "devices merged")).one()
        assert (told.subject, told.who, (told.data or {})["overrides"]) == (old, "ana", 2)


def test_what_the_new_device_has_of_its_own_wins(twice: Twice) -> None:
    _decide(twice)
    with session_maker(twice.collector.engine)() as session, session.begin():
        decide.override(
            session, twice.collector.bench.rules, rule="filesystem_nearly_full", scope="device", name=twice.new.device_id,
            changes={"raise_above": 0.95}, why="mine", who="kim", now=DECIDED,
        )  # fmt: skip
        session.get_one(Device, twice.new.device_id).room = "Room 2"  # the parts belong to the other one
    luggage = twice.merge()
    assert (len(luggage.overrides), len(luggage.parts), luggage.place, luggage.stays) == (1, 0, {}, 2)
    with session_maker(twice.collector.engine)() as session:
        assert session.get_one(BaselinePart, (twice.old.device_id, "b" * 32)).ended_at is None


def test_replay_tells_the_same_after_a_merge(twice: Twice) -> None:
    _decide(twice)
    twice.merge()
    twice.new.send(filesystem(0.98), LATER + HOUR)
    until = LATER + 50 * HOUR  # long past the moment when the old readings would be stale
    with session_maker(twice.collector.engine)() as session:
        rules = twice.collector.bench.rules
        for machine in (twice.old, twice.new):
            device = session.get_one(Device, machine.device_id)
            live = replay.recorded(session, rules, device.id, NOON, until)
            end = until if machine is twice.old else LATER + HOUR
            again = replay.replay(session, rules, device, NOON, end)
            assert replay.differences(live, again.told) == ([], [])
            assert "merged" in {told.reason for told in live} or machine is twice.new


def test_what_was_only_pending_ends_too_and_replay_knows(engine: Engine) -> None:
    collector = Collector(engine)
    old, new = collector.enrol("desk"), collector.enrol("desk")
    old.send(filesystem(0.98), LATER - timedelta(minutes=1))
    with session_maker(engine)() as session, session.begin():
        merging.merge(session, old.device_id, new.device_id, who="ana", now=LATER)
    for hour in range(3):
        collector.sweep(LATER + hour * HOUR)
    with session_maker(engine)() as session:
        assert _all(session, Transition, old.device_id) == []
        device = session.get_one(Device, old.device_id)
        assert replay.replay(session, collector.bench.rules, device, NOON, LATER + 4 * HOUR).told == []


def test_a_report_that_was_under_way_is_kept_and_not_judged(twice: Twice) -> None:
    twice.merge()
    for minute in range(0, 60, 12):
        twice.old.send(filesystem(0.99, component="f-9"), LATER + timedelta(minutes=minute))
    with session_maker(twice.collector.engine)() as session:
        late = session.scalars(
            select(StoredReport).where(
                StoredReport.device_id == twice.old.device_id, StoredReport.received_at >= LATER
            )
        ).all()
        assert [row.judged for row in late] == [False] * 5
        assert not [row for row in _all(session, Finding, twice.old.device_id) if row.component == "f-9"]


def _names(collector: Collector, *names: str) -> dict[str, str]:
    return {name: collector.enrol(name).device_id for name in names}


def test_a_chain_leads_to_its_end_and_a_circle_is_refused(engine: Engine) -> None:
    ids = _names(Collector(engine), "a", "b", "c")
    with session_maker(engine)() as session, session.begin():
        merging.merge(session, ids["a"], ids["b"], who="ana", now=NOON)
        merging.merge(session, ids["b"], ids["c"], who="ana", now=NOON)
        a = session.get_one(Device, ids["a"])
        assert merging.heir(session, a).id == ids["c"]
        assert {row.host_name for row in merging.earlier(session, ids["c"])} == {"a", "b"}
        old = aliased(Device)
        assert ids["c"] in session.scalars(merging.heirs_of(old.host_name == "a", old)).all()
        for before, after in (("c", "a"), ("a", "c"), ("b", "c"), ("c", "c")):
            with pytest.raises(decide.Refused):
                merging.merge(session, ids[before], ids[after], who="ana", now=NOON)


def test_a_circle_in_the_store_ends_all_the_same(engine: Engine) -> None:
    ids = _names(Collector(engine), "a", "b")
    with session_maker(engine)() as session, session.begin():
        session.get_one(Device, ids["a"]).lives_on_as = ids["b"]
        session.get_one(Device, ids["b"]).lives_on_as = ids["a"]
        session.flush()
        assert merging.heir(session, session.get_one(Device, ids["a"])).host_name == "b"
        assert [row.host_name for row in merging.earlier(session, ids["a"])] == ["b"]
        old = aliased(Device)
        assert set(session.scalars(merging.heirs_of(old.host_name == "a", old))) <= set(ids.values())


def test_a_revoked_device_takes_nothing_over(engine: Engine) -> None:
    ids = _names(Collector(engine), "a", "b")
    with session_maker(engine)() as session, session.begin():
        session.get_one(Device, ids["b"]).revoked_at = NOON
        session.flush()
        with pytest.raises(decide.Refused, match="revoked"):
            merging.merge(session, ids["a"], ids["b"], who="ana", now=NOON)


def test_undone_it_is_a_device_again_and_what_was_carried_stays(twice: Twice) -> None:
    _decide(twice)
    twice.merge()
    old, new = twice.old.device_id, twice.new.device_id
    with session_maker(twice.collector.engine)() as session, session.begin():
        merging.undo(session, old, new, who="ana", now=LATER + HOUR)
        with pytest.raises(decide.Refused):
            merging.undo(session, old, new, who="bob", now=LATER + HOUR)
    with session_maker(twice.collector.engine)() as session:
        device = session.get_one(Device, old)
        assert (device.lives_on_as, device.revoked_at) == ("", LATER)
        assert [row.ended_at for row in _all(session, Acceptance, new)] == [None]
        live = replay.recorded(session, twice.collector.bench.rules, old, NOON, LATER + HOUR)
        told = replay.replay(session, twice.collector.bench.rules, device, NOON, LATER + 9 * HOUR).told
        assert replay.differences(live, told) == ([], [])


def test_enrolled_a_third_time_it_is_the_device_it_was_merged_into(engine: Engine) -> None:
    """Two rows bear the serial now; only one of them is a device."""
    ids = _names(Collector(engine), "a", "b")
    machine = enrolment_pb2.Machine(
        host_name="x", system_serial="S-1234567", smbios_uuid="4c4c4544-0042-3510-8052-b4c04f564433"
    )
    facts = identity.cleaned(machine)
    with session_maker(engine)() as session, session.begin():
        for id in ids.values():
            identity.write(session.get_one(Device, id), facts)
        session.flush()
        assert identity.find(session, facts, NOON) == (None, "")  # one serial on two machines is no serial
        merging.merge(session, ids["a"], ids["b"], who="ana", now=NOON)
        found, doubtful = identity.find(session, facts, NOON)
        assert found is not None and (found.id, doubtful) == (ids["b"], "")


def test_who_may_be_the_old_one_may_be_the_new_one(engine: Engine) -> None:
    ids = _names(Collector(engine), "a", "b", "c")
    with session_maker(engine)() as session, session.begin():
        session.get_one(Device, ids["b"]).possible_duplicate_of = ids["a"]
        session.get_one(Device, ids["c"]).possible_duplicate_of = ids["a"]
        session.flush()
        merging.merge(session, ids["a"], ids["b"], who="ana", now=NOON)
        session.expire_all()
        marks = {name: session.get_one(Device, id).possible_duplicate_of for name, id in ids.items()}
        assert marks == {"a": "", "b": "", "c": ids["b"]}


def test_the_commands_say_it_before_and_take_it_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'collector.db'}")
    schema.upgrade(engine)
    ids = _names(Collector(engine), "first", "second")

    def run(*words: str) -> tuple[int, str]:
        code = main(["--state-dir", str(tmp_path), "devices", *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    def lives_on() -> str:
        with session_maker(engine)() as session:
            return session.get_one(Device, ids["first"]).lives_on_as

    code, said = run("merge", "first", "second", "--dry-run")
    assert (code, lives_on()) == (0, "") and "would live on as second" in said
    code, said = run("merge", "first", "second", "--json")
    assert (code, lives_on()) == (0, ids["second"]) and json.loads(said)["overrides"] == 0
    code, said = run("merge", "first", "second")
    assert code == 1 and "merged already" in said
    code, said = run("unmerge", "first")
    assert (code, lives_on()) == (0, "") and "What was carried stays with second" in said
    assert run("unmerge", "first")[0] == 1
    engine.dispose()
