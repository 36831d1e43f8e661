"""Values a person accepted as they are: the rule is silent about them until they get worse."""

from datetime import datetime

from flask import Blueprint, Flask, url_for
from pydantic import Field
from sqlalchemy import Row, select

from collector import decide
from collector.store.overrides import Acceptance
from console import database as db
from console import guard, lists
from console.api import etag, listing
from console.api.devices import found as found_device
from console.api.fields import Body, Id, Said, Shown
from console.api.operation import operation, refusing
from console.api.problem import Stopped

api_accepted_values = Blueprint(
    "api_accepted_values", __name__, url_prefix="/api/v1/devices/<id:device_id>/accepted-values"
)

_SORTS = {"created": lists.Sort(Acceptance.created_at, "Accepted", descending_first=True)}


def register(app: Flask) -> None:
    app.register_blueprint(api_accepted_values)


class AcceptedShown(Shown):
    id: str
    url: str = ""
    device_id: str
    rule: str
    component: str
    value: float
    why: str
    who: str
    created_at: datetime
    ended_at: datetime | None
    ended_by: str


class NewAccepted(Body):
    finding_id: Id = Field(description="An open finding of this device")
    why: Said = Field(examples=["Forty sectors since 2024 and no more: watched, not replaced."])


class AcceptedAsked(listing.ListAsked):
    sort: str = listing.order(_SORTS, "-created")


class AcceptedPage(listing.Page[AcceptedShown]):
    """Accepted values of one device that are in force."""


@api_accepted_values.get("")
@operation(noun="Accepted values", answer=AcceptedPage, asked=AcceptedAsked)
def every(device_id: str, asked: AcceptedAsked) -> AcceptedPage:
    """Those of one device that are in force."""
    found_device(db.session(), device_id)

    def query(_wish: lists.Wish) -> lists.Query:
        return select(Acceptance).where(Acceptance.device_id == device_id, Acceptance.ended_at.is_(None))

    return listing.page(
        AcceptedPage,
        query,
        _row,
        sorts=_SORTS,
        default="-created",
        filters=(),
        ids=Acceptance.id,
        limit=asked.limit,
    )


def _row(row: Row[tuple[Acceptance]]) -> AcceptedShown:
    return _shown(row.Acceptance)


def _shown(row: Acceptance) -> AcceptedShown:
    shown = AcceptedShown.model_validate(row)
    shown.url = url_for("api_accepted_values.one", device_id=row.device_id, acceptance_id=row.id)
    return shown


@api_accepted_values.get("/<id:acceptance_id>")
@operation(noun="Accepted values", answer=AcceptedShown, is_one=True)
def one(device_id: str, acceptance_id: str) -> AcceptedShown:
    """One accepted value, also when it holds no longer."""
    return _shown(_found(device_id, acceptance_id))


def _found(device_id: str, acceptance_id: str, *, held: bool = False) -> Acceptance:
    """`held`: nobody else changes it until this transaction ends."""
    key = (device_id, acceptance_id)
    row = db.session().get(Acceptance, key, with_for_update=held or None, populate_existing=held)
    if row is None:
        raise Stopped(404, "There is no such accepted value.")
    return row


@api_accepted_values.post("")
@operation(noun="Accepted values", answer=AcceptedShown, body=NewAccepted, status=201, once=True)
def accept(device_id: str, body: NewAccepted) -> AcceptedShown:
    """Accept the value that an open finding has now."""
    session = db.session()
    found_device(session, device_id)
    with refusing(409):
        row = decide.accept(
            session, device_id=device_id, finding_id=body.finding_id, why=body.why.strip(), who=guard.person().signs,
            now=guard.now(),
        )  # fmt: skip
    session.flush()
    return _shown(row)


@api_accepted_values.post("/<id:acceptance_id>/end")
@operation(noun="Accepted values", answer=AcceptedShown, is_one=True, changes=True)
def end(device_id: str, acceptance_id: str) -> AcceptedShown:
    """Accept it no longer: the rule judges it again from the next report on."""
    row = _found(device_id, acceptance_id, held=True)
    etag.match(_shown(row))
    with refusing(409):
        decide.end_acceptance(
            db.session(), device_id, acceptance_id, who=guard.person().signs, now=guard.now()
        )
    return _shown(row)
