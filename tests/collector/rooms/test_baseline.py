"""A room's baseline: taken, compared, accepted by people who do so at the same time."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from collector.decide import Refused
from collector.rooms import baseline, parts, room
from collector.rooms.baseline import Accepted, Key, Row
from collector.rooms.room import NoSuchRoom
from collector.store.devices import SILENT, Device
from collector.store.installation import Fact
from collector.store.people import AuditEntry
from collector.store.rooms import BaselinePart
from tests.collector.rooms.court import (
    BRIO,
    COUNTED,
    COURTROOM,
    MICROPHONE,
    PROJECTOR,
    Court,
    Shown,
    other,
    show,
    without,
)
from tests.collector.world import NOON, Machine

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HERE = ("Tulsa", "Courtroom 3")


@pytest.fixture
def court(engine: Engine) -> Court:
    return Court(engine)


@pytest.fixture
def host(court: Court) -> Machine:
    """A courtroom's host that has told all its parts."""
    made = court.host()
    show(made, COURTROOM, NOON)
    return made


def accept(court: Court, now: datetime = NOON + MINUTE, **more: Any) -> Accepted:
    return court.write(
        lambda s: baseline.accept(s, *HERE, **{"why": "as built", "who": "ana", "now": now} | more)
    )


def rows(court: Court, now: datetime = NOON + MINUTE) -> dict[tuple[str, str], Row]:
    found = court.read(lambda s: baseline.difference(s, *HERE, now))
    return {(row.section, row.key): row for row in found}


def whats(court: Court, now: datetime = NOON + MINUTE) -> dict[tuple[str, str], str]:
    """All that is not as accepted."""
    return {key: row.what for key, row in rows(court, now).items() if row.what != baseline.SAME}


def in_force(court: Court) -> list[BaselinePart]:
    query = select(BaselinePart).where(BaselinePart.ended_at.is_(None))
    return court.read(lambda s: list(s.scalars(query)))


def decided(court: Court) -> str:
    fact = court.read(lambda s: s.get(Fact, "decisions"))
    return fact.value if fact is not None else ""


# what is there


def test_what_is_there_are_the_parts_a_room_counts_on(court: Court, host: Machine) -> None:
    taken = court.read(lambda s: baseline.take(s, *HERE, NOON + MINUTE))
    assert [(part.section, part.label) for part in taken] == [
        ("displays", "EPSON PJ"), ("displays", "unknown@DP-1"), ("audio_endpoints", "Shure MXA"),
        ("audio_defaults", "microphone"), ("cameras", "Logitech BRIO"), ("usb_links", "Hub (1-4)"),
        ("usb_links", "Logitech BRIO (1-4.1)"), ("usb_links", "Shure MXA (1-4.2)"), ("recorders", "recording"),
    ]  # fmt: skip
    assert len(taken) == COUNTED
    assert not any(part.not_known for part in taken)


def test_before_the_first_acceptance_all_is_new_and_afterwards_the_same(court: Court, host: Machine) -> None:
    assert set(whats(court).values()) == {baseline.NEW}
    before = decided(court)
    assert accept(court) == Accepted(added=COUNTED)
    assert decided(court) != before, "the judge must hear of it"
    assert whats(court) == {}
    wired = {row.section for row in rows(court).values() if not row.mandatory}
    assert wired == {"usb_links"}, "the room works without its usual sockets"


def test_accepting_twice_is_accepting_once(court: Court, host: Machine) -> None:
    accept(court)
    before, parts_before = decided(court), {part.id for part in in_force(court)}
    assert accept(court, NOON + HOUR) == Accepted(same=COUNTED)
    assert {part.id for part in in_force(court)} == parts_before
    assert decided(court) == before
    told = court.read(
        lambda s: list(s.scalars(select(AuditEntry).where(AuditEntry.action == "baseline accepted")))
    )
    assert [(entry.who, entry.subject) for entry in told] == [("ana", "Tulsa Courtroom 3")]


