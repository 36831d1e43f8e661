"""Overrides: a rule with other numbers for a part of the fleet. Made and ended, never deleted."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from flask import Blueprint, Flask, url_for
from pydantic import Field, StringConstraints
from sqlalchemy import Row, or_, select

from collector import decide
from collector.store.overrides import Override
from console import database as db
from console import guard, lists, rule_form, rule_words, rules
from console.api import etag, listing
from console.api.fields import Body, Filter, Id, Line, LongLine, Moment, Said, Shown
from console.api.operation import operation, refusing
from console.api.problem import Stopped
from console.api.rules import found as found_rule

api_overrides = Blueprint("api_overrides", __name__, url_prefix="/api/v1")

_SORTS = {"created": lists.Sort(Override.created_at, "Made", descending_first=True)}
_Key = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,64}$")]
_Value = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=100)]
_MOST_KEYS: Final = 40
# What a scope needs beside itself.
_NEEDS: Final = {
    "all": (), "device_class": ("device_class",), "site": ("site",), "room": ("site", "room"), "device": ("device_id",),
    "component": ("device_id", "component"),
}  # fmt: skip


def register(app: Flask) -> None:
    app.register_blueprint(api_overrides)


class OverrideShown(Shown):
    id: str
    url: str = ""
    rule: str
    scope: str = Field(description="all, device_class, site, room, device or component", examples=["site"])
    site: str
    name: str = Field(description="Of the kind of device, the room or (its id) the device")
    component: str
    changes: dict[str, Any] = Field(examples=[{"hold": "2h"}])
    says: list[str] = Field([], description="The changes in words")
    why: str
    who: str
    created_at: datetime
    until_at: datetime | None
    ended_at: datetime | None
    ended_by: str


class NewOverride(Body):
    scope: Literal["all", "device_class", "site", "room", "device", "component"] = Field(examples=["site"])
    site: Line = Field("", description="Of the scopes site and room", examples=["Tulsa County Courthouse"])
    room: Line = Field("", description="Of the scope room")
    device_class: Line = Field("", description="Of the scope device_class")
    device_id: Id | Literal[""] = Field("", description="Of the scopes device and component")
    component: LongLine = Field("", description="Of the scope component")
    changes: dict[_Key, bool | int | float | _Value] = Field(
        min_length=1, max_length=_MOST_KEYS, description="Keys of the rule's `source` with other values",
        examples=[{"hold": "2h"}],
    )  # fmt: skip
    until_at: Moment | None = Field(None, description="null: until somebody ends it")
    why: Said = Field(examples=["The clerks' scans fill it each morning and are moved at noon."])


class OverridesAsked(listing.ListAsked):
    rule: Filter = ""
    state: Literal["in_force", "over", "any"] = "in_force"
    sort: str = listing.order(_SORTS, "-created")


class OverridePage(listing.Page[OverrideShown]):
    """Overrides in the order asked for."""


@api_overrides.get("/overrides")
@operation(noun="Overrides", answer=OverridePage, asked=OverridesAsked)
def every(asked: OverridesAsked) -> OverridePage:
    """Overrides, those in force unless others are asked for."""

    def query(_wish: lists.Wish) -> lists.Query:
        query = select(Override).where(Override.rule == asked.rule) if asked.rule else select(Override)
        now = guard.now()
        if asked.state == "in_force":
            return query.where(rules.in_force(now))
        if asked.state == "over":
            return query.where(or_(Override.ended_at.is_not(None), Override.until_at <= now))
        return query

    return listing.page(
        OverridePage, query, _row, sorts=_SORTS, default="-created", filters=("rule", "state"), ids=Override.id,
        limit=asked.limit,
    )  # fmt: skip


def _row(row: Row[tuple[Override]]) -> OverrideShown:
    return _shown(row.Override)


def _shown(row: Override) -> OverrideShown:
    shown = OverrideShown.model_validate(row)
    shown.url = url_for("api_overrides.one", override_id=row.id)
    shown.says = rule_form.said(rule_words.of(row.rule), row.changes)
    return shown


@api_overrides.get("/overrides/<id:override_id>")
@operation(noun="Overrides", answer=OverrideShown, is_one=True)
def one(override_id: str) -> OverrideShown:
    """One override, also when it is over."""
    return _shown(_found(override_id))


def _found(override_id: str, *, held: bool = False) -> Override:
    """`held`: nobody else changes it until this transaction ends."""
    row = db.session().get(Override, override_id, with_for_update=held or None, populate_existing=held)
    if row is None:
        raise Stopped(404, "No override has this id.")
    return row


@api_overrides.post("/rules/<id:rule>/overrides")
@operation(noun="Overrides", answer=OverrideShown, body=NewOverride, status=201, once=True)
def make(rule: str, body: NewOverride) -> OverrideShown:
    """Put other numbers in force for a part of the fleet."""
    session = db.session()
    found_rule(rule)
    told = {
        name for name in ("site", "room", "device_class", "device_id", "component") if getattr(body, name)
    }
    if told != set(_NEEDS[body.scope]):
        needed = " and ".join(_NEEDS[body.scope]) or "nothing more"
        raise Stopped(422, f"An override of the scope {body.scope} needs {needed}, and nothing else.")
    if body.device_class and body.device_class not in rules.CLASSES:
        raise Stopped(422, f"A kind of device is one of {', '.join(rules.CLASSES)}.")
    with refusing(422):
        row = decide.override(
            session, rule_words.all_rules(), rule=rule, scope=body.scope, changes=body.changes, why=body.why.strip(),
            who=guard.person().signs, now=guard.now(), site=body.site, name=body.room or body.device_class or body.device_id,
            component=body.component, until_at=body.until_at,
        )  # fmt: skip
    session.flush()
    return _shown(row)


@api_overrides.post("/overrides/<id:override_id>/end")
@operation(noun="Overrides", answer=OverrideShown, is_one=True, changes=True)
def end(override_id: str) -> OverrideShown:
    """End it: the rule holds there as it is written."""
    row = _found(override_id, held=True)
    etag.match(_shown(row))
    with refusing(409):
        decide.end_override(db.session(), override_id, who=guard.person().signs, now=guard.now())
    return _shown(row)
