"""An address of each page of the console, with what stands in the store for the blanks in it."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from collector.store.devices import Device
from collector.store.enrolment import EnrolmentToken
from collector.store.installation import RefreshRequest
from collector.store.overrides import Acceptance, Override
from collector.store.rooms import ReadinessCheck
from collector.store.situations import Maintenance, Situation
from collector.store.tickets import Ticket

# No pages: a file, and the door.
LEFT_OUT: Final = ("static", "sign_in.form")


class NoSample(Exception):
    """A route has a blank for which nothing is known here."""


def addresses(app: Flask, session: Session) -> dict[str, str]:
    """Endpoint → address, of all that answer to GET. Raises NoSample, which names every route that lacks one."""
    known, found, without = _known(session), dict[str, str](), list[str]()
    urls = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint in LEFT_OUT:
            continue
        try:
            found[rule.endpoint] = urls.build(rule.endpoint, {name: _sample(known, rule, name) for name in rule.arguments})  # fmt: skip
        except KeyError as missing:
            without.append(f"{rule.endpoint} ({missing.args[0]})")
    if without:
        raise NoSample(f"bench/addresses.py has nothing for {', '.join(sorted(without))}")
    return found


def _sample(known: Mapping[str, Any], rule: Rule, name: str) -> Any:
    return known[f"{rule.endpoint}.{name}"] if f"{rule.endpoint}.{name}" in known else known[name]


def _known(session: Session) -> dict[str, Any]:
    host = session.scalars(
        select(Device)
        .where(Device.device_class == "av_host", Device.revoked_at.is_(None), Device.room != "")
        .order_by(Device.host_name)
    ).first()
    if host is None:
        raise NoSample("the store has no room with an A/V host")
    ticket = select(Ticket.number).where(Ticket.device_id == host.id).order_by(Ticket.number.desc())
    refresh = select(RefreshRequest.id).where(RefreshRequest.device_id == host.id)
    check = select(ReadinessCheck.id).where(
        ReadinessCheck.site == host.site, ReadinessCheck.room == host.room
    )
    situation = session.scalars(select(Situation.number).order_by(Situation.number)).first()
    accepted = select(Acceptance.id).where(Acceptance.device_id == host.id)
    return {
        "device_id": host.id,
        "label": host.id[:12],
        "section": "software",
        "request_id": session.scalars(refresh).first(),
        "number": session.scalars(ticket).first(),
        "situations.one.number": situation,
        "api_situations.one.number": situation,
        "site": host.site,
        "name": host.room,
        "room": host.room,
        "check_id": session.scalars(check).first(),
        "rule": "filesystem_nearly_full",
        "acceptance_id": session.scalars(accepted).first(),
        "override_id": session.scalars(select(Override.id)).first(),
        "work_id": session.scalars(select(Maintenance.id)).first(),
        "token_id": session.scalars(select(EnrolmentToken.id)).first(),
        "kind": "stock",
    }