def test_what_was_unplugged_is_missing_and_its_hub_is_not(court: Court, host: Machine) -> None:
    accept(court)
    gone = without(COURTROOM, cameras=BRIO, usb_links="1-4.1")
    gone = without(
        other(gone, "audio_endpoints", MICROPHONE, state="unplugged", usable="false"), usb_links="1-4.2"
    )
    show(host, gone, NOON + HOUR)
    assert whats(court, NOON + HOUR) == {
        ("cameras", BRIO): "missing", ("audio_endpoints", MICROPHONE): "missing",
        ("usb_links", "1-4.1"): "missing", ("usb_links", "1-4.2"): "missing",
    }  # fmt: skip
    assert rows(court, NOON + HOUR)["cameras", BRIO].label == "Logitech BRIO"
    assert accept(court, NOON + HOUR) == Accepted(ended=4, same=COUNTED - 4)
    assert whats(court, NOON + HOUR) == {}
    show(host, COURTROOM, NOON + 2 * HOUR)
    assert set(whats(court, NOON + 2 * HOUR).values()) == {"new"}


def test_a_new_part_is_new_and_another_fact_a_change_but_use_and_signal_are_not(
    court: Court, host: Machine
) -> None:
    accept(court)
    shown = other(COURTROOM, "displays", PROJECTOR, connector="HDMI-A-2")
    shown = other(shown, "cameras", BRIO, driver="uvcvideo 2")
    shown = other(shown, "recorders", "recording", size_bytes="99000")
    shown = other(shown, "displays", "DEL-4242", model="DELL P2419H", connector="DP-2")
    show(host, shown, NOON + HOUR)
    assert whats(court, NOON + HOUR) == {("displays", PROJECTOR): "changed", ("displays", "DEL-4242"): "new"}
    assert rows(court, NOON + HOUR)["displays", PROJECTOR].changed == {"connector": ("HDMI-A-1", "HDMI-A-2")}
    assert accept(court, NOON + HOUR) == Accepted(added=1, changed=1, same=COUNTED - 1)


def test_a_fact_that_is_not_told_now_is_no_other_fact(court: Court, host: Machine) -> None:
    lit = COURTROOM | {"projectors": {"left": {"host": "192.0.2.9", "model": "PT-RZ470", "input": "31"}}}
    show(host, lit, NOON)
    accept(court)
    standby = COURTROOM | {"projectors": {"left": {"host": "192.0.2.9", "last_error": "not now"}}}
    show(host, standby, NOON + HOUR)
    assert whats(court, NOON + HOUR) == {}


def test_only_what_is_named_is_accepted_and_the_rest_stays_as_it_was(court: Court, host: Machine) -> None:
    camera: Key = (host.device_id, "cameras", BRIO)
    display: Key = (host.device_id, "displays", PROJECTOR)
    assert accept(court, only=[camera, display], optional=[display]) == Accepted(added=2)
    assert {(part.key, part.mandatory) for part in in_force(court)} == {(BRIO, True), (PROJECTOR, False)}
    accept(court, NOON + HOUR)
    assert {part.key: part.mandatory for part in in_force(court)}[PROJECTOR] is False, (
        "a later click keeps that"
    )
    with pytest.raises(Refused, match="cameras nothing is no part of this room"):
        accept(court, only=[(host.device_id, "cameras", "nothing")])


def test_a_part_becomes_optional_and_needed_again(court: Court, host: Machine) -> None:
    accept(court)
    camera: Key = (host.device_id, "cameras", BRIO)

    def needed(is_so: bool, why: str = "a loan") -> None:
        court.write(lambda s: baseline.set_mandatory(s, *camera, is_so, who="ben", why=why, now=NOON + HOUR))

    needed(False)
    needed(False)
    assert [(part.mandatory, part.who) for part in in_force(court) if part.key == BRIO] == [(False, "ben")]
    ended = court.read(lambda s: list(s.scalars(select(BaselinePart).where(BaselinePart.ended_by == "ben"))))
    assert [part.key for part in ended] == [BRIO]
    assert accept(court, NOON + HOUR, optional=[camera]) == Accepted(same=COUNTED)
    needed(True)
    with pytest.raises(Refused, match="say why"):
        needed(False, why=" ")
    assert accept(court, NOON + HOUR, optional=[camera]) == Accepted(changed=1, same=COUNTED - 1)


