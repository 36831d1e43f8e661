"""Who did what to what: written by the views in the transaction of the change itself."""

import json
from datetime import datetime
from typing import Any
from uuid import uuid4

from flask import Blueprint, Flask, render_template
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.store.people import AuditEntry
from console import database as db
from console import lists

audit = Blueprint("audit", __name__)

_SORTS = {
    "at": lists.Sort(AuditEntry.at, "When", descending_first=True),
    "who": lists.Sort(AuditEntry.who, "Who"),
    "action": lists.Sort(AuditEntry.action, "Did"),
}

_COLUMNS: lists.Columns[AuditEntry] = (
    "at",
    "who",
    "action",
    "subject",
    ("data", lambda row: json.dumps(row.data, sort_keys=True) if row.data else ""),
)


def register(app: Flask) -> None:
    app.register_blueprint(audit)


def record(
    session: Session,
    *,
    who: str,
    action: str,
    subject: str = "",
    data: dict[str, Any] | None = None,
    now: datetime,
) -> None:
    session.add(
        AuditEntry(id=uuid4().hex, at=now, who=who, action=action[:64], subject=subject[:255], data=data)
    )


def _wish() -> lists.Wish:
    return lists.wish(_SORTS, default="-at", filters=("q",))


def _query(asked: lists.Wish) -> lists.Query:
    query = select(AuditEntry)
    if asked.filters["q"]:
        query = query.where(
            lists.contains(asked.filters["q"], AuditEntry.who, AuditEntry.action, AuditEntry.subject)
        )
    return query


@audit.get("/audit")
def page() -> str:
    asked = _wish()
    listed = lists.page(db.session(), _query(asked), asked, sorts=_SORTS, ids=AuditEntry.id)
    return render_template("audit.html", listed=listed, sorts=_SORTS, path="/audit")


@audit.get("/audit.csv")
def csv() -> Response:
    asked = _wish()
    rows = db.session().scalars(lists.everything(_query(asked), asked, sorts=_SORTS, ids=AuditEntry.id))
    return lists.export("audit", _COLUMNS, rows)
