"""Enrolment tokens: made with their secret shown once, listed without it, revoked."""

from datetime import datetime, timedelta
from typing import Literal

from flask import Blueprint, Flask, url_for
from pydantic import Field
from sqlalchemy import Row, select

from collector import enrolment as collector_enrolment
from collector.store.enrolment import EnrolmentToken
from collector.store.installation import Fact
from console import audit, enrolment, guard, lists
from console import database as db
from console.api import etag, listing
from console.api.fields import Body, Line, Shown
from console.api.operation import operation
from console.api.problem import Stopped

api_enrolment_tokens = Blueprint("api_enrolment_tokens", __name__, url_prefix="/api/v1/enrolment-tokens")

_SORTS = {
    "created": lists.Sort(EnrolmentToken.created_at, "Made", descending_first=True),
    "expires": lists.Sort(EnrolmentToken.expires_at, "Ends"),
}


def register(app: Flask) -> None:
    app.register_blueprint(api_enrolment_tokens)


class TokenShown(Shown):
    id: str
    url: str = ""
    site: str | None
    room: str
    group: str
    device_class: str = Field(description="Empty: as the device says")
    uses: int
    uses_left: int
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None


class TokenMade(TokenShown):
    token: str = Field(
        description="For `tocsin-agent enrol --token`. Shown only now: nobody can read it later",
        examples=["tocsin1.…"],
    )


class NewToken(Body):
    site: Line = Field(
        "", description="Made where it is new; empty: no site", examples=["Tulsa County Courthouse"]
    )
    room: Line = ""
    group: Literal["desktop", "field", "office-tech", "av"] = Field(examples=["desktop"])
    device_class: Literal["", "av_host", "desktop", "laptop", "server"] = Field(
        "", description="Empty: as the device says"
    )
    uses: int = Field(1, ge=1, le=enrolment.MOST_USES, description="How many devices it lets in")
    valid_for_hours: int = Field(24, ge=1, le=24 * 30)


class TokensAsked(listing.ListAsked):
    state: Literal["usable", "any"] = "usable"
    sort: str = listing.order(_SORTS, "-created")


class TokenPage(listing.Page[TokenShown]):
    """Tokens in the order asked for, without their secrets."""


@api_enrolment_tokens.get("")
@operation(noun="Enrolment tokens", answer=TokenPage, asked=TokensAsked)
def every(asked: TokensAsked) -> TokenPage:
    """Tokens that let devices in now, unless all are asked for."""

    def query(_wish: lists.Wish) -> lists.Query:
        query = select(EnrolmentToken)
        if asked.state == "any":
            return query
        return query.where(
            EnrolmentToken.revoked_at.is_(None), EnrolmentToken.expires_at > guard.now(), EnrolmentToken.uses_left > 0
        )  # fmt: skip

    return listing.page(
        TokenPage, query, _row, sorts=_SORTS, default="-created", filters=("state",), ids=EnrolmentToken.id,
        limit=asked.limit,
    )  # fmt: skip


def _row(row: Row[tuple[EnrolmentToken]]) -> TokenShown:
    return _shown(row.EnrolmentToken)


def _shown(row: EnrolmentToken) -> TokenShown:
    shown = TokenShown.model_validate(row)
    shown.url = url_for("api_enrolment_tokens.one", token_id=row.id)
    return shown


@api_enrolment_tokens.get("/<id:token_id>")
@operation(noun="Enrolment tokens", answer=TokenShown, is_one=True)
def one(token_id: str) -> TokenShown:
    """One token, without its secret."""
    return _shown(_found(token_id))


def _found(token_id: str, *, held: bool = False) -> EnrolmentToken:
    """`held`: nobody else changes it until this transaction ends."""
    row = db.session().get(EnrolmentToken, token_id, with_for_update=held or None, populate_existing=held)
    if row is None:
        raise Stopped(404, "No enrolment token has this id.")
    return row


@api_enrolment_tokens.post("")
@operation(
    noun="Enrolment tokens", answer=TokenMade, body=NewToken, status=201, once=True, secrets=("token",)
)
def make(body: NewToken) -> TokenMade:
    """Make a token. Repeated under its Idempotency-Key it is refused: the secret was shown once."""
    session = db.session()
    fingerprint = session.scalar(select(Fact.value).where(Fact.name == "ca_fingerprint")) or ""
    row, text = collector_enrolment.create_token(
        session, uses=body.uses, valid=timedelta(hours=body.valid_for_hours), site=body.site or None, group=body.group,
        room=body.room, created_by=guard.person().signs, now=guard.now(), ca_fingerprint=fingerprint,
        device_class=body.device_class,
    )  # fmt: skip
    session.flush()
    return TokenMade(**_shown(row).model_dump(), token=text)


@api_enrolment_tokens.post("/<id:token_id>/revoke")
@operation(noun="Enrolment tokens", answer=TokenShown, is_one=True, changes=True)
def revoke(token_id: str) -> TokenShown:
    """Revoke it: no further device can use it. Devices it let in stay."""
    session, now = db.session(), guard.now()
    row = _found(token_id, held=True)
    etag.match(_shown(row))
    if row.revoked_at is not None:
        raise Stopped(409, "This token was revoked already.")
    collector_enrolment.revoke_token(session, token_id, now)
    audit.record(session, who=guard.person().signs, action="token revoked", subject=token_id, now=now)
    session.flush()
    session.refresh(row)
    return _shown(row)
