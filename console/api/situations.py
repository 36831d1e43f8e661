"""Situations: one event behind many findings."""

from datetime import datetime
from typing import Any, Literal

from flask import Blueprint, Flask, url_for
from pydantic import Field
from sqlalchemy import Row, select

from collector.store.situations import Situation
from console import database as db
from console import lists
from console.api import listing
from console.api.fields import Shown
from console.api.operation import operation
from console.api.problem import Stopped

api_situations = Blueprint("api_situations", __name__, url_prefix="/api/v1/situations")

_SORTS = {"opened": lists.Sort(Situation.opened_at, "Since", descending_first=True)}


def register(app: Flask) -> None:
    app.register_blueprint(api_situations)


class SituationShown(Shown):
    number: int = Field(examples=[1050])
    url: str = ""
    kind: str = Field(description="site_outage, everything_silent or storm", examples=["site_outage"])
    scope: str = Field(
        description="Of an outage the site; of a storm `site NAME` or `rule NAME`; empty: everything"
    )
    state: str = Field(description="open or resolved", examples=["open"])
    title: str
    body: str
    opened_at: datetime
    resolved_at: datetime | None
    seen_by: str = Field(description="Who looks after it; empty: nobody has said so")
    data: dict[str, Any] = Field(description="Devices, counts, times: by kind")


class SituationsAsked(listing.ListAsked):
    state: Literal["open", "resolved", "any"] = "open"
    sort: str = listing.order(_SORTS, "-opened")


class SituationPage(listing.Page[SituationShown]):
    """Situations in the order asked for."""


@api_situations.get("")
@operation(noun="Situations", answer=SituationPage, asked=SituationsAsked)
def every(asked: SituationsAsked) -> SituationPage:
    """What goes on, the newest first."""

    def query(_wish: lists.Wish) -> lists.Query:
        every = select(Situation)
        return every if asked.state == "any" else every.where(Situation.state == asked.state)

    return listing.page(
        SituationPage, query, _row, sorts=_SORTS, default="-opened", filters=("state",), ids=Situation.id,
        limit=asked.limit,
    )  # fmt: skip


def _row(row: Row[tuple[Situation]]) -> SituationShown:
    return _shown(row.Situation)


def _shown(row: Situation) -> SituationShown:
    shown = SituationShown.model_validate(row)
    shown.url = url_for("api_situations.one", number=row.number)
    return shown


@api_situations.get("/<number:number>")
@operation(noun="Situations", answer=SituationShown, is_one=True)
def one(number: int) -> SituationShown:
    """One situation."""
    row = db.session().scalar(select(Situation).where(Situation.number == number).limit(1))
    if row is None:
        raise Stopped(404, "No situation has this number.")
    return _shown(row)
