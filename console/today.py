"""Today: what needs somebody now. Each tile is a filtered list; each list beneath is its worst part."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, Flask, render_template
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from collector.store.devices import SILENT, UNKNOWN, Device
from collector.store.installation import Fact
from collector.store.reports import ProbeResult
from collector.store.tickets import WORKING_STATES, Ticket
from console import database as db
from console import guard, rooms, situations, tickets, unseen

today = Blueprint("today", __name__)

NEWLY: Final = timedelta(hours=24)
_ROWS: Final = 8


@dataclass(frozen=True, slots=True)
class Tile:
    count: int
    words: str
    url: str
    tone: str  # what a count above zero means
    shape: str


def register(app: Flask) -> None:
    app.register_blueprint(today)


@today.get("/")
def page() -> str:
    session, now = db.session(), guard.now()
    counted, alive = _counts(session)
    counts = counted | {
        f"rooms_{name}": count for name, count in rooms.counts(rooms.board(session, now)).items()
    }
    worst = session.execute(
        tickets.listing()
        .where(Ticket.state.in_(WORKING_STATES))
        .order_by(tickets.SEVERITY_RANK, Ticket.priority, Ticket.opened_at)
        .limit(_ROWS)
    ).all()
    silent = session.scalars(
        select(Device)
        .where(Device.presence == SILENT, Device.presence_at > now - NEWLY, Device.revoked_at.is_(None))
        .order_by(Device.presence_at.desc(), Device.id)
        .limit(_ROWS)
    ).all()
    return render_template(
        "today.html",
        tiles=_tiles(counts),
        counts=counts,
        worst=worst,
        silent=silent,
        alive=_moment(alive),
        situations=situations.open_ones(session),
    )


def _counts(session: Session) -> tuple[dict[str, int], str | None]:
    """One statement; every count is a subquery with an index to walk. And when the collector was last alive."""
    now = guard.now()
    device = select(func.count(Device.id)).where(Device.revoked_at.is_(None))
    working = select(func.count(Ticket.id)).where(Ticket.state.in_(WORKING_STATES))
    parts: dict[str, Any] = {
        "alive": select(Fact.value).where(Fact.name == "alive_at"),
        "devices": device,
        "online": device.where(Device.presence == "online"),
        "silent": device.where(Device.presence == SILENT, Device.presence_at > now - NEWLY),
        "patch_unknown": device.where(Device.patch_state == UNKNOWN),
        "patch_missing": device.where(Device.patch_state == "missing"),
        "working": working,
        "unassigned": working.where(Ticket.assignee == ""),
        "critical": working.where(Ticket.severity == "critical"),
        "warning": working.where(Ticket.severity == "warning"),
        "proposed": working.where(Ticket.proposal != ""),
        "blind": select(func.count(func.distinct(ProbeResult.device_id)))
        .join(Device, Device.id == ProbeResult.device_id)
        .where(unseen.condition(), Device.revoked_at.is_(None)),
    }
    row = session.execute(select(*(part.scalar_subquery().label(name) for name, part in parts.items()))).one()
    found = dict(row._mapping)
    alive = found.pop("alive")
    return {name: int(count or 0) for name, count in found.items()}, alive


def _tiles(counts: dict[str, int]) -> list[Tile]:
    return [
        Tile(counts["unassigned"], "tickets without an assignee", "/tickets?assignee=none", "accent", "●"),
        Tile(counts["critical"], "critical tickets", "/tickets?severity=critical", "bad", "✕"),
        Tile(counts["warning"], "warning tickets", "/tickets?severity=warning", "warn", "!"),
        Tile(
            counts.get("rooms_risk", 0),
            "rooms not ready before their next booking",
            "/rooms?risk=1",
            "bad",
            "✕",
        ),
        Tile(counts.get("rooms_unknown", 0), "rooms unknown", "/rooms?verdict=unknown", "unknown", "?"),
        Tile(counts["silent"], "devices newly silent", "/devices?presence=silent&newly=1", "bad", "✕"),
        Tile(
            counts["patch_unknown"],
            "devices with unknown patch state",
            "/devices?patch=unknown",
            "unknown",
            "?",
        ),
        Tile(counts["blind"], "devices we cannot fully see", "/coverage", "unknown", "?"),
    ]


def _moment(text: str | None) -> Any:
    from datetime import UTC, datetime

    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
