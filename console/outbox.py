"""What is on its way to the outside, of tickets, situations and rooms: what waits, what was put off, what could not be
sent and why."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Flask, abort, flash, redirect, render_template, url_for
from sqlalchemy import ColumnElement, Integer, and_, func, literal_column, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.outbound import outbox as sending
from collector.problem import Problem
from collector.store.installation import Lease
from collector.store.tickets import DROPPED, FAILED, SENT, TROUBLE, UNWANTED, WAITING, OutboxRow, Ticket
from console import audit, forms, guard, lists
from console import database as db

outbox = Blueprint("outbox", __name__, url_prefix="/outbox")

PAUSED: Final = "paused"
SHOWN: Final = (FAILED, PAUSED, WAITING, SENT, DROPPED, UNWANTED)
FILTERS: Final = ("q", "state")
_OFTEN: Final = 1_000_000  # attempts that no row ever has

SORTS: Final = {
    "worst": lists.Sort(literal_column(TROUBLE, Integer), "State"),
    "since": lists.Sort(OutboxRow.created_at, "Since"),
    "attempts": lists.Sort(OutboxRow.attempts, "Tries", descending_first=True),
}
_COLUMNS: Final[lists.Columns[OutboxRow]] = (
    ("about", lambda row: row.body.get("kind", "ticket")),
    ("number", lambda row: row.body.get("number") or None),
    ("title", lambda row: row.body.get("title")),
    "verb",
    ("state", lambda row: standing(row)),
    "attempts",
    "created_at",
    "next_at",
    "sent_at",
    "error",
    "remote",
    "key",
    "id",
)


def register(app: Flask) -> None:
    app.register_blueprint(outbox)
    app.add_url_rule("/outbox.csv", "outbox.csv", csv)


def standing(row: OutboxRow) -> str:
    """Its state, and `paused` for what waits because a try went wrong."""
    return PAUSED if row.state == WAITING and row.error else row.state


def _wish() -> lists.Wish:
    return lists.wish(SORTS, default="worst", filters=FILTERS)


def _query(asked: lists.Wish) -> lists.Query:
    wanted, query = asked.filters, select(OutboxRow)
    if wanted["state"] == "":
        query = query.where(OutboxRow.state.in_((WAITING, FAILED)))
    elif wanted["state"] != "any":
        query = query.where(_IS.get(wanted["state"], OutboxRow.state == wanted["state"]))
    if wanted["q"]:
        found = lists.contains(wanted["q"], OutboxRow.error, OutboxRow.remote, OutboxRow.key)
        number = wanted["q"].lstrip("#")
        if number.isascii() and number.isdecimal() and len(number) < 10:
            keys = select(Ticket.device_id + ":" + Ticket.id).where(Ticket.number == int(number))
            found = found | OutboxRow.key.in_(keys)
        query = query.where(found)
    return query


_IS: Final[Mapping[str, ColumnElement[bool]]] = {
    WAITING: and_(OutboxRow.state == WAITING, OutboxRow.error == ""),
    PAUSED: and_(OutboxRow.state == WAITING, OutboxRow.error != ""),
}


@outbox.get("")
def page() -> str:
    session, asked = db.session(), _wish()
    listed = lists.page(session, _query(asked), asked, sorts=SORTS, ids=OutboxRow.id)
    return render_template(
        "outbox.html",
        listed=listed,
        sorts=SORTS,
        path="/outbox",
        shown=SHOWN,
        standing=standing,
        **_circumstances(session),
    )


def _circumstances(session: Session) -> dict[str, Any]:
    """Whether somebody sends, when something last went, and how much there is in each state."""
    lease = session.get(Lease, sending.LEASE)
    by_state = select(OutboxRow.state, func.count()).group_by(OutboxRow.state)
    counts = Counter({str(state): int(count) for state, count in session.execute(by_state)})
    counts[PAUSED] = session.scalar(select(func.count()).where(_IS[PAUSED])) or 0
    counts[WAITING] -= counts[PAUSED]
    last = session.scalar(select(func.max(OutboxRow.sent_at)))
    return {
        "sends": lease is not None and lease.until_at > guard.now(),
        "counts": +counts,
        "last": last,
    }


def csv() -> Response:
    asked = _wish()
    rows = db.session().scalars(lists.everything(_query(asked), asked, sorts=SORTS, ids=OutboxRow.id))
    return lists.export("outbox", _COLUMNS, rows)


@outbox.post("/<id:row_id>/retry")
def retry(row_id: str) -> Response:
    session = db.session()
    return _decide(
        session, row_id, "outbox tried again", {}, "It is due now. This page shows what becomes of it.",
        lambda tries: sending.retry_one(session, row_id, tries),
    )  # fmt: skip


@outbox.post("/<id:row_id>/drop")
def drop(row_id: str) -> Response:
    session, why = db.session(), forms.text("why", 1000)
    if not why:
        flash("Nothing was dropped. Say why: whoever misses this change will ask.", "bad")
        return redirect(url_for("outbox.page"))
    return _decide(
        session, row_id, "outbox dropped", {"why": why}, "Dropped: the other side will not hear of this change.",
        lambda tries: sending.drop(session, row_id, tries, why=f"{why} ({guard.person().name})"),
    )  # fmt: skip


def _decide(
    session: Session, row_id: str, action: str, data: dict[str, Any], said: str, work: Any
) -> Response:
    row = session.get(OutboxRow, row_id)
    if row is None:
        abort(404, "There is no such change in the outbox.")
    told = forms.text("attempts", 9)
    try:
        work(int(told) if told.isascii() and told.isdecimal() else _OFTEN)
    except Problem as problem:
        session.rollback()
        abort(409, forms.sentence(problem))
    subject = f"{row.body.get('kind', 'ticket')} {row.body.get('number') or ''}".strip() + f", {row.verb}"
    audit.record(
        session, who=guard.person().name, action=action, subject=subject, data={"change": row_id} | data, now=guard.now()
    )  # fmt: skip
    session.commit()
    flash(said, "good")
    return redirect(url_for("outbox.page"))
