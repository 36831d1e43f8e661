"""The queue of tickets."""

from typing import Any, Final

from flask import Blueprint, Flask, render_template
from sqlalchemy import Integer, String, case, literal_column, select
from werkzeug.wrappers import Response

from collector.store.devices import Device, Site
from collector.store.people import User
from collector.store.tickets import TITLE, WORKING_STATES, WORST, Ticket
from collector.tickets import sla
from console import database as db
from console import guard, lists, words

tickets = Blueprint("tickets", __name__)

FILTERS: Final = ("q", "state", "severity", "group", "site", "assignee", "proposed", "due")
SEVERITY_RANK: Final = case((Ticket.severity == "critical", 0), (Ticket.severity == "warning", 1), else_=2)

SORTS: Final = {
    # As the indexes say them (collector/store/tickets.py): another expression for the same order is served by none.
    "worst": lists.Sort(literal_column(WORST, Integer), "Priority"),
    "number": lists.Sort(Ticket.number, "No.", descending_first=True),
    "title": lists.Sort(literal_column(TITLE, String), "What"),
    "device": lists.Sort(Device.host_name, "Device"),
    "state": lists.Sort(Ticket.state, "State"),
    "assignee": lists.Sort(Ticket.assignee, "Assignee"),
    "opened": lists.Sort(Ticket.opened_at, "Open since"),
}
_COLUMNS: Final[lists.Columns[Any]] = (
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
    ("opened_at", lambda row: row.Ticket.opened_at),
    ("resolved_at", lambda row: row.Ticket.resolved_at),
    ("closed_at", lambda row: row.Ticket.closed_at),
    ("outcome", lambda row: row.Ticket.outcome),
)


def register(app: Flask) -> None:
    app.register_blueprint(tickets)


def listing() -> lists.Query:
    """A ticket and its device: what every list of tickets shows."""
    return select(Ticket, Device).join(Device, Device.id == Ticket.device_id)


def query(asked: lists.Wish) -> lists.Query:
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
    if wanted.get("due"):  # of the promises: `soon`, `over`
        pressing = sla.pressing(db.session(), guard.now())
        query = query.where(Ticket.id.in_([id for id, stands in pressing.items() if stands == wanted["due"]]))
    if wanted["proposed"]:
        query = query.where(Ticket.proposal != "")
    if wanted["assignee"] == "me":
        query = query.where(Ticket.assignee == guard.person().name)
    elif wanted["assignee"]:
        query = query.where(Ticket.assignee == ("" if wanted["assignee"] == "none" else wanted["assignee"]))
    if wanted["q"]:
        found = lists.contains(wanted["q"], Ticket.title, Ticket.assignee, Device.host_name, Device.room)
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
    listed = lists.page(session, query(asked), asked, sorts=SORTS, ids=Ticket.id)
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
    rows = db.session().execute(lists.everything(query(asked), asked, sorts=SORTS, ids=Ticket.id))
    return lists.export("tickets", _COLUMNS, rows)
