"""The queue of tickets."""

from typing import Any, Final

from flask import Blueprint, Flask, render_template
from sqlalchemy import case, select
from werkzeug.wrappers import Response

from collector.store.devices import Device, Site
from collector.store.people import User
from collector.store.tickets import WORKING_STATES, Ticket
from console import database as db
from console import format, guard, lists, words

tickets = Blueprint("tickets", __name__)

FILTERS: Final = ("q", "state", "severity", "group", "site", "assignee", "proposed")
SEVERITY_RANK: Final = case((Ticket.severity == "critical", 0), (Ticket.severity == "warning", 1), else_=2)
_WORST: Final = case(
    (Ticket.severity == "critical", Ticket.priority),
    (Ticket.severity == "warning", Ticket.priority + 10),
    else_=30,
)

SORTS: Final = {
    "worst": lists.Sort(_WORST, "Priority"),
    "number": lists.Sort(Ticket.number, "No.", descending_first=True),
    "title": lists.Sort(Ticket.title, "What"),
    "device": lists.Sort(Device.host_name, "Device"),
    "state": lists.Sort(Ticket.state, "State"),
    "assignee": lists.Sort(Ticket.assignee, "Assignee"),
    "opened": lists.Sort(Ticket.opened_at, "Open since"),
}


def register(app: Flask) -> None:
    app.register_blueprint(tickets)


def listing() -> lists.Query:
    """A ticket and its device: what every list of tickets shows."""
    return select(Ticket, Device).join(Device, Device.id == Ticket.device_id)


def _query(asked: lists.Wish) -> lists.Query:
    wanted, query = asked.filters, listing()
    if wanted["state"] == "":
        query = query.where(Ticket.state.in_(WORKING_STATES))
    elif wanted["state"] != "any":
        query = query.where(Ticket.state == wanted["state"])
    if wanted["severity"]:
        query = query.where(Ticket.severity == wanted["severity"])
    if wanted["group"]:
        query = query.where(Ticket.group == wanted["group"])
    if wanted["site"]:
        query = query.where(Device.site == wanted["site"])
    if wanted["proposed"]:
        query = query.where(Ticket.proposal != "")
    if wanted["assignee"] == "me":
        query = query.where(Ticket.assignee == guard.person().name)
    elif wanted["assignee"]:
        query = query.where(Ticket.assignee == ("" if wanted["assignee"] == "none" else wanted["assignee"]))
    if wanted["q"]:
        found = lists.contains(wanted["q"], Ticket.title, Device.host_name, Device.room, Ticket.assignee)
        number = wanted["q"].lstrip("#")
        if number.isascii() and number.isdecimal() and len(number) < 10:
            found = found | (Ticket.number == int(number))
        query = query.where(found)
    return query


def _wish() -> lists.Wish:
    return lists.wish(SORTS, default="worst", filters=FILTERS)


@tickets.get("/tickets")
def page() -> str:
    session, asked = db.session(), _wish()
    listed = lists.page(session, _query(asked), asked, sorts=SORTS, ids=Ticket.id)
    sites = session.scalars(select(Site.name).order_by(Site.name)).all()
    people = session.scalars(select(User.name).where(User.disabled_at.is_(None)).order_by(User.name)).all()
    any_at_all = listed.total > 0 or session.scalar(select(Ticket.id).limit(1)) is not None
    return render_template(
        "tickets.html",
        listed=listed,
        sorts=SORTS,
        path="/tickets",
        sites=sites,
        people=people,
        states=words.STATE,
        any_at_all=any_at_all,
    )


@tickets.get("/tickets.csv")
def csv() -> Response:
    asked = _wish()
    rows = db.session().execute(lists.everything(_query(asked), asked, sorts=SORTS, ids=Ticket.id))
    cells: lists.Cells[Any] = lists.Cells(
        [
            ("number", lambda row: row.Ticket.number),
            ("severity", lambda row: row.Ticket.severity),
            ("priority", lambda row: row.Ticket.priority),
            ("state", lambda row: row.Ticket.state),
            ("title", lambda row: row.Ticket.title),
            ("device", lambda row: row.Device.host_name),
            ("site", lambda row: row.Device.site),
            ("room", lambda row: row.Device.room),
            ("group", lambda row: row.Ticket.group),
            ("assignee", lambda row: row.Ticket.assignee),
            ("opened_at", lambda row: format.iso(row.Ticket.opened_at)),
            ("resolved_at", lambda row: format.iso(row.Ticket.resolved_at)),
            ("closed_at", lambda row: format.iso(row.Ticket.closed_at)),
            ("outcome", lambda row: row.Ticket.outcome),
        ]
    )
    return lists.csv_response("tocsin-tickets.csv", cells, rows)
