"""The brief: one page of paper before a visit, to a device or to a site. Saved it is one file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Flask, abort, current_app, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import case, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.rooms import item
from collector.store.devices import Device, Site
from console import brief_bring, brief_facts, brief_known, brief_site, guard
from console import database as db
from console.brief_bring import Thing
from console.brief_facts import Told
from console.room_sheet import code

brief = Blueprint("brief", __name__)

_MOST_OTHERS: Final = 5
# What fits three pages of a site.
_MOST_DEVICES: Final = 36


@dataclass(frozen=True, slots=True)
class Fit:
    """How much of each list is shown; the worst stands first, the rest is counted."""

    findings: int
    lines: int
    disks: int
    longest: int  # letters of a sentence
    things: int  # to bring: what is forgotten costs a second journey


_FITS: Final = (Fit(5, 6, 6, 220, 12), Fit(4, 5, 5, 150, 10), Fit(3, 4, 4, 100, 8), Fit(2, 3, 3, 80, 6))
# Of one page of Letter, the shorter of the two papers, without headings, card and signatures.
_LINES: Final = 28
_LETTERS: Final = 105  # in a line; in one of two columns
_LETTERS_OF_HALF: Final = 48


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteFit:
    """The same of a site's three pages."""

    devices: int  # for so many
    findings: int
    advice: bool
    longest: int
    things: int
    whom: int
    rooms: int
    unknown: int


# The more devices there are, the less is said of each.
_SITE_FITS: Final = (
    SiteFit(devices=8, findings=3, advice=True, longest=180, things=24, whom=4, rooms=12, unknown=12),
    SiteFit(devices=16, findings=2, advice=True, longest=110, things=24, whom=3, rooms=12, unknown=10),
    SiteFit(
        devices=_MOST_DEVICES, findings=2, advice=False, longest=70, things=18, whom=2, rooms=8, unknown=8
    ),
)


def register(app: Flask) -> None:
    app.register_blueprint(brief)


@brief.get("/devices/<id:device_id>/brief")
def of_device(device_id: str) -> Response:
    session, now = db.session(), guard.now()
    found = brief_known.read(session, Device.id == device_id)
    if not found:
        abort(404, "No device has this id.")
    one = found[0]
    bring, card = brief_bring.of_devices([one], name_them=False), brief_facts.card(one)
    others = _others(session, one.device)
    at = session.get(Site, one.device.site) if one.device.site else None
    told = brief_facts.tell(one, now)
    return _answer(
        "brief_device",
        told=told,
        card=card,
        bring=bring,
        others=others,
        fit=_fit(told, bring, len(card.disks), len(others)),
        zone=item.clock(at.time_zone if at else "UTC", now).zone,
        at={"device_id": device_id},
        code=code(url_for("device.page", device_id=device_id, _external=True)),
    )


def _fit(told: Told, bring: Sequence[Thing], disks: int, others: int) -> Fit:
    """As much as goes on one page."""
    for fit in _FITS:
        lines = sum(
            _rows(len(f"{one.text[: fit.longest]} {one.like} {one.for_whom[:4]}"))
            for one in bring[: fit.things]
        )
        lines += sum(_rows(60 + len(ticket.title[:160])) for ticket in told.known.tickets[:3])
        for finding in told.open[: fit.findings]:
            said = finding.summary, finding.texts.get("meaning", ""), finding.texts.get("advice", "")
            lines += sum(_rows(len(text[: fit.longest]) + 30) for text in said if text)
        left = sum(_rows(len(text[: fit.longest]), _LETTERS_OF_HALF) for text in told.due[: fit.lines])
        right = sum(_rows(len(text[: fit.longest]), _LETTERS_OF_HALF) for text in told.unknown[: fit.lines])
        lines += max(left + min(others, fit.lines) + (2 if others else 0), right) + min(disks, fit.disks)
        if lines <= _LINES:
            return fit
    return _FITS[-1]


def _rows(letters: int, of: int = _LETTERS) -> int:
    return 1 + letters // of


def _others(session: Session, device: Device) -> Sequence[Device]:
    """At the same site with something open, the worst first: one way for several."""
    if not device.site:
        return []
    return session.scalars(
        select(Device)
        .where(
            Device.site == device.site,
            Device.id != device.id,
            Device.revoked_at.is_(None),
            Device.open_findings > 0,
        )
        .order_by(case((Device.worst_severity == "critical", 0), else_=1), Device.host_name, Device.id)
        .limit(_MOST_OTHERS + 1)
    ).all()


@brief.get("/sites/<place:site>/brief")
def of_site(site: str) -> Response:
    session, now = db.session(), guard.now()
    row = session.get(Site, site)
    if row is None:
        abort(404, "There is no site of this name.")
    shown = brief_site.shown(session, row, now)
    return _answer(
        "brief_site",
        site=row,
        shown=shown,
        zone=item.clock(row.time_zone, now).zone,
        at={"site": site},
        code=code(url_for("brief.of_site", site=site, _external=True)),
        fit=next((fit for fit in _SITE_FITS if len(shown.devices) <= fit.devices), _SITE_FITS[-1]),
        most_devices=_MOST_DEVICES,
    )


def _answer(template: str, **shown: Any) -> Response:
    save = request.args.get("save") == "1"
    style = Path(current_app.static_folder or "", "console.css").read_text(encoding="utf-8") if save else ""
    body = render_template(
        f"{template}_saved.html" if save else f"{template}.html",
        style=Markup(style),  # noqa: S704 - our own file
        short=brief_facts.short,
        **shown,
    )
    saved = {"Content-Disposition": 'attachment; filename="brief.html"'} if save else {}
    return Response(body, mimetype="text/html", headers=saved)
