"""The brief: one page of paper before a visit, to a device, a room or a site. Saved it is one file that needs nothing else."""

from collections.abc import Iterable, Mapping, Sequence
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
from console import (
    brief_bring,
    brief_facts,
    brief_known,
    brief_room,
    brief_site,
    brief_supply,
    guard,
    room_facts,
)
from console import database as db
from console.brief_bring import Thing
from console.brief_facts import Told
from console.brief_pdf import Busy, Failed, Missing, Press
from console.config import Config
from console.labels import PAPERS
from console.room_sheet import code, short_note

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


@dataclass(frozen=True, kw_only=True, slots=True)
class RoomFit:
    """The same of a room: one page while that can be had, else two."""

    lines: int  # it is chosen while no more than these are needed
    devices: int
    findings: int
    advice: bool
    items: int
    parts: int
    things: int
    unknown: int
    longest: int


# Of a page of Letter the headings, the bookings and the signatures leave so many.
_ROOM_LINES: Final = 28
_ROOM_FITS: Final = (
    RoomFit(lines=_ROOM_LINES, devices=8, findings=3, advice=True, items=8, parts=14, things=12, unknown=8, longest=160),
    RoomFit(lines=_ROOM_LINES, devices=5, findings=2, advice=True, items=6, parts=9, things=9, unknown=5, longest=110),
    RoomFit(lines=_ROOM_LINES, devices=4, findings=2, advice=False, items=5, parts=6, things=8, unknown=4, longest=90),
    RoomFit(lines=2 * _ROOM_LINES, devices=8, findings=3, advice=True, items=8, parts=14, things=12, unknown=8, longest=160),
    RoomFit(lines=999, devices=8, findings=2, advice=False, items=8, parts=12, things=12, unknown=6, longest=90),
)  # fmt: skip


# Added to the console's own style: the sheet, and which of them it is.
_ON_PAPER: Final = "@page {{ size: {}; @bottom-right {{ content: counter(page) ' of ' counter(pages); font: 7pt sans-serif; color: #444 }} }}"


def register(app: Flask) -> None:
    config: Config = app.extensions["config"]
    app.extensions["press"] = Press(state_dir=config.state_dir)
    app.register_blueprint(brief)


@brief.get("/devices/<id:device_id>/brief")
def of_device(device_id: str) -> Response:
    session, now = db.session(), guard.now()
    found = brief_known.read(session, Device.id == device_id)
    if not found:
        abort(404, "No device has this id.")
    one = found[0]
    bring = brief_bring.of_devices([one], name_them=False, now=now)
    card = brief_facts.card(one, brief_supply.card(one.cover, one.device.system_serial, now))
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
            _rows(len(f"{one.text[: fit.longest]} {one.like} {one.for_whom[:4]}")) + _more_rows(one)
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


def _more_rows(thing: Thing) -> int:
    """Of where it comes from."""
    return _rows(len(thing.supply)) if thing.supply else 0


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


@brief.get("/rooms/<place:site>/<place:name>/brief")
def of_room(site: str, name: str) -> Response:
    session, now = db.session(), guard.now()
    shown = brief_room.shown(session, site, name, now)
    facts = shown.facts
    return _answer(
        "brief_room",
        shown=shown,
        facts=facts,
        room=facts.room,
        zone=facts.zone,
        at={"site": site, "name": name},
        note=short_note(facts.room.note),
        old=facts.data_at is None or now - facts.data_at > room_facts.OLD,
        code=code(url_for("brief.of_room", site=site, name=name, _external=True)),
        fit=next((fit for fit in _ROOM_FITS if _lines(shown, fit) <= fit.lines), _ROOM_FITS[-1]),
    )


def _lines(shown: brief_room.Shown, fit: RoomFit) -> float:
    """What the lists take of the page, in lines."""

    def column(texts: Iterable[str], most: int) -> float:
        return sum(_rows(len(text[: fit.longest]) + 10, _LETTERS_OF_HALF) for text in list(texts)[:most])

    lines = float(sum(_rows(len(line)) for line in short_note(shown.facts.room.note).splitlines()))
    lines += sum(
        _rows(len(f"{one.text} {one.like}"[: fit.longest])) + _more_rows(one)
        for one in shown.bring[: fit.things]
    )
    for told in (*shown.hosts, *shown.others)[: fit.devices]:
        said = [told.go.why, *(one.summary for one in told.open[: fit.findings])]
        if fit.advice:
            said += [one.texts.get("advice", "") for one in told.open[: fit.findings]]
        lines += sum(_rows(len(text[: fit.longest]), _LETTERS_OF_HALF) for text in said if text) + 0.5
    lines += sum(1.3 + len(one.changes) for one in shown.differs[: fit.parts])
    lines += 2 * len(shown.facts.projectors[: fit.items])
    left = column((one.reason for one in shown.to_look_at), fit.items)
    right = column(shown.unknown, fit.unknown) + column(shown.due, fit.unknown) + (2 if shown.due else 0)
    return lines + max(left, right)


def _answer(template: str, **shown: Any) -> Response:
    """The page; with ?save=1 as one file that needs nothing else, with ?pdf=1 that file on paper."""
    pdf = request.args.get("pdf") == "1"
    save = pdf or request.args.get("save") == "1"
    style = Path(current_app.static_folder or "", "console.css").read_text(encoding="utf-8") if save else ""
    if pdf:
        paper = request.args.get("paper", "")
        style += _ON_PAPER.format(paper if paper in PAPERS else next(iter(PAPERS)))
    body = render_template(
        f"{template}_saved.html" if save else f"{template}.html",
        style=Markup(style),  # noqa: S704 - our own file
        short=brief_facts.short,
        papers={} if _press().missing else PAPERS,
        **shown,
    )
    if pdf:
        return _printed(body)
    saved = {"Content-Disposition": 'attachment; filename="brief.html"'} if save else {}
    return Response(body, mimetype="text/html", headers=saved)


def _press() -> Press:
    found: Press = current_app.extensions["press"]
    return found


def _printed(body: str) -> Response:
    db.close()  # nothing more is read, and it may take seconds
    try:
        made = _press().pdf(body)
    except Missing as problem:
        return _no_pdf(501, "This console makes no PDF", str(problem))
    except Busy:
        return _no_pdf(503, "Other PDFs are being made", "Try again in a moment.", {"Retry-After": "5"})
    except Failed as problem:
        current_app.logger.error("pdf: %s", problem)
        return _no_pdf(503, "The PDF could not be made", "What was tried has been stopped; the reason is in the console's log.")  # fmt: skip
    return Response(
        made,
        mimetype="application/pdf",
        headers={"Content-Disposition": 'attachment; filename="brief.pdf"'},
    )


def _no_pdf(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    advice = "The page itself can be printed, or saved as one file."
    body = render_template(
        "error.html", status=status, title=title, detail=detail, advice=advice,
        back=request.path, back_words="Back to the brief",
    )  # fmt: skip
    return Response(body, status, headers)