def test_a_part_taken_away_for_good_is_expected_no_more_even_if_its_host_is_silent(
    court: Court, host: Machine
) -> None:
    accept(court)
    silence(court, host)
    camera: Key = (host.device_id, "cameras", BRIO)
    court.write(lambda s: baseline.expect_no_more(s, *camera, who="ben", why="sold", now=NOON + HOUR))
    assert len(in_force(court)) == COUNTED - 1
    with pytest.raises(Refused, match="no part of an accepted baseline"):
        court.write(lambda s: baseline.expect_no_more(s, *camera, who="ben", why="sold", now=NOON + HOUR))


@pytest.mark.parametrize("why", ["", "  "])
def test_without_a_reason_nothing_is_accepted(court: Court, host: Machine, why: str) -> None:
    with pytest.raises(Refused, match="say why"):
        accept(court, why=why)
    assert in_force(court) == []


def test_a_room_that_is_none_has_no_baseline(court: Court) -> None:
    court.host("pc-1", "312", device_class="desktop")
    court.write(lambda s: _to_desktop(s.get_one(Device, court.read(_only_device))))
    with pytest.raises(NoSuchRoom, match="no room '312' at 'Tulsa'"):
        court.write(lambda s: baseline.accept(s, "Tulsa", "312", why="x", who="ana", now=NOON))
    with pytest.raises(NoSuchRoom):
        court.read(lambda s: baseline.take(s, "Tulsa", "312", NOON))


def _only_device(session: Any) -> str:
    return str(session.scalars(select(Device.id)).one())


def _to_desktop(device: Device) -> None:
    device.group = "desktop"


# what is not known


def silence(court: Court, machine: Machine, since: datetime = NOON + 5 * MINUTE) -> None:
    def fall(session: Any) -> None:
        device = session.get_one(Device, machine.device_id)
        device.presence, device.presence_at = SILENT, since

    court.write(fall)


def test_a_silent_host_proves_nothing_and_nothing_of_it_is_accepted(court: Court, host: Machine) -> None:
    second = court.host("av-2")
    show(second, {"displays": COURTROOM["displays"]}, NOON)
    silence(court, host)
    taken = court.read(lambda s: baseline.take(s, *HERE, NOON + HOUR))
    assert {part.not_known for part in taken if part.device_id == host.device_id} == {
        "av-1 is silent since 2026-11-02 06:05"  # by the site's clock
    }
    assert {part.not_known for part in taken if part.device_id == second.device_id} == {""}
    with pytest.raises(Refused, match=r"av-1 is silent since 2026-11-02 06:05\. Name the parts"):
        accept(court, NOON + HOUR)
    assert in_force(court) == []
    assert accept(court, NOON + HOUR, only=[(second.device_id, "displays", PROJECTOR)]) == Accepted(added=1)
    with pytest.raises(Refused, match="av-1 is silent"):
        accept(court, NOON + HOUR, only=[(host.device_id, "displays", PROJECTOR)])


def test_a_silent_host_that_told_of_no_part_is_a_row_of_its_own(court: Court, host: Machine) -> None:
    second = court.host("av-2")
    silence(court, second)
    (row,) = (row for row in rows(court).values() if row.device_id == second.device_id)
    assert (row.section, row.key, row.what) == ("", "", "not_known")
    with pytest.raises(Refused, match="av-2 is silent"):
        accept(court)


def test_a_section_that_was_not_told_for_a_day_is_not_known(court: Court, host: Machine) -> None:
    accept(court)
    later = NOON + DAY + MINUTE
    rest = {section: items for section, items in COURTROOM.items() if section != "displays"}
    show(host, without(rest, cameras=BRIO), later, failed=["displays"])
    found = whats(court, later)
    assert found == {
        ("displays", PROJECTOR): "not_known", ("displays", "unknown@DP-1"): "not_known", ("cameras", BRIO): "missing",
    }  # fmt: skip
    words = "av-1 has told nothing of its displays since 2026-11-02 06:00: it broke off"
    assert rows(court, later)["displays", PROJECTOR].reason == words
    with pytest.raises(Refused, match="has told nothing of its displays"):
        accept(court, later)
    assert whats(court, NOON + DAY)["cameras", BRIO] == "missing", "a day later to the minute it still counts"
    assert accept(court, later, only=[(host.device_id, "cameras", BRIO)]) == Accepted(ended=1)


