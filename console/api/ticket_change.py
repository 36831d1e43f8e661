"""Changes of a ticket: its legal moves, its priority, notes. Who changes it has seen it (If-Match)."""

from typing import Annotated, Literal

from flask import Flask
from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from collector.store.tickets import Ticket
from collector.tickets import lifecycle
from console import access, audit, forms, guard, people
from console import database as db
from console.api import etag
from console.api.fields import Body, Line, Moment, Said, Text
from console.api.operation import operation
from console.api.problem import Stopped
from console.api.tickets import EventShown, TicketDetail, api_tickets, found, shown


def register(app: Flask) -> None:
    """With the routes of tickets.py."""
    app.register_blueprint(api_tickets)


class TicketChange(Body):
    """A move, another priority, or both. To acknowledge a ticket: `{"state": "in_progress", "assignee": "me"}`."""

    state: Literal["assigned", "in_progress", "pending", "resolved", "closed", "cancelled"] | None = Field(
        None, description="One of the ticket's `legal`; cancelled is for a lead", examples=["in_progress"]
    )
    assignee: Line = Field(
        "", description="With assigned and in_progress; me: who made the key", examples=["me"]
    )
    reason: Literal[
        "", "user", "vendor", "parts", "change", "problem", "site_access", "duplicate", "noise", "test"
    ] = Field(
        "", description="What pending waits for (user … site_access); why cancelled (duplicate, noise, test)"
    )
    follow_up_at: Moment | None = Field(None, description="With pending: when to look again")
    outcome: Literal["", "real", "false", "known", "nothing_found"] = Field(
        "", description="Closing needs it"
    )
    part_used: Line = Field("", description="With resolved and closed: what it took")
    note: Text = Field("", description="Goes into the history with the move")
    priority: Annotated[int, Field(ge=1, le=5)] | Literal["computed"] | None = Field(
        None, description="1 to 5; computed: the machine's own again"
    )
    why: Text = Field("", description="Another priority needs it")

    @model_validator(mode="after")
    def _says_something(self) -> "TicketChange":
        if self.state is None and self.priority is None:
            raise ValueError("say state, or priority with why: nothing else changes a ticket")
        if self.state is None and (self.assignee or self.reason or self.follow_up_at or self.outcome or self.part_used or self.note):  # fmt: skip
            raise ValueError("assignee, reason, follow_up_at, outcome, part_used and note go with a state")
        if self.assignee and self.state not in ("assigned", "in_progress"):
            raise ValueError("assignee goes with the states assigned and in_progress")
        return self


class NoteWritten(Body):
    text: Said = Field(examples=["Spoke to the clerk: the machine may be taken away on Friday."])


@api_tickets.patch("/<number:number>")
@operation(noun="Tickets", answer=TicketDetail, body=TicketChange, is_one=True, changes=True)
def change(number: int, body: TicketChange) -> TicketDetail:
    """Move a ticket, or give it another priority. Both are done or none."""
    session = db.session()
    row = found(session, number)
    etag.match(shown(session, row))
    try:
        if body.state is not None:
            _move(session, row, body, body.state)
        if body.priority is not None:
            _prioritise(session, row, body)
    except lifecycle.IllegalMove as problem:
        raise Stopped(409, forms.sentence(problem), legal=problem.legal) from None
    except lifecycle.StaleVersion:
        # Between the look and the change somebody else's was committed.
        raise Stopped(412, "It was changed after you read it. Read it again and decide anew.") from None
    return shown(session, row)


def _move(session: Session, row: Ticket, body: TicketChange, to: str) -> None:
    person = guard.person()
    if to == "cancelled" and not access.allows(person.role, "ticket.cancel"):
        raise Stopped(403, "Cancelling is for a lead.")
    assignee = person.name if body.assignee == "me" else body.assignee
    if (assignee or to == "assigned") and not people.works_here(session, assignee):
        raise lifecycle.IllegalMove("a ticket is assigned to somebody who works here", ())
    lifecycle.move(
        session, row.device_id, row.id, to=to, who=person.signs, version=row.version, now=guard.now(), note=body.note.strip(),
        reason=body.reason if to in ("pending", "cancelled") else "", follow_up_at=body.follow_up_at,
        outcome=body.outcome, assignee=assignee, part_used=body.part_used.strip(),
    )  # fmt: skip
    action = "ticket cancelled" if to == "cancelled" else f"ticket moved to {to}"
    _record(session, action, row.number)


def _prioritise(session: Session, row: Ticket, body: TicketChange) -> None:
    lifecycle.set_priority(
        session, row.device_id, row.id, priority=None if body.priority == "computed" else body.priority,
        why=body.why.strip(), who=guard.person().signs, version=row.version, now=guard.now(),
    )  # fmt: skip
    _record(session, "ticket priority set", row.number)


def _record(session: Session, action: str, number: int) -> None:
    audit.record(
        session, who=guard.person().signs, action=action, subject=f"ticket {number}", now=guard.now()
    )


@api_tickets.post("/<number:number>/notes")
@operation(noun="Tickets", answer=EventShown, body=NoteWritten, status=201, once=True)
def note(number: int, body: NoteWritten) -> EventShown:
    """Write a note into a ticket's history."""
    session = db.session()
    row = found(session, number)
    written = lifecycle.note(
        session, row.device_id, row.id, who=guard.person().signs, text=body.text.strip(), now=guard.now()
    )
    _record(session, "note written", number)
    return EventShown.model_validate(written)
