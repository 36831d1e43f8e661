"""From a simulated projector over TCP to the finding it should make, and to nothing where it should make none."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from agent import room as rooms
from agent.probes import pjlink, projectors
from protos.report_pb2 import OK, Outcome, Report, Section
from tests.agent.projector import CLASS_2, RECEIVED, Projector, Script, orders
from tests.collector.rooms.test_judging import accept, alive, findings, tickets
from tests.collector.world import NOON, Collector, Machine

# One worker: what all of them together sent is looked at in its end.
pytestmark = pytest.mark.xdist_group("projector")
MINUTE = timedelta(minutes=1)
QUICK = pjlink.Manners(pause_seconds=0, answer_seconds=2, call_seconds=10)
ACCEPTED = {"projectors": {"front": {"name": "front", "model": "EX-100"}}}


@pytest.fixture(scope="module", autouse=True)
def _only_questions() -> Iterator[None]:
    yield
    assert RECEIVED
    assert orders(RECEIVED) == []


@pytest.fixture
def simulated() -> Iterator[Projector]:
    with Projector(Script()) as running:
        yield running


class Host:
    """An A/V host that polls the projector each five minutes, on the test's clock."""

    def __init__(self, engine: Engine, simulated: Projector) -> None:
        self.engine, self.simulated = engine, simulated
        self.collector = Collector(engine)
        self.machine: Machine = self.collector.enrol(
            "av-201", group="av", device_class="av_host", site="Tulsa"
        )
        self.row = rooms.Projector(
            name="front", host="127.0.0.1", port=simulated.port, rated_lamp_hours=2000.0, filter_hours=600.0
        )
        self.now: datetime = NOON
        accept(engine, self.machine, ACCEPTED, NOON)
        self.polls(1)
        assert findings(engine) == {}

    def polls(self, times: int) -> set[str]:
        """Returns the rules that have an open finding after so many polls."""
        for _ in range(times):
            taken = projectors.taken([self.row], projectors.ask_all([self.row], QUICK))
            made = Report(outcomes=[Outcome(probe="projectors", outcome=OK)], readings=taken.readings)
            items = taken.sections["projectors"]
            made.sections.append(Section(name="projectors", hash=abs(hash(str(items))) % 2**60, items=items))
            self.machine.send(made, self.now)
            self.now = alive(self.collector, self.machine, self.now, 5 * MINUTE)
        return set(findings(self.engine))


@pytest.fixture
def host(engine: Engine, simulated: Projector) -> Host:
    return Host(engine, simulated)


def test_a_temperature_error_is_a_finding_and_ends_when_it_is_cool_again(host: Host) -> None:
    host.simulated.script.answers["%1ERST ?"] = "002000"
    assert host.polls(3) == {"projector_temperature_error"}
    (ticket,) = tickets(host.engine)
    assert ticket.title == "front (EX-100): too hot"
    assert "Bring: The replacement filter" in ticket.body
    host.simulated.script.answers["%1ERST ?"] = "000000"
    assert host.polls(1) == set()


def test_one_bad_answer_between_good_ones_is_nothing(host: Host) -> None:
    host.simulated.script.answers["%1ERST ?"] = "020000"
    host.polls(1)
    host.simulated.script.answers["%1ERST ?"] = "000000"
    assert host.polls(2) == set()
    assert tickets(host.engine) == []


def test_lamp_hours_and_filter_hours_past_their_time(host: Host) -> None:
    host.simulated.script.answers |= {"%1LAMP ?": "1900 1", "%2FILT ?": "620"}
    assert host.polls(1) == {"projector_lamp_old", "projector_filter_due"}
    host.simulated.script.answers |= {"%1LAMP ?": "2 1", "%2FILT ?": "1"}
    assert host.polls(1) == set(), "exchanged, and their counters reset"


def test_standby_is_no_fault(host: Host) -> None:
    busy = dict.fromkeys(
        ("%1ERST ?", "%1LAMP ?", "%1AVMT ?", "%2INPT ?", "%2IRES ?", "%2FILT ?", "%2FREZ ?"), "ERR3"
    )
    host.simulated.script.answers |= {"%1POWR ?": "0", **busy}
    assert host.polls(6) == set()


def test_a_wrong_password_and_a_hang_up_make_no_fault_of_the_projector_up(host: Host) -> None:
    host.simulated.script.password = "another"
    assert host.polls(5) == set(), "it answers: it is there, and nothing more is known"
    host.simulated.script.password = None
    host.simulated.script.hang_up_on = "%1ERST ?"
    assert host.polls(5) == set()


def test_a_projector_that_is_gone_is_unreachable_in_the_room_s_hours(host: Host) -> None:
    host.simulated.close()
    assert host.polls(2) == set()
    assert host.polls(2) == {"projector_unreachable"}
    with Projector(Script(answers=dict(CLASS_2)), port=host.simulated.port):
        assert host.polls(1) == set()