def test_what_was_accepted_and_never_told_of_is_not_known(court: Court) -> None:
    host = court.host()
    part = BaselinePart(
        device_id=host.device_id, id="1", section="cameras", key=BRIO, label="BRIO", facts={}, why="x", who="ana",
        created_at=NOON,
    )  # fmt: skip
    court.write(lambda s: s.add(part))
    assert rows(court)["cameras", BRIO].reason == "av-1 has never told of its cameras"


# several at once


def test_two_people_accept_at_once_and_nothing_is_doubled(court: Court, host: Machine) -> None:
    start = threading.Barrier(2)
    told: dict[str, object] = {}

    def person(name: str) -> None:
        start.wait(10)
        try:
            told[name] = accept(court, who=name)
        except Refused as refused:
            told[name] = refused

    people = [threading.Thread(target=person, args=(name,)) for name in ("ana", "ben")]
    for each in people:
        each.start()
    for each in people:
        each.join(30)
    assert sorted(map(str, told.values())) == sorted(
        map(str, (Accepted(added=COUNTED), Accepted(same=COUNTED)))
    )
    assert len(in_force(court)) == COUNTED
    assert len({part.who for part in in_force(court)}) == 1, "one of them won"


def test_the_store_itself_refuses_a_second_part_in_force(court: Court, host: Machine) -> None:
    accept(court)
    (camera,) = (part for part in in_force(court) if part.section == "cameras")

    def again(ended_at: datetime | None, number: str) -> BaselinePart:
        return BaselinePart(
            device_id=camera.device_id, id=number, section=camera.section, key=camera.key, facts={}, why="x", who="x",
            created_at=NOON, ended_at=ended_at,
        )  # fmt: skip

    court.write(lambda s: s.add(again(NOON, "1")))
    with pytest.raises(IntegrityError):
        court.write(lambda s: s.add(again(None, "2")))


def test_a_device_that_leaves_all_rooms_takes_no_expectations_along(court: Court, host: Machine) -> None:
    accept(court)

    def move(to: str) -> None:
        court.write(lambda s: room.place(s, host.device_id, "Tulsa", to, who="ben", now=NOON + HOUR))

    move("Courtroom 4")
    assert len(in_force(court)) == COUNTED, "into another room it comes with its parts"
    found = court.read(lambda s: baseline.difference(s, "Tulsa", "Courtroom 4", NOON + HOUR))
    assert {row.what for row in found} == {"same"}
    assert rows(court) == {}, "the old room has its row, and nothing stands there"
    move("")
    assert in_force(court) == []


# the pure part

sockets = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(
    lambda ports: "1-" + ".".join(map(str, ports))
)
kinds = st.sampled_from(["hub", "audio", "video", "input", "storage", "communications", ""])


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(sockets, kinds, max_size=12), st.lists(sockets, max_size=3))
def test_a_link_belongs_to_the_baseline_if_it_is_a_part_or_leads_to_one(
    tree: dict[str, str], cameras: list[str]
) -> None:
    shown: Shown = {
        "usb_links": {socket: {"kind": kind} for socket, kind in tree.items()},
        "cameras": {f"c@{socket}": {"usb_path": socket} for socket in cameras},
    }
    kept = parts.expected("usb_links", shown)
    wanted = {socket for socket, kind in tree.items() if kind in ("audio", "video")} | set(cameras)
    assert set(kept) == {
        socket for socket in tree if any(part == socket or part.startswith(f"{socket}.") for part in wanted)
    }


@given(
    st.dictionaries(
        st.sampled_from(["name", "model", "maker", "input", "product_code"]), st.text(max_size=300)
    )
)
def test_every_part_has_a_label_that_fits(facts: dict[str, str]) -> None:
    for section in parts.SECTIONS:
        assert 0 < len(parts.label(section, "key", facts)) <= 255
