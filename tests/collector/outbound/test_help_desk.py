"""A receiver that can be asked, as most help desks can: what the sender owes it."""

from datetime import timedelta

from sqlalchemy import Engine

from collector.outbound import outbox
from collector.outbound.adapter import Change, Undelivered
from collector.outbound.sender import Sender
from tests.collector.outbound.tickets import MINUTE, Clock, full_disks, note, rows
from tests.collector.world import NOON, Machine, filesystem


class HelpDesk:
    """It loses the answer to each verb of `losing` once, and hangs up on one key."""

    name = "a help desk"

    def __init__(self, losing: set[str]) -> None:
        self.tickets: dict[str, list[str]] = {}
        self.losing = losing
        self.hanging_up = ""

    def find(self, key: str) -> str | None:
        return f"INC-{key[-4:]}" if key in self.tickets else None

    def create(self, change: Change) -> str:
        if change.key == self.hanging_up:
            raise Undelivered("away", "it hung up")
        assert change.key not in self.tickets, "a second ticket of one key"
        self.tickets[change.key] = []
        return self._answered(change)

    def update(self, change: Change) -> str:
        self.tickets[change.key].append(change.verb)
        return self._answered(change)

    resolve = reopen = update

    def _answered(self, change: Change) -> str:
        if change.verb in self.losing:
            self.losing.discard(change.verb)
            raise Undelivered("unsure", "no answer")
        return f"INC-{change.key[-4:]}"


def test_after_a_lost_answer_a_receiver_that_can_be_asked_is_asked_first(
    engine: Engine, desk: Machine, clock: Clock
) -> None:
    helpdesk = HelpDesk({"create"})
    sender = Sender(engine, helpdesk, clock)
    assert sender.round() == 0
    clock.now += MINUTE
    assert sender.round() == 1
    (row,) = rows(engine)
    assert row.remote == f"INC-{row.key[-4:]}"
    desk.send(filesystem(0.5), NOON + timedelta(minutes=70))
    assert sender.round() == 1
    assert helpdesk.tickets == {row.key: ["resolve"]}


def test_a_ticket_the_other_side_never_heard_of_is_made_there_by_its_next_change(
    engine: Engine, desk: Machine, clock: Clock
) -> None:
    Sender(engine, None, clock).round()
    note(engine, "news", clock.now)
    helpdesk = HelpDesk(set())
    assert Sender(engine, helpdesk, clock).round() == 1
    assert list(helpdesk.tickets.values()) == [[]]


def test_a_change_that_makes_the_receiver_hang_up_holds_up_no_other_ticket(
    engine: Engine, clock: Clock
) -> None:
    full_disks(engine, "one", "two", "three")
    helpdesk = HelpDesk(set())
    poison = min(rows(engine), key=lambda row: row.id).key  # of one moment: it comes first
    helpdesk.hanging_up = poison
    sender = Sender(engine, helpdesk, clock)
    assert sender.round() == 0
    clock.now += outbox.FIRST_PAUSE
    assert sender.round() == 2
    assert poison not in helpdesk.tickets
